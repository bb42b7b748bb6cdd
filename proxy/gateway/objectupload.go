package gateway

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// lastPart is the store's part that is always ours: the stashed last part, if any, padding, trailer and tail.
const lastPart = crypto.MaxParts

func noSuchUpload(id string) *s3.Error {
	return s3.Refuse("NoSuchUpload", "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.", "UploadId", id)
}

// An upload is a multipart upload as a request found it.
type upload struct {
	*state.Upload
	envelope *crypto.Envelope
}

// kind is the checksum that parts are kept with.
func (u *upload) kind() *s3.ChecksumKind {
	if u.Algorithm == 0 {
		return s3.ChecksumOf(crypto.CRC64NVME)
	}
	return s3.ChecksumOf(u.Algorithm)
}

// storePart seals a part's plaintext, stores it, and writes its record.
func (x *object) storePart(u *upload, number int, body source, key *crypto.DataKey) (*crypto.PartRecord, error) {
	record := &crypto.PartRecord{Number: number, Stashed: number == lastPart || body.size() < crypto.MinPartSize}
	record.Length, record.Salt = body.size(), crypto.NewSalt()
	r := &store.Request{
		Operation: "UploadPart", Method: "PUT", Bucket: x.record.StoreName, Key: x.key,
		Query:  store.AppendQuery("partNumber="+strconv.Itoa(number), "uploadId", u.ID),
		Length: crypto.SealedLength(record.Length),
		Body: &sealing{body: body, sealer: key.NewSealer(&record.Salt), finished: func(c *crypto.Checksum) {
			record.SetChecksum(c.Algorithm, c.Value)
		}},
	}
	if record.Stashed {
		r.Operation, r.Bucket, r.Key, r.Query = "PutObject", x.in.o.StateBucket, state.StashName(u.Upload, number, record.Salt), ""
	}
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		if f.Code == "NoSuchUpload" {
			return nil, noSuchUpload(u.ID).Because(f)
		}
		return nil, storeError(f, x.bucket, x.key)
	}
	record.StoreETag = s3.Unquote(string(a.Get("Etag")))
	if err := x.in.o.Uploads.AddPart(x.context, u.Upload, record); err != nil {
		return nil, s3.Unavailable(err)
	}
	return record, nil
}

func (x *object) abortStore(id string) error {
	r := &store.Request{Operation: "AbortMultipartUpload", Method: "DELETE", Bucket: x.record.StoreName, Key: x.key, Query: store.AppendQuery("", "uploadId", id)}
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil && f.Code != "NoSuchUpload" {
		return storeError(f, x.bucket, x.key)
	}
	return nil
}

// createUpload begins a multipart upload whose object is sealed as e says. kind is the checksum that its parts are kept
// with, nil for the one that the proxy adds. describe puts the object's metadata onto the store's request.
func (x *object) createUpload(
	e policy.Encryption, kind *s3.ChecksumKind, sumType crypto.ChecksumType, now time.Time, asked *asked,
	describe func(r *store.Request, envelope []byte) error,
) (*state.Upload, error) {
	use, err := x.sealingKey(e)
	if err != nil {
		return nil, fmt.Errorf("get a bucket key for %s: %w", x.bucket, err)
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
	id, err := x.beginUpload(r.Header, func(f *store.Fault) error { return x.writeFault(f, asked) })
	if err != nil {
		return nil, err
	}
	u := state.Upload{
		Bucket: x.bucket, Incarnation: x.record.Incarnation, Key: x.key, ID: id, Initiated: now.UTC().Truncate(time.Millisecond),
		Envelope: envelope.Append(nil), Type: sumType,
	}
	if kind != nil {
		u.Algorithm = kind.Algorithm
	}
	for _, f := range r.Header {
		if string(f.Name) != x.in.o.MetadataHeader {
			u.Header = append(u.Header, state.Header{Name: string(f.Name), Value: string(f.Value)})
		}
	}
	if err := x.in.o.Uploads.CreateUpload(x.context, u); err != nil {
		// The client never hears of the upload.
		if aborted := x.abortStore(id); aborted != nil {
			x.in.o.Log.Warn("a store's upload that has no record could not be aborted: the bucket's lifecycle ends it",
				zap.String("upload", id), zap.Error(aborted))
		}
		return nil, recordError(err)
	}
	return &u, nil
}

// beginUpload begins an upload of the store and returns its id. fault translates the store's refusal.
func (x *object) beginUpload(header []sigv4.Field, fault func(*store.Fault) error) (id string, err error) {
	r := &store.Request{
		Operation: "CreateMultipartUpload", Method: "POST", Bucket: x.record.StoreName, Key: x.key, Query: "uploads=", Header: header,
	}
	a, err := x.in.o.Store.Do(x.context, r)
	if err != nil {
		return "", err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return "", fault(f)
	}
	body, err := a.Bytes(maxDocument)
	if err != nil {
		return "", s3.Unavailable(err)
	}
	var created struct{ UploadId string }
	if err := xmldoc.Unmarshal(body, &created); err != nil || created.UploadId == "" {
		return "", s3.Internal(fmt.Errorf("the store answered CreateMultipartUpload without an upload id: %w", err))
	}
	return created.UploadId, nil
}

// findUpload returns one of the object's uploads by its id, in any state; fresh past the cache.
func (x *object) findUpload(id string, fresh bool) (*upload, error) {
	find := x.in.o.Uploads.Upload
	if fresh {
		find = x.in.o.Uploads.FreshUpload
	}
	record, err := find(x.context, x.record, id)
	switch {
	case errors.Is(err, state.ErrNoUpload):
		return nil, noSuchUpload(id)
	case err != nil:
		return nil, recordError(err)
	case record.Key != x.key:
		return nil, noSuchUpload(id)
	}
	envelope, err := crypto.ParseEnvelope(record.Envelope)
	if err != nil {
		return nil, fmt.Errorf("read the envelope of an upload: %w", err)
	}
	return &upload{record, envelope}, nil
}

// encryption is how the upload's object is sealed.
func (u *upload) encryption() policy.Encryption { return encryptionOf(u.envelope) }

// abort ends an open upload: the store's first, so that nothing of it can be completed, then its records.
func (x *object) abort(u *upload) error {
	if err := x.abortStore(u.ID); err != nil {
		return err
	}
	if err := x.in.o.Uploads.EndUpload(x.context, u.Upload, state.UploadAborted, nil); err != nil {
		return s3.Unavailable(err)
	}
	return nil
}
