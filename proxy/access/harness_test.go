package access_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/s3"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

const (
	testAccount = "123456789012"
	testRegion  = "us-west-2"
	keyOne      = "arn:aws:kms:us-west-2:123456789012:key/11111111-1111-1111-1111-111111111111"
	keyTwo      = "arn:aws:kms:us-west-2:123456789012:key/22222222-2222-2222-2222-222222222222"
)

// testStart is when requests come.
var testStart = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// testBuckets are all kinds of buckets and defaults.
func testBuckets() map[string]*state.Bucket {
	records := make(map[string]*state.Bucket)
	add := func(name string, b state.Bucket) {
		b.Name, b.StoreName, b.Account, b.Region, b.Incarnation = name, name, testAccount, testRegion, "i"
		b.Directory = policy.KindOf(name) == policy.Directory
		b.ARN = policy.BucketARN(name, b.Region, b.Account)
		b.Tags = state.Tags{{Key: "Team", Value: "red"}}
		records[name] = &b
	}
	add("never--az1--x-s3", state.Bucket{})
	add("sealed--az1--x-s3", state.Bucket{DefaultKMS: true, DefaultKey: keyOne, BoundKey: keyOne, BucketKey: true})
	add("bound--az1--x-s3", state.Bucket{BoundKey: keyOne})
	add("plain", state.Bucket{})
	add("kms", state.Bucket{DefaultKMS: true, DefaultKey: keyOne, BucketKey: true})
	add("denies", state.Bucket{Policy: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*",` +
		`"Action":"s3:*","Resource":["arn:aws:s3:::denies","arn:aws:s3:::denies/*"],` +
		`"Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`})
	return records
}

// testPolicies are those of the identities, by name; their access keys are the names.
var testPolicies = map[string][]policy.Statement{
	"all":     {allow("*", "*")},
	"keyless": {{Effect: "Allow", Action: []string{"s3:*", "s3express:*"}, Resource: []string{"*"}}},
	"reader": {
		{Effect: "Allow", Action: []string{"s3:Get*", "s3:List*", "kms:*"}, Resource: []string{"*"}},
		{
			Effect: "Allow", Action: []string{"s3express:CreateSession"}, Resource: []string{"*"},
			Condition: map[string]map[string][]string{"StringEquals": {"s3express:SessionMode": {"ReadOnly"}}},
		},
	},
	"deleter": {allow("s3:DeleteObject*", "*")},
	"nobody":  nil,
}

// denial is a bucket policy that denies one action to everybody.
func denial(action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":%q,"Resource":%q}}`,
		action, resource)
}

func allow(action, resource string) policy.Statement {
	return policy.Statement{Effect: "Allow", Action: []string{action}, Resource: []string{resource}}
}

// newIdentity is an identity whose access key is its name, with the secret "secret".
func newIdentity(t testing.TB, name string, statements ...policy.Statement) *access.Identity {
	t.Helper()
	p, err := policy.Compile(statements)
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:iam::" + testAccount + ":user/" + name
	return &access.Identity{Name: name, AccessKeyID: name, SecretAccessKey: "secret", ARN: arn, Policy: p}
}

