package access

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// Check decides everything that comes before a request's body: its bucket and key, who signed it, its operation,
// whether that is permitted, and how the object is sealed. The order of refusals is that of section 7.3 of the
// behaviour reference. A form is granted nothing yet: its operation is known only once its fields are read, see
// CheckForm.
func (x *Grant) Check(ctx context.Context) error {
	if x.Ambiguous {
		return s3.Refuse("InvalidRequest", "The request could not be read.")
	}
	if err := x.locate(); err != nil {
		return err
	}
	err := x.c.verifier.ReadAt(x.Start, &x.Message, &x.Auth, x.services()...)
	if err != nil {
		return x.oldSignature(ctx, err)
	}
	if x.Header.Fields, err = sigv4.AppendHoisted(x.Message.Header, &x.Message); err != nil {
		return err
	}
	r := &x.Rules
	r.Method, r.Bucket, r.Key, r.Control = s3.View(x.Message.Method), x.Bucket, x.Key, x.Control
	r.Header, r.Query = &x.Header, &x.Query
	r.TLS = x.OverTLS()
	r.SigningName = s3.View(x.Auth.Service)
	if x.Auth.Kind != sigv4.Anonymous {
		r.Signature = policy.SigV4
	} else {
		r.Signature = policy.Anonymous
	}
	if x.Auth.Kind == sigv4.Form || x.posts() {
		return x.checkPost()
	}
	if refused := policy.DecideSignature(r, nil); refused != nil {
		return refused
	}
	if err := x.authenticate(ctx); err != nil {
		return err
	}
	var refused *policy.Refusal
	if x.Operation, refused = policy.Classify(r); refused != nil {
		return refused
	}
	if x.Operation == policy.PostObject {
		return postNotAllowed() // a form carries its own signature
	}
	if !x.c.o.Served(x.Operation) {
		return policy.NotImplemented(x.Operation)
	}
	if x.Chunks, err = x.c.verifier.ChunkOptions(&x.Message, &x.Auth); err != nil {
		return err
	}
	if err := x.checkEncoding(); err != nil {
		return err
	}
	if refused = x.newCase().Check(); refused != nil {
		return refused
	}
	x.Version = x.requestedVersion()
	if err := x.c.o.CheckKey(x.Operation, x.Key); err != nil {
		return err
	}
	if x.Bucket == "" {
		x.matter.Target = policy.Target{Kind: policy.Service}
		return x.rule(ctx)
	}
	return x.decideBucket(ctx)
}

// newCase begins the case that decides the request: its order of decisions is the only one, see policy.Decide.
func (x *Grant) newCase() *policy.Case {
	x.matter = policy.Case{
		Operation: x.Operation, Request: &x.Rules, Caller: &x.caller, Options: &x.c.o.Policy, Require: x.c.o.RequireTLS,
	}
	return &x.matter
}

// requestedVersion is the version that the request names. In a directory bucket it can only be null, the current one.
func (x *Grant) requestedVersion() string {
	if policy.KindOf(x.Bucket) != policy.General || !x.Operation.OnVersion() {
		return ""
	}
	v, _ := x.Query.Get("versionId")
	return v
}

// checkEncoding refuses a body that is framed according to Content-Encoding but not according to x-amz-content-sha256:
// readers of the object would take the absence of framing for damage.
func (x *Grant) checkEncoding() error {
	if x.Auth.Payload != sigv4.PayloadUnsigned || x.Operation != policy.PutObject && x.Operation != policy.UploadPart {
		return nil
	}
	value := s3.View(x.Bytes("content-encoding"))
	for coding := range strings.SplitSeq(value, ",") {
		if strings.EqualFold(strings.TrimSpace(coding), "aws-chunked") {
			return s3.InvalidArgument("Content-Encoding", value, "aws-chunked needs an x-amz-content-sha256 of a body in chunks")
		}
	}
	return nil
}

var (
	expressOnly  = []string{"s3express"}
	expressOrS3  = []string{"s3express", "s3"}
	s3OrExpress  = []string{"s3", "s3express"}
	plainS3Scope = []string{"s3"}
)

// services are the names accepted in the credential scope.
func (x *Grant) services() []string {
	switch kind := policy.KindOf(x.Bucket); {
	case kind == policy.Service:
		return s3OrExpress
	case kind == policy.General:
		return plainS3Scope
	case x.c.o.AcceptS3Scope:
		return expressOrS3
	}
	return expressOnly
}

// OverTLS reports whether the request came over TLS, here or at a trusted proxy.
func (x *Grant) OverTLS() bool {
	if x.Peer.IsTLS() {
		return true
	}
	trusted := x.c.o.TrustedProxies
	return trusted != nil && trusted(x.remote()) && string(x.Bytes("x-forwarded-proto")) == "https"
}

// Client is the address that the request comes from. A trusted proxy appends the one it was called from to
// X-Forwarded-For.
func (x *Grant) Client() netip.Addr {
	address := x.remote()
	if trusted := x.c.o.TrustedProxies; trusted != nil && trusted(address) {
		if forwarded, err := netip.ParseAddr(x.lastForwarded()); err == nil {
			address = forwarded.WithZone("").Unmap()
		}
	}
	return address
}

