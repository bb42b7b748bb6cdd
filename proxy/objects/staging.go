package objects

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"

	"go.uber.org/zap"

	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// stagedAbove is the stored size from which bytes that pass through on their way back to the same key are staged; what
// is smaller fits into the buffers between the store and here.
const stagedAbove = 256 << 10

// staging reports whether the source's bytes must be read from elsewhere while they are written back.
func (t *transfer) staging() bool {
	return t.inPlace() && t.from.total > stagedAbove && t.to.Objects.readsHoldWrites() &&
		t.from.total <= t.to.Objects.o.CopyLimit
}

// stage has the store copy the sealed bytes, of the version that was looked at, to where parts without an upload lie:
// should this replica be killed, the janitor removes them from there. It returns the request that reads them; done
// removes them.
func (t *transfer) stage(ctx context.Context) (read *store.Request, done func(), err error) {
	x := t.to
	var random [16]byte
	rand.Read(random[:])
	u := &state.Upload{Bucket: x.Bucket, ID: "staged-" + hex.EncodeToString(random[:])}
	name := state.StashName(u, 1, random)
	r := &store.Request{Operation: "CopyObject", Method: "PUT", Bucket: x.Objects.o.StateBucket, Key: name}
	t.setSource(r)
	r.Set("x-amz-metadata-directive", "REPLACE")
	r.Set(TagDirective, "REPLACE")
	_, f, err := doCopy(ctx, x, r)
	switch {
	case err != nil:
		return nil, nil, err
	case f != nil:
		return nil, nil, t.sourceFault(f)
	}
	done = func() {
		a, err := x.Objects.o.Store.Do(ctx,
			&store.Request{Operation: "DeleteObject", Method: http.MethodDelete, Bucket: x.Objects.o.StateBucket, Key: name})
		if err != nil {
			x.Objects.o.Log.Warn("staged bytes could not be removed; the janitor will", zap.String("name", name), zap.Error(err))
			return
		}
		a.Close()
	}
	return &store.Request{Operation: "GetObject", Method: http.MethodGet, Bucket: x.Objects.o.StateBucket, Key: name},
		done, nil
}