func newIdentities(t testing.TB, list ...*access.Identity) *access.Identities {
	t.Helper()
	ids, err := access.NewIdentities(list)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// sessionKey is a session key that everybody shares; broken is the error of a state store that is away.
type sessionKey struct{ broken error }

func (k *sessionKey) Current(context.Context) ([16]byte, []byte, error) {
	return [16]byte{1}, []byte("0123456789abcdef0123456789abcdef"), k.broken
}

func (k *sessionKey) Find(_ context.Context, id [16]byte) ([]byte, bool, error) {
	return []byte("0123456789abcdef0123456789abcdef"), id == [16]byte{1}, k.broken
}

// A room is a Checker and what stands around it.
type room struct {
	*access.Checker
	t       testing.TB
	records map[string]*state.Bucket
	fresh   map[string]*state.Bucket // what is read past the cache, where it isn't the same
	broken  error                    // of the records
	keys    sessionKey
	now     time.Time

	reads, freshReads int
	shed              []string
}

// newRoom makes a Checker of testBuckets and testPolicies.
func newRoom(t testing.TB, change func(o *access.Options)) *room {
	t.Helper()
	r := &room{t: t, records: testBuckets(), fresh: make(map[string]*state.Bucket), now: testStart}
	o := access.Options{
		Record:     r.record,
		Served:     func(op policy.Operation) bool { return op != policy.ListObjects },
		CheckKey:   checkKey,
		ResolveKey: resolveKey,
		Sessions:   &r.keys, Region: testRegion, Account: testAccount, StateBucket: "state",
		AcceptS3Scope: true, Now: func() time.Time { return r.now },
		Shed: func(reason string) { r.shed = append(r.shed, reason) },
	}
	if change != nil {
		change(&o)
	}
	var list []*access.Identity
	for name, statements := range testPolicies {
		list = append(list, newIdentity(t, name, statements...))
	}
	r.Checker = access.New(o, newIdentities(t, list...))
	return r
}

func (g *room) record(_ context.Context, bucket string, age access.Age) (*state.Bucket, error) {
	if g.broken != nil {
		return nil, g.broken
	}
	g.reads++
	if age != access.Cached {
		g.freshReads++
		if b, ok := g.fresh[bucket]; ok {
			return b, nil
		}
	}
	return g.records[bucket], nil
}

// checkKey refuses one name, as a store does that would take it for another one.
func checkKey(op policy.Operation, key string) error {
	if op.SealsObject() && key == "garbled" {
		return s3.Refuse("InvalidURI", "No.")
	}
	return nil
}

// resolveKey knows one alias.
func resolveKey(_ context.Context, alias string) (string, error) {
	if strings.HasSuffix(alias, "alias/one") {
		return keyOne, nil
	}
	return "", errors.New("no such alias")
}

// A peer is a client's end of a connection.
type peer struct {
	address net.Addr
	tls     *tls.ConnectionState
}

func (p *peer) RemoteAddr() net.Addr                     { return p.address }
func (p *peer) IsTLS() bool                              { return p.tls != nil }
func (p *peer) TLSConnectionState() *tls.ConnectionState { return p.tls }

// peerAt is a client at an address, over TLS.
func peerAt(address string) *peer {
	return &peer{
		address: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 40000)),
		tls:     &tls.ConnectionState{Version: tls.VersionTLS13},
	}
}

// A request is signed and read by request.read.
type request struct {
	method, path, query string
	header              []string // "Name: value"; Host among them takes the place of the usual one
	unsigned            []string // lines that are added afterwards
	who                 string   // an access key; "" for nobody, without a signature
	secret              string   // default "secret"
	session             *session.Credentials
	service             string // default s3, in a session s3express
	hash                string // x-amz-content-sha256; default UNSIGNED-PAYLOAD
	presigned           bool
	plain               bool  // over HTTP
	from                *peer // default an address of its own
	signed              time.Time
	form                bool // header becomes the fields of a form POST, which is signed itself: see request.fields
}

func (r *request) credentials() *sigv4.Credentials {
	c := &sigv4.Credentials{AccessKeyID: r.who, SecretAccessKey: r.secret}
	if c.SecretAccessKey == "" {
		c.SecretAccessKey = "secret"
	}
	if r.session != nil {
		c = &sigv4.Credentials{
			AccessKeyID: r.session.AccessKeyID, SecretAccessKey: r.session.SecretAccessKey,
			SessionToken: r.session.Token,
		}
	}
	return c
}

func (r *request) signer() *sigv4.Signer {
	service := r.service
	if service == "" {
		service = "s3"
		if r.session != nil {
			service = "s3express"
		}
	}
	return sigv4.NewSigner(testRegion, service)
}

// read signs the request and reads it into a grant, as if it had come over the wire now.
func (g *room) read(r *request) *access.Grant {
	g.t.Helper()
	if r.signed.IsZero() {
		r.signed = g.now
	}
	m := &sigv4.Message{Method: []byte(r.method), Path: []byte(r.path), Query: []byte(r.query)}
	add := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	var header []string
	host := "127.0.0.1"
	for _, h := range r.header {
		if name, value, _ := strings.Cut(h, ": "); name == "Host" {
			host = value
		} else if !r.form {
			header = append(header, h)
		}
	}
	add("Host", host)
	c := r.credentials()
	switch {
	case r.form:
		add("Content-Type", "multipart/form-data; boundary=B")
	case r.presigned:
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			add(name, value)
		}
		m.Query = r.signer().AppendPresigned(nil, m, c, r.signed, 5*time.Minute)
	default:
		add("X-Amz-Date", string(sigv4.AppendTimestamp(nil, r.signed)))
		add("X-Amz-Content-Sha256", cmp.Or(r.hash, sigv4.UnsignedPayload))
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			add(name, value)
		}
		if c.SessionToken != "" {
			add("X-Amz-S3session-Token", c.SessionToken)
		}
		if r.who != "" || r.session != nil {
			add("Authorization", string(r.signer().AppendAuthorization(nil, m, c, r.signed)))
		}
	}
	var lines strings.Builder
	for _, f := range m.Header {
		fmt.Fprintf(&lines, "%s: %s\r\n", f.Name, f.Value)
	}
	for _, line := range r.unsigned {
		lines.WriteString(line + "\r\n")
	}
	lines.WriteString("\r\n")
	uri := r.path
	if len(m.Query) > 0 {
		uri += "?" + string(m.Query)
	}
	if r.from == nil {
		r.from = peerAt("192.0.2.1")
	}
	from := r.from
	if r.plain {
		from = &peer{address: from.address}
	}
	x := new(access.Grant)
	x.Read(from, []byte(r.method), []byte(uri), []byte(lines.String()), g.now)
	g.Begin(x)
	return x
}

