package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/gateway"
	"sealfront/proxy/session"
	"sealfront/proxy/state"
	"sealfront/sigv4"
)

// oneKey is a session key that everybody shares.
type oneKey struct{}

func (oneKey) Current(context.Context) ([16]byte, []byte, error) {
	return [16]byte{1}, []byte("0123456789abcdef0123456789abcdef"), nil
}

func (oneKey) Find(_ context.Context, id [16]byte) ([]byte, bool, error) {
	return []byte("0123456789abcdef0123456789abcdef"), id == [16]byte{1}, nil
}

// oneBucket is the only bucket there is. What these tests don't reach is nil.
type oneBucket struct {
	gateway.Buckets
	record state.Bucket
}

func (b *oneBucket) Bucket(_ context.Context, name string) (*state.Bucket, error) {
	if name != b.record.Name {
		return nil, state.ErrNoBucket
	}
	return &b.record, nil
}

func (b *oneBucket) RecentBucket(ctx context.Context, name string) (*state.Bucket, error) {
	return b.Bucket(ctx, name)
}

func (b *oneBucket) FreshBucket(ctx context.Context, name string) (*state.Bucket, error) {
	return b.Bucket(ctx, name)
}

const expiryBucket = "bucket--az1--x-s3"

// serveAt runs a gateway whose clock stands at now, and returns how to reach it.
func serveAt(t *testing.T, now func() time.Time) func() (net.Conn, error) {
	t.Helper()
	everything, err := policy.Compile([]policy.Statement{{
		Effect: "Allow", Action: []string{"*"},
		Resource: []string{"*"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := access.NewIdentities([]*access.Identity{{
		Name: "app", AccessKeyID: "AKIAAPP", SecretAccessKey: "secret",
		Policy: everything,
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := gateway.New(gateway.Options{
		Sessions: oneKey{}, Region: "us-west-2", Account: "123456789012", StateBucket: "state", Now: now,
		Buckets: &oneBucket{record: state.Bucket{
			Name: expiryBucket, Directory: true, Incarnation: "i", Zone: "az1",
			Region: "us-west-2", ARN: "arn:bucket",
		}},
	}, ids)
	ln := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: g.Handle, StreamRequestBody: true, DisableHeaderNamesNormalizing: true}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	t.Cleanup(func() {
		_ = ln.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return ln.Dial
}

// head asks for the bucket's head with these credentials, signed at now.
func head(t *testing.T, dial func() (net.Conn, error), c *sigv4.Credentials, signed time.Time) (status int,
	code string,
) {
	t.Helper()
	m := &sigv4.Message{
		Method: []byte("GET"), Path: []byte("/" + expiryBucket), Query: []byte("encryption="),
		Header: []sigv4.Field{
			{Name: []byte("Host"), Value: []byte("127.0.0.1")},
			{Name: []byte("X-Amz-Date"), Value: sigv4.AppendTimestamp(nil, signed)},
			{Name: []byte("X-Amz-Content-Sha256"), Value: []byte(sigv4.UnsignedPayload)},
		},
	}
	if c.SessionToken != "" {
		m.Header = append(m.Header, sigv4.Field{Name: []byte("X-Amz-S3session-Token"), Value: []byte(c.SessionToken)})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s?%s HTTP/1.1\r\n", m.Path, m.Query)
	for _, f := range m.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "Authorization: %s\r\n\r\n",
		sigv4.NewSigner("us-west-2", "s3express").AppendAuthorization(nil, m, c, signed))
	conn, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte(b.String())); err != nil {
		t.Fatal(err)
	}
	var resp fasthttp.Response
	if err := resp.Read(bufio.NewReader(conn)); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(resp.Body()), "<Code>")
	code, _, _ = strings.Cut(rest, "</Code>")
	return resp.StatusCode(), code
}

// SE-1: a session ends after five minutes and the grace for clocks that differ.
func TestSE1SessionsEnd(t *testing.T) {
	made := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	issued, err := session.Issue(t.Context(), oneKey{},
		session.Session{Principal: "app", Bucket: expiryBucket, Incarnation: "i"}, made)
	if err != nil {
		t.Fatal(err)
	}
	c := &sigv4.Credentials{
		AccessKeyID: issued.AccessKeyID, SecretAccessKey: issued.SecretAccessKey,
		SessionToken: issued.Token,
	}
	now := made
	dial := serveAt(t, func() time.Time { return now })
	for name, x := range map[string]struct {
		after  time.Duration
		status int
		code   string
	}{
		"at once":                        {0, 200, ""},
		"after four minutes":             {4 * time.Minute, 200, ""},
		"within the grace":               {session.Lifetime + session.Grace, 200, ""},
		"a second past expiry and grace": {session.Lifetime + session.Grace + time.Second, 400, "ExpiredToken"},
		"a day later":                    {24 * time.Hour, 400, "ExpiredToken"},
	} {
		now = made.Add(x.after)
		if status, code := head(t, dial, c, now); status != x.status || code != x.code {
			t.Errorf("%s: %d %s, want %d %s", name, status, code, x.status, x.code)
		}
	}
	// An expired token is told before the signature is judged (SE-2).
	now = made.Add(time.Hour)
	wrong := *c
	wrong.SecretAccessKey = "wrong"
	if status, code := head(t, dial, &wrong, now); status != 400 || code != "ExpiredToken" {
		t.Errorf("expired, with a wrong secret: %d %s", status, code)
	}
}

// Trap 6: a header-signed request is good for fifteen minutes and no longer.
func TestRequestsReplayedLaterAreRefused(t *testing.T) {
	signed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	now := signed
	dial := serveAt(t, func() time.Time { return now })
	c := &sigv4.Credentials{AccessKeyID: "AKIAAPP", SecretAccessKey: "secret"}
	for after, want := range map[time.Duration]int{
		0: 200, 14 * time.Minute: 200, -14 * time.Minute: 200,
		16 * time.Minute: 403, -16 * time.Minute: 403,
	} {
		now = signed.Add(after)
		if status, code := head(t, dial, c, signed); status != want || want == 403 && code != "RequestTimeTooSkewed" {
			t.Errorf("%s after signing: %d %s, want %d", after, status, code, want)
		}
	}
}
