package gateway

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

const (
	testAccount = "123456789012"
	keyOne      = "arn:aws:kms:us-west-2:123456789012:key/11111111-1111-1111-1111-111111111111"
	keyTwo      = "arn:aws:kms:us-west-2:123456789012:key/22222222-2222-2222-2222-222222222222"
)

// knownBuckets are records by name. What tests of decisions don't reach is nil.
type knownBuckets struct {
	Buckets
	records map[string]*state.Bucket
}

func (k *knownBuckets) Bucket(_ context.Context, name string) (*state.Bucket, error) {
	if b := k.records[name]; b != nil {
		return b, nil
	}
	return nil, state.ErrNoBucket
}

func (k *knownBuckets) FreshBucket(ctx context.Context, name string) (*state.Bucket, error) {
	return k.Bucket(ctx, name)
}

// aliasKeys resolve every alias to keyOne.
type aliasKeys struct{ objects.BucketKeys }

func (aliasKeys) Describe(context.Context, string) (keyring.Description, error) {
	return keyring.Description{ARN: keyOne}, nil
}

type sessionKey struct{}

func (sessionKey) Current(context.Context) ([16]byte, []byte, error) {
	return [16]byte{1}, []byte("0123456789abcdef0123456789abcdef"), nil
}

func (sessionKey) Find(_ context.Context, id [16]byte) ([]byte, bool, error) {
	return []byte("0123456789abcdef0123456789abcdef"), id == [16]byte{1}, nil
}

