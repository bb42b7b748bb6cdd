package gateway

import (
	"strings"

	"sealfront/crypto"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

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
	if body.check.announced && u.Algorithm != 0 && body.check.kind.Algorithm != u.Algorithm {
		return s3.Refuse("InvalidRequest",
			"Checksum Type mismatch occurred, expected checksum Type: "+strings.ToLower(u.Kind().Name)+
				", actual checksum Type: "+strings.ToLower(body.check.kind.Name))
	}
	if !body.check.announced && u.Algorithm != 0 && u.Type == crypto.Composite {
		return s3.Refuse("InvalidRequest",
			"Checksum Type mismatch occurred, expected checksum Type: "+strings.ToLower(u.Kind().Name)+
				", actual checksum Type: null")
	}
	body.check.returnChecksum(u.Kind())
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
	if c := record.Checksum(); c != nil && (u.Algorithm != 0 || body.check.announced && body.check.own == nil) {
		h.Set(s3.ChecksumOf(c.Algorithm).Header, s3.ChecksumText(c))
	}
	x.showEncryption()
	return nil
}
