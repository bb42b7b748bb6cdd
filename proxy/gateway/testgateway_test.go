package gateway

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/objects"
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

func (k *knownBuckets) RecentBucket(ctx context.Context, name string) (*state.Bucket, error) {
	return k.Bucket(ctx, name)
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
	return records
}

// testPolicies are those of the identities, by name; their access keys are the names.
var testPolicies = map[string][]policy.Statement{
	"all":     {{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}},
	"reader":  {{Effect: "Allow", Action: []string{"s3:Get*", "s3:List*", "kms:*"}, Resource: []string{"*"}}},
	"deleter": {{Effect: "Allow", Action: []string{"s3:DeleteObject*"}, Resource: []string{"*"}}},
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
		list = append(list, &access.Identity{
			Name: name, AccessKeyID: name, SecretAccessKey: "secret",
			ARN: "arn:aws:iam::" + testAccount + ":user/" + name, Policy: p,
		})
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
	add("X-Forwarded-Proto", "https")
	for _, h := range r.header {
		name, value, _ := strings.Cut(h, ": ")
		add(name, value)
	}
	c := &sigv4.Credentials{AccessKeyID: r.who, SecretAccessKey: "secret"}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s?%s HTTP/1.1\r\nContent-Length: 0\r\n", m.Method, m.Path, m.Query)
	for _, f := range m.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	authorization := sigv4.NewSigner("us-west-2", "s3").AppendAuthorization(nil, m, c, r.signed)
	fmt.Fprintf(&b, "Authorization: %s\r\n\r\n", authorization)
	ctx := new(fasthttp.RequestCtx)
	var request fasthttp.Request
	request.Header.DisableNormalizing()
	if err := request.Read(bufio.NewReader(strings.NewReader(b.String()))); err != nil {
		t.Fatal(err)
	}
	ctx.Init(&request, nil, nil)
	return g.begin(ctx)
}