// testBuckets are all kinds of buckets and defaults.
func testBuckets() map[string]*state.Bucket {
	records := make(map[string]*state.Bucket)
	add := func(name string, b state.Bucket) {
		b.Name, b.StoreName, b.Account, b.Region, b.Incarnation = name, name, testAccount, "us-west-2", "i"
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
	add("denies", state.Bucket{Policy: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::denies","arn:aws:s3:::denies/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}}`})
	return records
}

// testPolicies are those of the identities, by name; their access keys are the names.
var testPolicies = map[string][]policy.Statement{
	"all":     {{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}},
	"keyless": {{Effect: "Allow", Action: []string{"s3:*", "s3express:*"}, Resource: []string{"*"}}},
	"reader":  {{Effect: "Allow", Action: []string{"s3:Get*", "s3:List*", "kms:*"}, Resource: []string{"*"}}, {Effect: "Allow", Action: []string{"s3express:CreateSession"}, Resource: []string{"*"}, Condition: map[string]map[string][]string{"StringEquals": {"s3express:SessionMode": {"ReadOnly"}}}}},
	"deleter": {{Effect: "Allow", Action: []string{"s3:DeleteObject*"}, Resource: []string{"*"}}},
	"nobody":  nil,
}

// testGateway decides requests; it has no store.
func testGateway(t *testing.T, change func(*Options)) *Gateway {
	t.Helper()
	var list []*access.Identity
	for name, statements := range testPolicies {
		p, err := policy.Compile(statements)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, &access.Identity{Name: name, AccessKeyID: name, SecretAccessKey: "secret", ARN: "arn:aws:iam::" + testAccount + ":user/" + name, Policy: p})
	}
	ids, err := access.NewIdentities(list)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{
		Region: "us-west-2", Account: testAccount, StateBucket: "state", AcceptS3Scope: true, ListObjectsV1: true,
		Buckets: &knownBuckets{records: testBuckets()}, Sessions: sessionKey{}, Keys: aliasKeys{},
		TrustedProxies: func(netip.Addr) bool { return true },
	}
	o.Abilities.Names = store.AllNames()
	if change != nil {
		change(&o)
	}
	return New(o, ids)
}

// A testRequest is signed and sent by testRequest.exchange.
type testRequest struct {
	method, path, query string
	header              []string // "Name: value"
	who                 string
	session             *session.Credentials
	plain               bool
	form                bool      // header becomes the fields of a form POST, which is signed itself
	signed              time.Time // default now
}

// exchange begins the exchange of the request, as if it had come over the wire through a proxy.
func (r *testRequest) exchange(t *testing.T, g *Gateway) *exchange {
	t.Helper()
	if r.signed.IsZero() {
		r.signed = time.Now()
	}
	m := &sigv4.Message{Method: []byte(r.method), Path: []byte(r.path), Query: []byte(r.query)}
	add := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	add("Host", "127.0.0.1")
	add("X-Amz-Date", string(sigv4.AppendTimestamp(nil, r.signed)))
	add("X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	if !r.plain {
		add("X-Forwarded-Proto", "https")
	}
	if r.form {
		add("Content-Type", "multipart/form-data; boundary=B")
	}
	for _, h := range r.header {
		if name, value, _ := strings.Cut(h, ": "); !r.form {
			add(name, value)
		}
	}
	c := &sigv4.Credentials{AccessKeyID: r.who, SecretAccessKey: "secret"}
	service := "s3"
	if r.session != nil {
		service = "s3express"
		c = &sigv4.Credentials{AccessKeyID: r.session.AccessKeyID, SecretAccessKey: r.session.SecretAccessKey}
		add("X-Amz-S3session-Token", r.session.Token)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s?%s HTTP/1.1\r\nContent-Length: 0\r\n", m.Method, m.Path, m.Query)
	for _, f := range m.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	if r.form {
		b.WriteString("\r\n")
	} else {
		fmt.Fprintf(&b, "Authorization: %s\r\n\r\n", sigv4.NewSigner("us-west-2", service).AppendAuthorization(nil, m, c, r.signed))
	}
	ctx := new(fasthttp.RequestCtx)
	var request fasthttp.Request
	request.Header.DisableNormalizing()
	if err := request.Read(bufio.NewReader(strings.NewReader(b.String()))); err != nil {
		t.Fatal(err)
	}
	ctx.Init(&request, nil, nil)
	return g.begin(ctx)
}

// fields are the form's, signed.
func (r *testRequest) fields() *formReader {
	now := r.signed.UTC()
	fields := [][2]string{{"key", "key"}, {"x-amz-algorithm", "AWS4-HMAC-SHA256"}, {"x-amz-credential", r.who + "/" + now.Format("20060102") + "/us-west-2/s3/aws4_request"}, {"x-amz-date", now.Format("20060102T150405Z")}}
	for _, h := range r.header {
		name, value, _ := strings.Cut(h, ": ")
		fields = append(fields, [2]string{name, value})
	}
	conditions := []string{fmt.Sprintf(`{"bucket":%q}`, r.path[1:])}
	form := new(formReader)
	add := func(name, value string) {
		form.fields = append(form.fields, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	for _, f := range fields {
		add(f[0], f[1])
		conditions = append(conditions, fmt.Sprintf("{%q:%q}", f[0], f[1]))
	}
	document := base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf(`{"expiration":%q,"conditions":[%s]}`, now.Add(time.Hour).Format("2006-01-02T15:04:05.000Z"), strings.Join(conditions, ","))))
	add("policy", document)
	add("x-amz-signature", sigv4.NewSigner("us-west-2", "s3").SignForm([]byte(document), &sigv4.Credentials{AccessKeyID: r.who, SecretAccessKey: "secret"}, now))
	return form
}

// outcome is row and code of what a request was decided, "allow" without a code.
func outcome(x *exchange, err error) string {
	if err == nil {
		return "allow " + x.grant.Decision.Row
	}
	e := objects.Translate(err)
	return e.Code + " " + e.Row
}

// TestExplainAndRequestsAgree takes every combination of operation, bucket, headers, TLS, identity and session through
// the decision of a request and through Explain.
func TestExplainAndRequestsAgree(t *testing.T) {
	context64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	const sse, kms = "x-amz-server-side-encryption: AES256", "x-amz-server-side-encryption: aws:kms"
	headers := [][]string{
		nil,
		{sse},
		{kms},
		{kms, "x-amz-server-side-encryption-aws-kms-key-id: " + keyOne},
		{kms, "x-amz-server-side-encryption-aws-kms-key-id: " + keyOne[len(keyOne)-36:]},
		{kms, "x-amz-server-side-encryption-aws-kms-key-id: " + keyTwo},
		{kms, "x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:us-west-2:999999999999:key/1"},
		{kms, "x-amz-server-side-encryption-aws-kms-key-id: alias/one"},
		{"x-amz-server-side-encryption: aws:kms:dsse"},
		{"x-amz-server-side-encryption-aws-kms-key-id: " + keyOne},
		{kms, "x-amz-server-side-encryption-context: " + context64(`{"a":"b"}`)},
		{"x-amz-server-side-encryption-bucket-key-enabled: maybe"},
		{"x-amz-expected-bucket-owner: 999999999999"},
		{"x-amz-storage-class: ONEZONE_IA"},
		{"x-amz-acl: public-read"},
		{"x-amz-object-lock-mode: GOVERNANCE"},
	}
	operations := []struct {
		op          policy.Operation
		method      string
		object      bool
		query, more string
	}{
		{policy.PutObject, "PUT", true, "", ""},
		{policy.GetObject, "GET", true, "", ""},
		{policy.HeadObject, "HEAD", true, "", ""},
		{policy.GetObject, "GET", true, "versionId=v", ""},
		{policy.DeleteObject, "DELETE", true, "", ""},
		{policy.CopyObject, "PUT", true, "", "x-amz-copy-source: plain/other"},
		{policy.RenameObject, "PUT", true, "renameObject=", "x-amz-rename-source: other"},
		{policy.CreateMultipartUpload, "POST", true, "uploads=", ""},
		{policy.UploadPart, "PUT", true, "partNumber=1&uploadId=u", ""},
		{policy.CompleteMultipartUpload, "POST", true, "uploadId=u", ""},
		{policy.GetObjectAttributes, "GET", true, "attributes=", "x-amz-object-attributes: ETag"},
		{policy.DeleteObjects, "POST", false, "delete=", "content-md5: 1B2M2Y8AsgTpgAmY7PhCfg=="},
		{policy.ListObjectsV2, "GET", false, "list-type=2&prefix=a", ""},
		{policy.HeadBucket, "HEAD", false, "", ""},
		{policy.CreateSession, "GET", false, "session=", ""},
		{policy.PutBucketEncryption, "PUT", false, "encryption=", ""},
		{policy.GetBucketPolicy, "GET", false, "policy=", ""},
		{policy.PutBucketTagging, "PUT", false, "tagging=", ""},
		{policy.TagResource, "POST", false, "", "x-amz-account-id: " + testAccount},
		{policy.UntagResource, "DELETE", false, "tagKeys=a", "x-amz-account-id: " + testAccount},
		{policy.CreateBucket, "PUT", false, "", ""},
		{policy.PostObject, "POST", false, "", ""},
	}
	type signature struct {
		who     string
		session []string // headers of CreateSession; nil: long-term
	}
	signatures := []signature{{"all", nil}, {"keyless", nil}, {"reader", nil}, {"nobody", nil}, {"all", []string{}}, {"all", []string{sse}}, {"reader", []string{}}, {"all", []string{kms, "x-amz-server-side-encryption-aws-kms-key-id: " + keyTwo}}}

	compared, rows := 0, make(map[string]bool)
	for _, require := range []policy.Require{policy.RequireKMS, policy.RequireAll} {
		g := testGateway(t, func(o *Options) { o.RequireTLS, o.PostObject = require, true })
		for _, bucket := range []string{"never--az1--x-s3", "sealed--az1--x-s3", "bound--az1--x-s3", "absent--az1--x-s3", "plain", "kms", "denies", "absent"} {
			for _, plain := range []bool{false, true} {
				if require == policy.RequireAll && !plain {
					continue // as without it
				}
				for _, s := range signatures {
					if s.session != nil && policy.KindOf(bucket) != policy.Directory {
						continue
					}
					for _, o := range operations {
						if !o.op.Supports(policy.KindOf(bucket)) || s.session != nil && (!o.op.Zonal() || o.op.LongTermOnly()) {
							continue
						}
						for _, h := range headers {
							if slices.Contains(h, "x-amz-server-side-encryption-aws-kms-key-id: alias/one") && s.who == "keyless" {
								continue // Explain doesn't ask KMS which key that is
							}
							q := &access.Question{Operation: o.op.String(), Bucket: bucket, Header: h, SessionHeader: s.session, LongTerm: s.session == nil, Plain: plain, Principal: s.who, Query: fieldsOf(o.query)}
							r := &testRequest{method: o.method, path: "/" + bucket, query: o.query, header: h, who: s.who, plain: plain, form: o.op == policy.PostObject}
							if r.form {
								if s.session != nil {
									continue // its token would be a field
								}
								q.Key = "key"
							}
							if o.op == policy.TagResource || o.op == policy.UntagResource {
								r.path = "/v20180820/tags/" + policy.BucketARN(bucket, "us-west-2", testAccount)
							}
							if o.object {
								q.Key, r.path = "key", r.path+"/key"
							}
							if o.more != "" {
								q.Header = append(slices.Clone(h), o.more)
								r.header = q.Header
							}
							got := decided(t, g, r, s.session)
							e, err := g.Access().Explain(t.Context(), q)
							if err != nil {
								t.Fatal(err)
							}
							want := e.Code + " " + e.Row
							if e.Decision == "allow" {
								want = "allow " + e.Row
							}
							compared++
							rows[e.Row] = true
							if got != want {
								t.Errorf("%v on %s by %+v, %v, plain %t, require %d: a request is decided %q, and explained %q", o.op, bucket, s, q.Header, plain, require, got, want)
							}
						}
					}
				}
			}
		}
	}
	t.Logf("%d requests, %d rows", compared, len(rows))
	if compared < 5000 || len(rows) < 30 {
		t.Errorf("%d requests were compared, and %d rows decided", compared, len(rows))
	}
}

func fieldsOf(query string) (list []string) {
	for f := range strings.SplitSeq(query, "&") {
		if f != "" {
			list = append(list, f)
		}
	}
	return list
}

// decided is what the request is decided, in the session that these headers make.
func decided(t *testing.T, g *Gateway, r *testRequest, sessionHeader []string) string {
	if sessionHeader != nil {
		bucket, _, _ := strings.Cut(r.path[1:], "/")
		made := &testRequest{method: "GET", path: "/" + bucket, query: "session=", header: sessionHeader, who: r.who, plain: r.plain}
		x := made.exchange(t, g)
		err := x.decide()
		s := session.Session{Principal: r.who, Bucket: bucket, ReadOnly: x.grant.Mode == policy.ReadOnly}
		if x.Record != nil {
			s.Incarnation, s.KMS, s.KeyARN = x.Record.Incarnation, x.grant.Decision.Encryption.SSE == policy.SSEKMS, x.grant.Decision.Encryption.KeyARN
		}
		refused := outcome(x, err)
		x.finish("", nil)
		if err != nil {
			return refused
		}
		c, err := session.Issue(t.Context(), sessionKey{}, s, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r.session = &c
	}
	x := r.exchange(t, g)
	defer x.finish("", nil)
	err := x.decide()
	if err == nil && r.form {
		_, _, err = x.decideForm(r.fields())
	}
	return outcome(x, err)
}

// Nobody without a permission learns from a refusal what a bucket's key is, or that it has none.
func TestPermissionsComeBeforeFacts(t *testing.T) {
	g := testGateway(t, nil)
	const kms, key = "x-amz-server-side-encryption: aws:kms", "x-amz-server-side-encryption-aws-kms-key-id: "
	for _, bucket := range []string{"never--az1--x-s3", "sealed--az1--x-s3", "bound--az1--x-s3", "plain", "kms"} {
		for _, r := range []testRequest{
			{method: "PUT", path: "/" + bucket + "/key"},
			{method: "GET", path: "/" + bucket + "/key"},
			{method: "POST", path: "/" + bucket + "/key", query: "uploads="},
			{method: "GET", path: "/" + bucket, query: "session="},
		} {
			for _, header := range [][]string{nil, {kms}, {kms, key + keyOne}, {kms, key + keyTwo}, {kms, key + "alias/one"}, {"x-amz-expected-bucket-owner: 999999999999"}, {"x-amz-storage-class: ONEZONE_IA"}} {
				for _, plain := range []bool{false, true} {
					if r.query == "session=" && policy.KindOf(bucket) != policy.Directory || r.method == "GET" && r.query == "" && len(header) > 0 && header[0] == kms {
						continue // not its operation, and refused by the headers alone
					}
					r.header, r.plain, r.who = header, plain, "nobody"
					if got := decided(t, g, &r, nil); !strings.HasPrefix(got, "AccessDenied ") {
						t.Errorf("%s %s?%s with %v, plain %t: %s", r.method, r.path, r.query, header, plain, got)
					}
				}
			}
		}
	}
}
