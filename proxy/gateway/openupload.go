package gateway

import (
	"strconv"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

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

// decideUpload decides a request that adds to an upload by the upload's own settings (UP-3), with TLS and permissions
// as for any write.
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
