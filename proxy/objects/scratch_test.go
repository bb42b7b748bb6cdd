package objects

import (
	"reflect"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/store"
)

// A later request must not see what an earlier one worked with.
func TestNothingOfAPutIsLeftInItsMemory(t *testing.T) {
	var used Scratch
	used.put = Put{object: new(Object), copied: true, secrets: crypto.Secrets{Length: 3}}
	used.Request = store.Request{Method: "PUT", Key: "key"}
	used.Request.Set("name", "value")
	used.envelope = []byte("its memory")
	if !used.Used() {
		t.Error("a scratch that was used says that it wasn't")
	}
	used.Forget()
	used.envelope = nil
	if used.Used() {
		t.Error("a scratch that has forgotten says that it was used")
	}
	if !reflect.DeepEqual(used, Scratch{}) {
		t.Errorf("left: %+v", used)
	}
}
