package objects

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// LastPart is the number of the store's part that is always the proxy's: the stashed last part, if any, padding,
// trailer and tail.
const LastPart = crypto.MaxParts

// NoSuchUpload is 404 for an upload that doesn't exist or is over.
func NoSuchUpload(id string) *s3.Error {
	return s3.NoSuchUpload("UploadId", id)
}

// An Upload is a multipart upload as a request found it.
type Upload struct {
	*state.Upload
	Envelope *crypto.Envelope
}

// Kind is the checksum that parts are recorded with.
func (u *Upload) Kind() *s3.ChecksumKind {
	if u.Algorithm == 0 {
		return s3.ChecksumOf(crypto.CRC64NVME)
	}
	return s3.ChecksumOf(u.Algorithm)
}

// StorePart seals a part's plaintext, stores it, and writes its record.
func (x *Object) StorePart(
	ctx context.Context, u *Upload, number int, body Plaintext, key *crypto.DataKey,
) (*crypto.PartRecord, error) {
	record := &crypto.PartRecord{Number: number, Stashed: number == LastPart || body.Size() < crypto.MinPartSize}
	record.Length, record.Salt = body.Size(), crypto.NewSalt()
	r := &store.Request{
		Operation: "UploadPart", Method: "PUT", Bucket: x.Record.StoreName, Key: x.Key,
		Query:  store.AppendQuery("partNumber="+strconv.Itoa(number), "uploadId", u.ID),
		Length: crypto.SealedLength(record.Length),
		Body: &sealWriter{body: body, sealer: key.NewSealer(&record.Salt), finished: func(c *crypto.Checksum) {
			record.SetChecksum(c.Algorithm, c.Value)
		}},
	}
	if record.Stashed {
		r.Operation, r.Bucket, r.Key, r.Query = "PutObject", x.Objects.o.StateBucket, state.StashName(u.Upload, number,
			record.Salt), ""
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Code == "NoSuchUpload" {
			return nil, NoSuchUpload(u.ID).Because(f)
		}
		return nil, StoreError(f, x.Bucket, x.Key)
	}
	record.StoreETag = s3.Unquote(string(a.Get("Etag")))
	if err := x.Objects.o.Uploads.AddPart(ctx, u.Upload, record); err != nil {
		return nil, s3.Unavailable(err)
	}
	return record, nil
}

func (x *Object) abortStore(ctx context.Context, id string) error {
	r := &store.Request{
		Operation: "AbortMultipartUpload", Method: "DELETE", Bucket: x.Record.StoreName, Key: x.Key,
		Query: store.AppendQuery("", "uploadId", id),
	}
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil && f.Code != "NoSuchUpload" {
		return StoreError(f, x.Bucket, x.Key)
	}
	return nil
}

// CreateUpload begins a multipart upload whose object is sealed as e says. kind is the checksum that its parts are
// recorded with, nil for the one that the proxy adds. describe puts the object's metadata onto the store's request.
func (x *Object) CreateUpload(ctx context.Context,
	e policy.Encryption, kind *s3.ChecksumKind, sumType crypto.ChecksumType, now time.Time, conditions *Conditions,
	describe func(r *store.Request, envelope []byte) error,
) (*state.Upload, error) {
	use, err := x.sealingKey(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.Bucket, err)
	}
	defer use.Release()
	envelope := newEnvelope(crypto.NewSalt(), e, use, x.keyOf(e))
	envelope.Multipart = true
	secrets := crypto.Secrets{DataKey: crypto.NewDataKey()}
	defer secrets.Wipe()
	if err := envelope.Wrap(x.place(), use, secrets); err != nil {
		return nil, fmt.Errorf("seal the envelope: %w", err)
	}
	var r store.Request
	if err := describe(&r, envelope.AppendText(nil)); err != nil {
		return nil, err
	}
	id, err := x.beginUpload(ctx, r.Header, func(f *store.Fault) error { return x.WriteFault(f, conditions) })
	if err != nil {
		return nil, err
	}
	u := state.Upload{
		Bucket: x.Bucket, Incarnation: x.Record.Incarnation, Key: x.Key, ID: id,
		Initiated: now.UTC().Truncate(time.Millisecond),
		Envelope:  envelope.Append(nil), Type: sumType,
	}
	if kind != nil {
		u.Algorithm = kind.Algorithm
	}
	for _, f := range r.Header {
		if string(f.Name) != x.Objects.o.MetadataHeader {
			u.Header = append(u.Header, state.Header{Name: string(f.Name), Value: string(f.Value)})
		}
	}
	if err := x.Objects.o.Uploads.CreateUpload(ctx, u); err != nil {
		// The client never learns the upload's id.
		if aborted := x.abortStore(ctx, id); aborted != nil {
			x.Objects.o.Log.Warn("a store's upload that has no record could not be aborted: the bucket's lifecycle ends it",
				zap.String("upload", id), zap.Error(aborted))
		}
		return nil, RecordError(err)
	}
	return &u, nil
}

// FindUpload returns one of the object's uploads by its id, in any state; fresh past the cache.
func (x *Object) FindUpload(ctx context.Context, id string, fresh bool) (*Upload, error) {
	find := x.Objects.o.Uploads.Upload
	if fresh {
		find = x.Objects.o.Uploads.FreshUpload
	}
	record, err := find(ctx, x.Record, id)
	switch {
	case errors.Is(err, state.ErrNoUpload):
		return nil, NoSuchUpload(id)
	case err != nil:
		return nil, RecordError(err)
	case record.Key != x.Key:
		return nil, NoSuchUpload(id)
	}
	envelope, err := crypto.ParseEnvelope(record.Envelope)
	if err != nil {
		return nil, fmt.Errorf("read the envelope of an upload: %w", err)
	}
	return &Upload{record, envelope}, nil
}

// Encryption is how the upload's object is sealed.
func (u *Upload) Encryption() policy.Encryption { return encryptionOf(u.Envelope) }

// Abort ends an open upload: the store's first, so that nothing of it can be completed, then its records. One that has
// ended is taken from listings, should whoever ended it not have come to that.
func (x *Object) Abort(ctx context.Context, u *Upload) error {
	if u.State == state.UploadOpen {
		if err := x.abortStore(ctx, u.ID); err != nil {
			return err
		}
	}
	if err := x.Objects.o.Uploads.EndUpload(ctx, u.Upload, state.UploadAborted, nil); err != nil {
		return s3.Unavailable(err)
	}
	return nil
}

// FindStray returns the object's upload of this id that is listed and has no record.
func (x *Object) FindStray(ctx context.Context, id string) (*state.StrayUpload, error) {
	u, err := x.Objects.o.Uploads.StrayUpload(ctx, x.Record, x.Key, id)
	switch {
	case errors.Is(err, state.ErrNoUpload):
		return nil, NoSuchUpload(id)
	case err != nil:
		return nil, RecordError(err)
	}
	return u, nil
}

// AbortStray takes such an upload from the store, should that still have it, and from listings.
func (x *Object) AbortStray(ctx context.Context, id string, u *state.StrayUpload) error {
	if err := x.abortStore(ctx, id); err != nil {
		return err
	}
	if err := x.Objects.o.Uploads.RemoveStray(ctx, u); err != nil {
		return s3.Unavailable(err)
	}
	return nil
}
