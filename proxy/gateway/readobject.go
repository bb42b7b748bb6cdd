package gateway

import (
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// showChecksum shows the object's checksum: from the envelope, otherwise from the trailer.
func (x *exchange) showChecksum(o *objects.Opened) error {
	if x.Operation == policy.GetObject && !x.g.o.ChecksumOnGet && !o.HasChecksum() {
		return nil
	}
	c, parts, err := x.ChecksumOf(x.context, o)
	if err != nil || c == nil {
		return err
	}
	h := &x.ctx.Response.Header
	h.Set(s3.ChecksumOf(c.Algorithm).Header, s3.ShownChecksum(c, parts))
	h.Set("x-amz-checksum-type", s3.ChecksumType(c.Type))
	return nil
}

func checksumWanted(x *exchange) bool {
	return strings.EqualFold(x.grant.Value("x-amz-checksum-mode"), "ENABLED")
}

// decideRead sets the headers that say how the object is sealed, and refuses to read an SSE-KMS object without TLS.
func (x *exchange) decideRead(s *objects.Sealed) error {
	existing := &x.scratch.existing
	*existing = s.Encryption()
	if err := x.grant.Secure(existing.SSE); err != nil {
		return err
	}
	return x.grant.DecideExisting(existing, &x.scratch.options)
}