// check takes the request through Check, and a form through CheckForm. The grant is released at once: shares are tested
// with read.
func (g *room) check(r *request) (*access.Grant, error) {
	g.t.Helper()
	x := g.read(r)
	defer x.Release()
	err := x.Check(g.t.Context())
	if err == nil && r.form {
		_, err = x.CheckForm(g.t.Context(), r.fields())
	}
	return x, err
}

// fields are the form's, signed. Its policy has a condition for each.
func (r *request) fields() *access.Form {
	now := r.signed.UTC()
	key, rest := "key", make([]string, 0, len(r.header))
	for _, h := range r.header {
		if name, value, _ := strings.Cut(h, ": "); name == "key" {
			key = value
		} else {
			rest = append(rest, h)
		}
	}
	fields := [][2]string{
		{"key", key},
		{"x-amz-algorithm", "AWS4-HMAC-SHA256"},
		{"x-amz-credential", r.who + "/" + now.Format("20060102") + "/us-west-2/s3/aws4_request"},
		{"x-amz-date", now.Format("20060102T150405Z")},
	}
	for _, h := range rest {
		name, value, _ := strings.Cut(h, ": ")
		fields = append(fields, [2]string{name, value})
	}
	conditions := []string{fmt.Sprintf(`{"bucket":%q}`, r.path[1:])}
	form := new(access.Form)
	add := func(name, value string) {
		form.Fields = append(form.Fields, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	for _, f := range fields {
		add(f[0], f[1])
		conditions = append(conditions, fmt.Sprintf("{%q:%q}", f[0], f[1]))
	}
	document := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"expiration":%q,"conditions":[%s]}`,
		now.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"), strings.Join(conditions, ",")))
	add("policy", document)
	add("x-amz-signature", r.signer().SignForm([]byte(document), r.credentials(), now))
	form.Name = func() {}
	form.Header = func() (header []sigv4.Field, name string, err error) {
		for _, f := range form.Fields {
			switch n := strings.ToLower(string(f.Name)); {
			case n == "key" || n == "policy" || n == "x-amz-algorithm" || n == "x-amz-credential" ||
				n == "x-amz-date" || n == "x-amz-signature":
			default:
				header = append(header, f)
			}
		}
		return header, key, nil
	}
	return form
}

// codeOf is the S3 code of a refusal, and the row that decided; "" and "" for none.
func codeOf(t testing.TB, err error) (code, row string) {
	t.Helper()
	if err == nil {
		return "", ""
	}
	if e := s3.ErrorIn(err); e != nil {
		return e.Code, e.Row
	}
	if e, ok := errors.AsType[*policy.Refusal](err); ok {
		return e.Code, e.Row
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Code, ""
	}
	t.Fatalf("an error without a code: %v", err)
	return "", ""
}

// outcome is row and code of what a request was decided, "allow" without a code.
func outcome(t testing.TB, x *access.Grant, err error) string {
	t.Helper()
	if err == nil {
		return "allow " + x.Decision.Row
	}
	code, row := codeOf(t, err)
	return code + " " + row
}

// want checks the code of what a request is decided, "" for a grant, and returns the grant.
func (g *room) want(name string, r *request, code string) *access.Grant {
	g.t.Helper()
	x, err := g.check(r)
	if got, _ := codeOf(g.t, err); got != code {
		g.t.Errorf("%s: %q, want %q (%v)", name, got, code, err)
	}
	return x
}

// newSession makes a session as CreateSession does, of what it was granted.
func (g *room) newSession(s session.Session) *session.Credentials {
	g.t.Helper()
	c, err := session.Issue(g.t.Context(), &sessionKey{}, s, g.now)
	if err != nil {
		g.t.Fatal(err)
	}
	return &c
}

// trustsTen trusts the proxies of 10.0.0.0/8.
func trustsTen(remote netip.Addr) bool { return netip.MustParsePrefix("10.0.0.0/8").Contains(remote) }

// unixAddr is the address of a socket that isn't of IP.
type unixAddr struct{}

func (unixAddr) Network() string { return "unix" }
func (unixAddr) String() string  { return "@" }
