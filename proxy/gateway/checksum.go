package gateway

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strings"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// An integrity check compares a body with everything that its request says about it.
type integrity struct {
	kind    *s3.ChecksumKind // the checksum that the request announces, else CRC64NVME
	told    bool             // the request announced one
	want    []byte           // its announced value, nil when nothing was announced or it comes in the trailer
	trailer string           // name of the trailer that announces it, or ""
	hash    hash.Hash

	own     *s3.ChecksumKind // the checksum to keep when it isn't kind: that of the upload a part belongs to
	ownHash hash.Hash

	sha256  hash.Hash // of x-amz-content-sha256; nil when it isn't one, the same hash as above where possible
	md5     hash.Hash // of Content-MD5; nil when absent, the same hash as above where possible
	wantMD5 []byte

	sum    [64]byte
	hashes [len(s3.ChecksumKinds)]hash.Hash // made so far, by kind; used again
}

// hashOf is the hash of a kind, ready for a body.
func (c *integrity) hashOf(kind *s3.ChecksumKind) hash.Hash {
	at := &c.hashes[kind.Algorithm-1]
	if *at == nil {
		*at = kind.Make()
	} else {
		(*at).Reset()
	}
	return *at
}

// newIntegrity reads what the request announces about its body, section 6.1 of the behaviour reference. trailer is the
// announced trailing checksum; hashed tells that x-amz-content-sha256 is a hash.
func (x *exchange) newIntegrity(trailer string, hashed bool) (*integrity, error) {
	c := &x.scratch.integrity
	*c = integrity{trailer: trailer, hashes: c.hashes}
	var malformed error
	var buf s3.NameBuffer
	for i := range x.grant.Header.Fields {
		f := &x.grant.Header.Fields[i]
		if !maybeChecksum(f.Name) {
			continue
		}
		name := s3.LowerName(f.Name, &buf)
		if !strings.HasPrefix(name, s3.ChecksumPrefix) || name == "x-amz-checksum-mode" || name == "x-amz-checksum-algorithm" || name == "x-amz-checksum-type" {
			continue
		}
		kind := s3.ChecksumByHeader(name)
		switch {
		case kind == nil:
			return nil, s3.Refuse("InvalidRequest", "The algorithm type you specified in x-amz-checksum- header is invalid.")
		case trailer != "":
			return nil, s3.Refuse("InvalidRequest", "Expecting a single x-amz-checksum- header")
		case c.kind != nil:
			return nil, s3.Refuse("InvalidRequest", "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c.kind = kind
		value := s3.View(f.Value)
		if x.Operation == policy.CompleteMultipartUpload { // a composite one says of how many parts
			var parts string
			var composite bool
			if value, parts, composite = strings.Cut(value, "-"); composite && !s3.IsPartCount(parts) {
				value = ""
			}
		}
		var err error
		if c.want, err = s3.DecodeChecksum(kind, value); err != nil {
			malformed = s3.Refuse("InvalidRequest", "Value for "+kind.Header+" header is invalid.")
		}
	}
	if malformed != nil {
		return nil, malformed
	}
	if trailer != "" {
		c.kind = s3.ChecksumByHeader(trailer)
	}
	if named := x.grant.Value("x-amz-sdk-checksum-algorithm"); named != "" {
		switch {
		case c.kind == nil:
			return nil, s3.Refuse("InvalidRequest", "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers were found.")
		case !strings.EqualFold(named, c.kind.Name):
			return nil, s3.Refuse("InvalidRequest", "Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	if sent, ok := x.grant.Field("content-md5"); ok {
		sum, err := base64.StdEncoding.Strict().DecodeString(string(sent))
		if err != nil || len(sum) != md5.Size {
			return nil, s3.Refuse("InvalidDigest", "The Content-MD5 you specified was invalid.", "Content-MD5", string(sent))
		}
		c.wantMD5 = sum
	}
	if c.told = c.kind != nil; !c.told {
		c.kind = s3.ChecksumOf(crypto.CRC64NVME) // U-28: S3 adds one by itself
	}
	c.hash = c.hashOf(c.kind)
	if c.wantMD5 != nil {
		c.md5 = c.hashOf(s3.ChecksumOf(crypto.MD5)) // which is c.hash if that is the kind
	}
	if hashed {
		c.sha256 = sha256.New()
		if c.kind.Algorithm == crypto.SHA256 {
			c.sha256 = c.hash
		}
	}
	return c, nil
}

// Write takes the next bytes of the body.
func (c *integrity) Write(p []byte) {
	c.hash.Write(p)
	if c.sha256 != nil && c.sha256 != c.hash {
		c.sha256.Write(p)
	}
	if c.md5 != nil && c.md5 != c.hash {
		c.md5.Write(p)
	}
	if c.ownHash != nil && c.ownHash != c.md5 {
		c.ownHash.Write(p)
	}
}

// keep asks for the checksum of this kind to be returned by check, whatever the client announced.
func (c *integrity) keep(kind *s3.ChecksumKind) {
	if kind != c.kind {
		c.own, c.ownHash = kind, c.hashOf(kind)
	}
}

// check compares everything at the body's end. trailing is the value of the announced trailer. The order is S3's:
// x-amz-content-sha256, Content-MD5, checksum.
func (c *integrity) check(auth *sigv4.Authentication, trailing string) (*crypto.Checksum, error) {
	if c.sha256 != nil {
		var sum [sha256.Size]byte
		c.sha256.Sum(sum[:0])
		if err := auth.CheckPayload(&sum); err != nil {
			return nil, err
		}
	}
	if c.md5 != nil {
		if sum := c.md5.Sum(c.sum[:0]); string(sum) != string(c.wantMD5) {
			return nil, s3.Refuse("BadDigest", "The Content-MD5 you specified did not match what we received.",
				"ExpectedDigest", base64.StdEncoding.EncodeToString(c.wantMD5), "CalculatedDigest", base64.StdEncoding.EncodeToString(sum))
		}
	}
	want := c.want
	if c.trailer != "" {
		var err error
		if want, err = s3.DecodeChecksum(c.kind, trailing); err != nil {
			return nil, s3.Refuse("InvalidRequest", "Value for "+c.kind.Header+" trailing header is invalid.")
		}
	}
	sum := c.hash.Sum(c.sum[:0])
	if want != nil && string(want) != string(sum) {
		return nil, s3.Refuse("BadDigest", "The "+c.kind.Name+" you specified did not match the calculated checksum.")
	}
	kind := c.kind
	if c.own != nil {
		kind, sum = c.own, c.ownHash.Sum(c.sum[:0])
	}
	return s3.NewChecksum(kind, sum), nil
}
