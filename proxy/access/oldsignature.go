package access

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"sealfront/policy"
	"sealfront/sigv4"
)

// oldSignature returns the error for a request whose signature can't be read. One signed with Signature Version 2 is
// refused as its bucket's default requires, row T-2. Its sender is unknown, so it counts as a failed login of its
// address, and for an address with too many of them the bucket's record is no longer read.
func (x *Grant) oldSignature(ctx context.Context, err error) error {
	refused, ok := errors.AsType[*sigv4.Error](err)
	if !ok || refused.Code != "InvalidRequest" || !x.signedByV2() || policy.KindOf(x.Bucket) != policy.Directory ||
		x.c.Hidden(x.Bucket) || !x.mayLogIn(nil) {
		return err
	}
	x.loginFailed(nil)
	record, lookErr := x.c.o.Record(ctx, x.Bucket, Cached)
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
