package state_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"sealfront/proxy/state"
)

// rough is a bucket whose PUTs of names meet a conflict so often.
type rough struct {
	*bucket
	left int
}

func (r *rough) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	if strings.HasPrefix(name, "open/") && r.left > 0 {
		r.left--
		return "", fmt.Errorf("409 ExistingObjectIsDirectory: %w", fs.ErrExist)
	}
	return r.bucket.Put(ctx, name, body, ifMatch)
}

// A conflict about a name, which can't be in one, is the store's own and passes.
func TestNamesArePutAgain(t *testing.T) {
	b := &rough{bucket: newBucket()}
	s, err := state.Open(t.Context(), b, &kms{}, state.Options{ServiceKey: "service", Now: b.Now})
	if err != nil {
		t.Fatal(err)
	}
	record := create(t, s, "bucket")
	b.left = 3
	begin(t, s, record, "key", "1", b.now)
	if got := openUploads(t, s, record, "", ""); len(got) != 1 {
		t.Errorf("%q", got)
	}
	b.left = 100
	err = s.CreateUpload(t.Context(), state.Upload{Bucket: "bucket", Incarnation: record.Incarnation, Key: "key", ID: "2"})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("a conflict without end: %v", err)
	}
}
