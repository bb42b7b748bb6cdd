package access

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"sealfront/policy"
	"sealfront/sigv4"
)

// oldSignature takes the error of a request that couldn't be read as signed. One signed with Signature Version 2 is
// refused as its bucket's default wants it, row T-2. Nobody is known to have sent it, so it counts as a failed login of
// its address, and an address with too many of them gets no look at the bucket's record any more.
func (x *Grant) oldSignature(ctx context.Context, err error) error {
	refused, ok := errors.AsType[*sigv4.Error](err)
	if !ok || refused.Code != "InvalidRequest" || !x.signedByV2() || policy.KindOf(x.Bucket) != policy.Directory ||
		x.c.Hidden(x.Bucket) || !x.mayLogIn(nil) {
		return err
	}
	x.loginFailed(nil)
	record, lookErr := x.c.o.Record(ctx, x.Bucket, false)
	if lookErr != nil || record == nil {
		return err
	}
	facts := x.c.FactsOf(record)
	r := policy.Request{Signature: policy.SigV2}
	return policy.DecideSignature(&r, &facts)
}

// signedByV2 reports whether a request's authentication is of Signature Version 2, in its header or in its query.
func (x *Grant) signedByV2() bool {
	for _, f := range x.Message.Header {
		if http.CanonicalHeaderKey(string(f.Name)) == "Authorization" {
			return bytes.HasPrefix(f.Value, []byte("AWS "))
		}
	}
	return bytes.Contains(x.Message.Query, []byte("AWSAccessKeyId="))
}
