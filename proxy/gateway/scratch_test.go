package gateway

import (
	"reflect"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/store"
)

// A later request must not see what an earlier one worked with.
func TestNothingOfAPutIsLeftInItsMemory(t *testing.T) {
	var used Scratch
	used.put = put{x: new(object), copied: true, secrets: crypto.Secrets{Length: 3}}
	used.request = store.Request{Method: "PUT", Key: "key"}
	used.request.Set("name", "value")
	used.envelope = []byte("its memory")
	used.forget()
	used.envelope = nil
	if !reflect.DeepEqual(used, Scratch{}) {
		t.Errorf("left: %+v", used)
	}
}