// decideBucket decides what depends on the bucket's record. A refusal that rests on a cached record is checked
// against the record as it is now, or, where many requests are refused, as it was less than a second ago.
func (x *Grant) decideBucket(ctx context.Context) error {
	if x.c.Hidden(x.Bucket) && x.Operation != policy.CreateBucket {
		return s3.NoSuchBucket(x.Bucket)
	}
	record, err := x.c.o.Record(ctx, x.Bucket, Cached)
	if err != nil {
		return err
	}
	fresh := record == nil
	// A record that says SSE-S3 may be older than a PutBucketEncryption; (KMS, K) never is, K stays.
	if record != nil && !record.DefaultKMS && (x.Operation == policy.CreateSession || x.Operation == policy.CopyObject) {
		if record, err = x.FreshRecord(ctx); err != nil {
			return err
		}
		fresh = true
	}
	refused := x.decideWith(ctx, record)
	if refused == nil || fresh {
		return refused
	}
	now, err := x.c.o.Record(ctx, x.Bucket, Recent)
	if err != nil {
		return err
	}
	if now != nil && now.Equal(record) {
		return refused
	}
	return x.decideWith(ctx, now)
}

// decideWith decides with this record of the bucket, nil for none.
func (x *Grant) decideWith(ctx context.Context, record *state.Bucket) error {
	x.Record = record
	var bucket *policy.Bucket
	if record != nil {
		x.Facts = x.c.FactsOf(record)
		bucket = &x.Facts
		var err error
		if x.BucketPolicy, err = policyOf(record, x.Facts.Kind); err != nil && !aboutBucketPolicy(x.Operation) {
			return err
		}
	}
	given := x.Session
	if given != nil && record != nil && !given.Provisional && x.issued.Incarnation != record.Incarnation {
		// The bucket was deleted and made again: the session was for the other one.
		return expiredToken(x.Auth.SessionToken)
	}
	x.matter.Bucket, x.matter.Session = bucket, given
	if bucket == nil {
		arn := policy.BucketARN(x.Bucket, x.c.o.Region, x.c.o.Account)
		x.matter.Target = policy.Target{Kind: policy.KindOf(x.Bucket), BucketARN: arn, Key: x.Key}
		return x.rule(ctx)
	}
	x.setTarget(&x.matter.Target, "", x.c.o.Policy.ServiceKey)
	return x.rule(ctx)
}

// rule decides the request's case. The key that a read uses is known later: its KMS permission is checked then.
func (x *Grant) rule(ctx context.Context) error {
	ruling, refused := policy.Decide(&x.matter)
	if refused != nil {
		return refused
	}
	if alias := ruling.Decision.ResolveKey; alias != "" {
		// General purpose buckets may name their key by an alias: KMS resolves it to a key now, and the object's envelope
		// names the key.
		keyARN, err := x.c.o.ResolveKey(ctx, alias)
		if err != nil {
			return err
		}
		if refused := x.matter.Resolve(&ruling, keyARN); refused != nil {
			return refused
		}
	}
	x.Decision, x.Mode = ruling.Decision, ruling.Mode
	return nil
}

// accountHeader comes with every call of S3 Control and with no request of S3's.
const accountHeader = "x-amz-account-id"

// locate finds bucket and key in Host and path. A Host below one of our domains is virtual-host style; any
// other, an address above all, is path style. Calls of S3 Control are known by their path; below one of our domains,
// where SDKs put the account in front of the endpoint's name and the same path may be an object's, by their header,
// too.
func (x *Grant) locate() error {
	path := x.Message.Path
	if len(path) == 0 || path[0] != '/' {
		return s3.InvalidURI(string(path))
	}
	decoded, ok := s3.Unescape(path[1:])
	if !ok || !utf8.ValidString(decoded) || strings.IndexByte(decoded, 0) >= 0 {
		return s3.InvalidURI(string(path))
	}
	bucket, ofHost := x.hostBucket()
	if x.Control, ok = policy.ParseControl(decoded); ok && (!ofHost || x.Bytes(accountHeader) != nil) {
		x.Bucket = x.Control.Bucket()
		return nil
	}
	x.Control = policy.Control{}
	if ofHost {
		x.Bucket, x.Key = bucket, decoded
		return nil
	}
	key, slash := "", false
	bucket, key, slash = strings.Cut(decoded, "/")
	if bucket == "" && slash {
		// "//…": no bucket, but a path.
		return s3.Refuse("InvalidBucketName", "The specified bucket is not valid.", "BucketName", "")
	}
	x.Bucket, x.Key = bucket, key
	// The JavaScript SDK doubles the slash for IP endpoints; the signature covers the path as it came. Other clients' keys
	// may begin with a slash.
	if strings.HasPrefix(key, "/") && policy.KindOf(bucket) == policy.Directory {
		if key == "/" || bytes.HasPrefix(x.Bytes("user-agent"), []byte("aws-sdk-js/")) {
			x.Key = key[1:]
		}
	}
	return nil
}

// hostBucket returns the bucket in a virtual-host style Host. Names of hosts have no case and may end in the root's dot
// (RFC 9110 section 4.2.3, RFC 1034 section 3.1); the signature covers the header as it came.
func (x *Grant) hostBucket() (string, bool) {
	host := s3.View(x.Bytes("host"))
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(host, ".")
	for _, domain := range x.c.o.Domains {
		if strings.EqualFold(host, domain) {
			return "", false
		}
		dot := len(host) - len(domain) - 1
		if dot > 0 && host[dot] == '.' && strings.EqualFold(host[dot+1:], domain) {
			return strings.Clone(strings.ToLower(host[:dot])), true
		}
	}
	return "", false
}

// posts reports whether the request is a POST to a bucket, by a form that isn't one or without a signature.
func (x *Grant) posts() bool {
	return x.c.o.PostObject && x.Auth.Kind == sigv4.Anonymous && string(x.Message.Method) == http.MethodPost &&
		x.Bucket != "" && x.Key == "" && x.Control.Kind == "" && len(x.Message.Query) == 0
}

// Hidden reports whether a bucket's name leads to the state bucket.
func (c *Checker) Hidden(bucket string) bool { return c.o.BucketPrefix+bucket == c.o.StateBucket }
