package objects

import (
	"context"
	"errors"

	"sealfront/crypto"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// UploadGone asks the store whether an open upload is over and did not become an object: its part listing says
// NoSuchUpload, and the object at its key, if any, doesn't carry its object id. The janitor asks it.
func (g *Objects) UploadGone(ctx context.Context, u *state.Upload) (bool, error) {
	b, err := g.o.Buckets.FreshBucket(ctx, u.Bucket)
	if errors.Is(err, state.ErrNoBucket) || err == nil && b.Incarnation != u.Incarnation {
		return true, nil // uploads end with their bucket, and a new one of its name has none of the old
	}
	if err != nil {
		return false, err
	}
	a, err := g.o.Store.Do(ctx,
		&store.Request{
			Operation: "ListParts", Method: "GET", Bucket: b.StoreName, Key: u.Key,
			Query: store.AppendQuery("max-parts=1", "uploadId", u.ID),
		})
	if err != nil {
		return false, err
	}
	f := a.Fault("ListParts")
	a.Close()
	if f == nil {
		return false, nil
	}
	if f.Code != "NoSuchUpload" {
		return false, f
	}
	a, err = g.o.Store.Do(ctx, &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: b.StoreName, Key: u.Key})
	if err != nil {
		return false, err
	}
	defer a.Close()
	if f := a.Fault("HeadObject"); f != nil {
		if f.Status == 404 {
			return true, nil
		}
		return false, f
	}
	mine, err := crypto.ParseEnvelope(u.Envelope)
	if err != nil {
		return false, err
	}
	theirs, err := crypto.ParseEnvelopeText(a.Get(g.o.MetadataHeader))
	// Where the object is the upload's, a repeated Complete must still be answered: its record stays for its own day.
	return err != nil || theirs.ObjectID != mine.ObjectID, nil
}
