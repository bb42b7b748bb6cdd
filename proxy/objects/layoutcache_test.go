package objects

import (
	"strconv"
	"testing"

	"sealfront/crypto"
)

// The cache of layouts is bounded in bytes; what was used last stays.
func TestTheLayoutCacheIsBounded(t *testing.T) {
	l := newLayouts()
	k := &cachedLayout{layout: crypto.SinglePart(10, crypto.NewSalt())}
	l.budget = 5 * k.size("0")
	for n := range 9 {
		l.put(strconv.Itoa(n), k)
		l.put(strconv.Itoa(n), k) // once more is no more
		if l.get("0") == nil {
			t.Error("what is used all the time is gone")
		}
	}
	if l.bytes != l.budget || l.get("8") == nil || l.get("4") != nil {
		t.Errorf("%d bytes of %d", l.bytes, l.budget)
	}
	l.drop("8")
	l.drop("none")
	if l.bytes != 4*k.size("0") || l.get("8") != nil {
		t.Errorf("%d bytes after one was dropped", l.bytes)
	}
	l.budget = 1
	l.put("large", k)
	if l.get("large") != nil || l.bytes != 0 {
		t.Errorf("%d bytes of a budget of one", l.bytes)
	}
}
