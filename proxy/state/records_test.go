package state_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/state"
)

// The names of stashed parts don't collide, and go with their upload.
func TestStashesGoWithTheirUpload(t *testing.T) {
	x := newScene(t)
	var names []string
	for number := range 3 {
		for salt := range 2 {
			names = append(names, state.StashName(x.open, number+1, [crypto.SaltSize]byte{byte(salt)}))
		}
	}
	for _, name := range names {
		if _, err := x.store.Put(t.Context(), name, []byte("sealed"), ""); err != nil {
			t.Errorf("two stashes have one name: %v", err)
		}
	}
	if err := x.s.EndUpload(t.Context(), x.open, state.UploadAborted, nil); err != nil {
		t.Fatal(err)
	}
	x.s.Settle()
	for _, name := range names {
		if left := x.store.names(name); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
}

// Uploads of an earlier bucket of the same name, and listings that were enough, end quietly.
func TestUploadsOfAnEarlierBucketAreNotThisOnes(t *testing.T) {
	x := newScene(t)
	newUpload(t, x.s, x.b, "another", x.store.Now())
	calls := 0
	if err := x.s.OpenUploads(t.Context(), x.b, "", "",
		func(*state.OpenUpload) (string, bool) { calls++; return "", false }); err != nil ||
		calls != 1 {
		t.Errorf("%d uploads after the first was enough, %v", calls, err)
	}
	later := *x.b
	later.Incarnation = "another"
	if err := x.s.OpenUploads(t.Context(), &later, "", "",
		func(u *state.OpenUpload) (string, bool) { t.Errorf("%+v", u); return "", true }); err != nil {
		t.Error(err)
	}
	for _, read := range []func(context.Context, *state.Bucket, string) (*state.Upload, error){
		x.s.Upload,
		x.s.FreshUpload,
	} {
		if u, err := read(t.Context(), &later, "open"); !errors.Is(err, state.ErrNoUpload) {
			t.Errorf("%+v, %v", u, err)
		}
	}
}

// What isn't a record of ours is refused: a part's name that doesn't open, which is reported, and a session key of
// another length.
func TestRecordsThatAreNotOurs(t *testing.T) {
	b := newBucket()
	var damaged []string
	s := open(t, b, &damaged)
	c := create(t, s, "b")
	u := newUpload(t, s, c, "u", b.Now())
	addPart(t, s, u, 1, "e")
	part := b.names("uploads/b/")[0]
	forged := part[:strings.LastIndex(part, "/")] + "/00002-forged"
	if _, err := b.Put(t.Context(), forged, nil, ""); err != nil {
		t.Fatal(err)
	}
	if parts, _, err := s.Parts(t.Context(), u, 0, 9); !errors.Is(err, state.ErrRecord) || len(damaged) != 1 ||
		damaged[0] != forged {
		t.Errorf("%v, %v; reported: %q", parts, err, damaged)
	}

	stateKey := [crypto.KeySize]byte(bytes.Repeat([]byte{1}, crypto.KeySize)) // as the stand-in for KMS made it
	for length, want := range map[int]error{32: nil, 31: state.ErrRecord, 0: state.ErrRecord} {
		id := [16]byte{byte(length)}
		name := "sessions/" + hex.EncodeToString(id[:])
		record, err := json.Marshal(map[string][]byte{"key": make([]byte, length)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), name, crypto.SealRecord(&stateKey, name, record), ""); err != nil {
			t.Fatal(err)
		}
		key, ok, err := s.Find(t.Context(), id)
		if !errors.Is(err, want) || ok != (want == nil) || ok && len(key) != 32 {
			t.Errorf("a session key of %d bytes: %d bytes, %t, %v", length, len(key), ok, err)
		}
	}
}
