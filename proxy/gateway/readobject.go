package gateway

import (
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// showChecksum shows the object's checksum: from the envelope, otherwise from the trailer.
func (x *exchange) showChecksum(o *objects.Opened) error {
	if x.Operation == policy.GetObject && !x.g.o.ChecksumOnGet && !o.KnowsChecksum() {
		return nil
	}
	c, parts, err := x.ChecksumOf(o)
	if err != nil || c == nil {
		return err
	}
	h := &x.ctx.Response.Header
	h.Set(s3.ChecksumOf(c.Algorithm).Header, s3.ShownChecksum(c, parts))
	h.Set("x-amz-checksum-type", s3.ChecksumType(c.Type))
	return nil
}

func checksumWanted(x *exchange) bool {
	return strings.EqualFold(x.headerValue("x-amz-checksum-mode"), "ENABLED")
}

// decideRead shows how the object is sealed, and refuses to read an SSE-KMS object in the clear.
func (x *exchange) decideRead(s *objects.Sealed) error {
	existing := &x.scratch.existing
	*existing = s.Encryption()
	if refused := policy.DecideTLS(x.Operation, &x.request, existing.SSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	o := &x.scratch.options
	*o = *x.g.policyOptions()
	o.Existing = existing
	var refused *policy.Refusal
	if x.decision, refused = policy.DecideEncryption(x.Operation, &x.request, &x.Facts, x.session, o); refused != nil {
		return refused
	}
	return nil
}

// mayRead reports whether the caller may use the KMS key of what the request reads.
func (x *exchange) mayRead(keyARN string) error {
	if refused := x.permitKey(keyARN); refused != nil {
		return refused
	}
	return nil
}

// permitKey asks whether the caller may use the KMS key that something stored is sealed under. A session's principal was
// asked for the session's own key when the session was made; any other is asked for now, else a session that chose
// SSE-S3 would read what its principal has no key permission for.
func (x *exchange) permitKey(keyARN string) *policy.Refusal {
	switch {
	case x.session == nil:
		return policy.Authorize(x.Operation, &x.request, x.caller(), x.Target(keyARN), policy.ReadWrite)
	case x.session.Encryption.SSE != policy.SSEKMS || x.session.Encryption.KeyARN != keyARN:
		return policy.AuthorizeKey(x.Operation, &x.request, x.caller(), x.Target(keyARN))
	}
	return nil
}
