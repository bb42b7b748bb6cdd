package gateway

import (
	"net/http"
	"time"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
)

// abortMultipartUpload carries out AbortMultipartUpload. Afterwards nothing of the upload can be completed: the store's
// upload is gone. Repeated, and after a Complete, it answers 204 as S3 does. It has the key's claim, so that no
// Complete of the upload runs meanwhile. What is listed can be aborted, also when it has no record.
func abortMultipartUpload(x *exchange) error {
	_, err := x.findUpload(false)
	switch {
	case err != nil && objects.Translate(err).Code == "NoSuchUpload":
		err = x.abortStray()
	case err == nil:
		err = x.claimed(func(*state.Claim) error { return x.abort() }, x.Key)
	}
	if err != nil {
		return err
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

func (x *exchange) abort() error {
	u, err := x.findUpload(true)
	if err != nil {
		return err
	}
	if u.State == state.UploadOpen {
		if err := x.initiatedAsExpected(u.Initiated); err != nil {
			return err
		}
	}
	return x.Object.Abort(x.context, u)
}

// abortStray ends an upload that nothing but its name knows of. Without a record nobody can add to it or complete it,
// so it needs no claim.
func (x *exchange) abortStray() error {
	id, _ := x.grant.Query.Get("uploadId")
	u, err := x.Object.FindStray(x.context, id)
	if err != nil {
		return err
	}
	if err := x.initiatedAsExpected(u.Initiated); err != nil {
		return err
	}
	return x.Object.AbortStray(x.context, id, u)
}

// initiatedAsExpected checks the request's condition on when the upload began, if it has one.
func (x *exchange) initiatedAsExpected(initiated time.Time) error {
	want := x.grant.Value("x-amz-if-match-initiated-time")
	if want == "" {
		return nil
	}
	if t, err := http.ParseTime(want); err != nil || !t.Equal(initiated.Truncate(time.Second)) {
		return s3.PreconditionFailed("x-amz-if-match-initiated-time")
	}
	return nil
}
