package gateway

import (
	"strconv"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
)

// showChecksum shows the object's checksum: from the envelope, else from the trailer.
func (x *exchange) showChecksum(o *opened) error {
	c := o.secrets.Checksum
	parts := 1
	if o.known != nil {
		parts = o.known.layout.Parts()
		if c == nil { // that of a copy is in its envelope
			c = o.known.checksum
		}
	} else if c == nil && o.length > 0 {
		if o.trailer == nil {
			if !x.g.o.ChecksumOnGet && x.operation == policy.GetObject {
				return nil
			}
			if err := x.loadTrailer(o); err != nil {
				return err
			}
		}
		c = o.trailer.Checksum
	}
	if c == nil {
		return nil
	}
	value := s3.ChecksumText(c)
	if c.Type == crypto.Composite {
		value += "-" + strconv.Itoa(parts)
	}
	h := &x.ctx.Response.Header
	h.Set(s3.ChecksumOf(c.Algorithm).Header, value)
	h.Set("x-amz-checksum-type", s3.ChecksumType(c.Type))
	return nil
}

func checksumWanted(x *exchange) bool {
	return strings.EqualFold(x.headerValue("x-amz-checksum-mode"), "ENABLED")
}

// decideRead shows how the object is sealed, and refuses to read an SSE-KMS object in the clear.
func (x *exchange) decideRead(s *sealed) error {
	existing := &x.scratch.existing
	*existing = encryptionOf(s.envelope)
	if refused := policy.DecideTLS(x.operation, &x.request, existing.SSE, x.g.o.RequireTLS); refused != nil {
		return refused
	}
	o := &x.scratch.options
	*o = *x.g.policyOptions()
	o.Existing = existing
	var refused *policy.Refusal
	if x.decision, refused = policy.DecideEncryption(x.operation, &x.request, &x.facts, x.session, o); refused != nil {
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
		return policy.Authorize(x.operation, &x.request, x.caller(), x.target(keyARN), policy.ReadWrite)
	case x.session.Encryption.SSE != policy.SSEKMS || x.session.Encryption.KeyARN != keyARN:
		return policy.AuthorizeKey(x.operation, &x.request, x.caller(), x.target(keyARN))
	}
	return nil
}
