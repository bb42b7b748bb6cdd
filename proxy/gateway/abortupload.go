package gateway

import (
	"net/http"
	"time"

	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// abortMultipartUpload carries out AbortMultipartUpload. Afterwards nothing of the upload can be completed: the store's
// upload is gone. Repeated, and after a Complete, it answers 204 as S3 does. It has the key's claim, so that no
// Complete of the upload runs meanwhile.
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
	}
	if err := x.Object.Abort(x.context, u); err != nil {
		return err
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}
