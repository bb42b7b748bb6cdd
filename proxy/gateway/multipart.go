package gateway

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
)

// createMultipartUpload carries out CreateMultipartUpload: the envelope goes to the store as the object's metadata, and
// into the upload's record, so that any replica can seal any part. Two requests to the store.
func createMultipartUpload(x *exchange) error {
	kind, sumType, err := x.uploadChecksum()
	if err != nil {
		return err
	}
	if err := x.checkObjectLock(); err != nil {
		return err
	}
	asked := x.asked()
	u, err := x.CreateUpload(x.context, x.grant.Decision.Encryption, kind, sumType, x.grant.Start, &asked,
		func(r *store.Request, envelope []byte) error {
			x.setTags(r)
			x.setAttributes(r)
			return x.setObjectHeaders(r, envelope)
		})
	if err != nil {
		return err
	}
	if kind != nil {
		h := &x.ctx.Response.Header
		h.Set("x-amz-checksum-algorithm", kind.Name)
		h.Set("x-amz-checksum-type", s3.ChecksumType(sumType))
	}
	x.showEncryption()
	return x.answerXML(&struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Xmlns                 string   `xml:"xmlns,attr"`
		Bucket, Key, UploadId string
	}{Xmlns: s3.Namespace, Bucket: x.Bucket, Key: x.Key, UploadId: u.ID})
}

// uploadChecksum reads the checksum that an upload asks for: section 6.1. No algorithm is nil: the proxy then adds
// CRC64NVME over the whole object.
func (x *exchange) uploadChecksum() (*s3.ChecksumKind, crypto.ChecksumType, error) {
	name, wanted := x.grant.Value("x-amz-checksum-algorithm"), x.grant.Value("x-amz-checksum-type")
	if name == "" {
		if wanted != "" {
			return nil, 0,
				s3.Refuse("InvalidRequest",
					"The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return nil, crypto.FullObject, nil
	}
	kind := s3.ChecksumByName(strings.ToUpper(name))
	if kind == nil {
		return nil, 0, s3.UnsupportedAlgorithm()
	}
	mismatch := func() error {
		return s3.Refuse("InvalidRequest",
			"The "+wanted+" checksum type cannot be used with the "+strings.ToLower(kind.Name)+" checksum algorithm.")
	}
	switch strings.ToUpper(wanted) {
	case "":
		if kind.Composite {
			return kind, crypto.Composite, nil
		}
		return kind, crypto.FullObject, nil
	case "COMPOSITE":
		if !kind.Composite {
			return nil, 0, mismatch()
		}
		return kind, crypto.Composite, nil
	case "FULL_OBJECT":
		if !kind.Full {
			return nil, 0, mismatch()
		}
		return kind, crypto.FullObject, nil
	}
	return nil, 0, s3.Refuse("InvalidRequest", "Value for x-amz-checksum-type header is invalid.")
}

// findUpload returns the request's upload, in any state; fresh past the cache.
func (x *exchange) findUpload(fresh bool) (*objects.Upload, error) {
	id, _ := x.grant.Query.Get("uploadId")
	return x.Object.FindUpload(x.context, id, fresh)
}

// openUpload is findUpload for an upload that must still be open. The decision is that of the upload's settings.
func (x *exchange) openUpload(fresh bool) (*objects.Upload, error) {
	u, err := x.findUpload(fresh)
	if err != nil {
		return nil, err
	}
	if u.State != state.UploadOpen {
		return nil, objects.NoSuchUpload(u.ID)
	}
	return u, x.decideUpload(u)
}

// decideUpload decides what adds to an upload by the upload's own settings (UP-3), with TLS and permissions as for any
// write.
func (x *exchange) decideUpload(u *objects.Upload) error {
	existing := u.Encryption()
	if err := x.grant.DecideExisting(&existing, new(policy.Options)); err != nil {
		return err
	}
	if err := x.grant.Secure(existing.SSE); err != nil {
		return err
	}
	if x.grant.Session != nil {
		return nil
	}
	key := ""
	if x.Operation.SealsObject() && existing.SSE == policy.SSEKMS {
		key = existing.KeyARN
	}
	return x.grant.Permit(x.Operation, &x.grant.Place, key)
}

func (x *exchange) partNumber() (int, error) {
	v, _ := x.grant.Query.Get("partNumber")
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > crypto.MaxParts {
		return 0, s3.InvalidArgument("partNumber", v, "Part number must be an integer between 1 and 10000, inclusive")
	}
	return n, nil
}

// uploadPart carries out UploadPart. A part that the store could take as one that isn't the last goes straight there; a
// smaller one, and number 10,000, whose place in the store is ours, is stashed in the state bucket. Two requests to
// the store: the part, and its record before the client gets its 200.
func uploadPart(x *exchange) error {
	number, err := x.partNumber()
	if err != nil {
		return err
	}
	u, err := x.openUpload(false)
	if err != nil {
		return err
	}
	limit := int64(crypto.MaxPart)
	if number == objects.LastPart {
		limit = crypto.MaxPart10000
	}
	body, err := x.newBody(limit)
	if err != nil {
		return err
	}
	if body.check.told && u.Algorithm != 0 && body.check.kind.Algorithm != u.Algorithm {
		return s3.Refuse("InvalidRequest",
			"Checksum Type mismatch occurred, expected checksum Type: "+strings.ToLower(u.Kind().Name)+
				", actual checksum Type: "+strings.ToLower(body.check.kind.Name))
	}
	if !body.check.told && u.Algorithm != 0 && u.Type == crypto.Composite {
		return s3.Refuse("InvalidRequest",
			"Checksum Type mismatch occurred, expected checksum Type: "+strings.ToLower(u.Kind().Name)+
				", actual checksum Type: null")
	}
	body.check.keep(u.Kind())
	secrets, err := x.Unwrap(x.context, u.Envelope, false, x.grant.MayRead)
	if err != nil {
		return err
	}
	defer secrets.Wipe()
	body.Start()
	record, err := x.StorePart(x.context, u, number, body, &secrets.DataKey)
	if err != nil {
		return err
	}
	h := &x.ctx.Response.Header
	h.Set("ETag", s3.ClientETag([]byte(record.StoreETag)))
	if c := record.Checksum(); c != nil && (u.Algorithm != 0 || body.check.told && body.check.own == nil) {
		h.Set(s3.ChecksumOf(c.Algorithm).Header, s3.ChecksumText(c))
	}
	x.showEncryption()
	return nil
}

// abortMultipartUpload carries out AbortMultipartUpload. Afterwards nothing of the upload can be completed: the store's
// upload is gone. Repeated, and after a Complete, it answers 204 as S3 does. It has the key's claim, so that no
// Complete of the upload is at work meanwhile.
func abortMultipartUpload(x *exchange) error {
	if _, err := x.findUpload(false); err != nil {
		return err
	}
	return x.claimed(func(*state.Claim) error { return x.abort() }, x.Key)
}

func (x *exchange) abort() error {
	u, err := x.findUpload(true)
	if err != nil {
		return err
	}
	if u.State == state.UploadOpen {
		if want := x.grant.Value("x-amz-if-match-initiated-time"); want != "" {
			t, err := http.ParseTime(want)
			if err != nil || !t.Equal(u.Initiated.Truncate(time.Second)) {
				return s3.PreconditionFailed("x-amz-if-match-initiated-time")
			}
		}
		if err := x.Object.Abort(x.context, u); err != nil {
			return err
		}
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}
