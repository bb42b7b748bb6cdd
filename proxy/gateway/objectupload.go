package gateway

import (
	"strconv"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
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
