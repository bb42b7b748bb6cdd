package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// sessionDocument is CreateSession's answer: token, secret, access key and
// expiry.
const sessionDocument = "<CreateSessionResult><Credentials><SessionToken>%s</SessionToken>" +
	"<SecretAccessKey>%s</SecretAccessKey><AccessKeyId>%s</AccessKeyId><Expiration>%s</Expiration>" +
	"</Credentials></CreateSessionResult>"

// directoryStore is a store that checks signatures, gives out sessions and takes what it is told.
type directoryStore struct {
	t        *testing.T
	service  string
	verifier *sigv4.Verifier

	mu       sync.Mutex
	now      time.Time
	sessions int             // given out
	refused  map[string]bool // tokens that count as expired
	noBucket bool
	failing  bool // CreateSession answers 503
	seen     []string
	objects  map[string]string
}

func newDirectoryStore(t *testing.T) (*directoryStore, *httptest.Server) {
	d := &directoryStore{
		t: t, service: "s3express", now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		refused: make(map[string]bool), objects: make(map[string]string),
	}
	d.verifier = sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-east-1"}, Now: d.clock})
	s := httptest.NewServer(d)
	t.Cleanup(s.Close)
	return d, s
}

func (d *directoryStore) clock() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// set changes what the store knows or does.
func (d *directoryStore) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *directoryStore) sleep(by time.Duration) { d.set(func() { d.now = d.now.Add(by) }) }

func (d *directoryStore) object(path string) (content string) {
	d.set(func() { content = d.objects[path] })
	return content
}

// requests returns what was asked since the last call: method, path, and who signed.
func (d *directoryStore) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := d.seen
	d.seen = nil
	return seen
}

func (d *directoryStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	m := &sigv4.Message{Method: []byte(r.Method), Path: []byte(path), Query: []byte(query)}
	m.Header = append(m.Header, sigv4.Field{Name: []byte("Host"), Value: []byte(r.Host)})
	if r.ContentLength > 0 || r.Method == "PUT" {
		m.Header = append(m.Header, sigv4.Field{
			Name:  []byte("Content-Length"),
			Value: fmt.Append(nil, r.ContentLength),
		})
	}
	for name, values := range r.Header {
		if name != "Content-Length" {
			m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(values[0])})
		}
	}
	var a sigv4.Authentication
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
	}
	d.mu.Lock()
	service := d.service
	d.mu.Unlock()
	if err := d.verifier.Read(m, &a, service); err != nil {
		d.t.Error(err)
		refuse(400, "InvalidRequest")
		return
	}
	secret := "secret"
	who := string(a.AccessKeyID)
	if a.SessionToken != nil {
		secret = "secret of " + string(a.SessionToken)
		who = string(a.SessionToken)
	}
	if a.SecurityToken != nil {
		who += " with " + string(a.SecurityToken)
	}
	if err := d.verifier.Check(m, &a, secret); err != nil {
		d.t.Error(err)
		refuse(403, "SignatureDoesNotMatch")
		return
	}
	d.mu.Lock()
	d.seen = append(d.seen, r.Method+" "+r.RequestURI+" by "+who)
	refused, noBucket, failing := d.refused[who], d.noBucket, d.failing
	d.mu.Unlock()
	switch {
	case refused:
		refuse(400, "ExpiredToken")
	case query == "session=" && noBucket:
		refuse(404, "NoSuchBucket")
	case query == "session=" && failing:
		refuse(503, "SlowDown")
	case query == "session=":
		d.mu.Lock()
		d.sessions++
		token := fmt.Sprint("session ", d.sessions)
		expires := d.now.Add(5 * time.Minute)
		d.mu.Unlock()
		fmt.Fprintf(w, sessionDocument, token, "secret of "+token, "ASIA", expires.Format(time.RFC3339))
	case r.Method == "PUT":
		var body io.Reader = r.Body
		if a.Payload.Chunked() {
			o, err := d.verifier.ChunkOptions(m, &a)
			if err != nil {
				d.t.Error(err)
			}
			var c sigv4.ChunkReader
			c.Reset(r.Body, o)
			body = &c
		}
		content, err := io.ReadAll(body)
		if err != nil {
			refuse(400, "IncompleteBody")
			return
		}
		d.mu.Lock()
		d.objects[path] = string(content)
		d.mu.Unlock()
	}
}

func (d *directoryStore) client(s *httptest.Server, change func(*store.Options)) *store.Client {
	d.t.Helper()
	o := store.Options{
		Endpoint: s.URL, Region: "us-east-1", Directory: d.service == "s3express",
		Credentials: credentials, Now: d.clock,
	}
	if change != nil {
		change(&o)
	}
	c, err := store.New(o)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(c.Close)
	return c
}

func (d *directoryStore) expect(what string, want ...string) {
	d.t.Helper()
	if got := d.requests(); !slices.Equal(got, want) {
		d.t.Errorf("%s: the store was asked\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const directoryBucket = "b--usw2-az1--x-s3"

func get(t *testing.T, c *store.Client) *store.Fault {
	t.Helper()
	return do(t, c, &store.Request{Operation: "GetObject", Method: "GET", Bucket: directoryBucket, Key: "k"})
}

func do(t *testing.T, c *store.Client, r *store.Request) *store.Fault {
	t.Helper()
	a, err := c.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return a.Fault(r.Operation)
}

func TestSessionsAreUsedUntilTheyEndSoon(t *testing.T) {
	d, s := newDirectoryStore(t)
	c := d.client(s, nil)
	const object, session = "GET /" + directoryBucket + "/k by session ",
		"GET /" + directoryBucket + "?session= by AKIA"
	get(t, c)
	get(t, c)
	d.expect("two requests", session, object+"1", object+"1")
	d.sleep(3*time.Minute + 29*time.Second)
	get(t, c)
	d.expect("long before the end", object+"1")
	d.sleep(2 * time.Second)
	get(t, c)
	d.expect("ahead of the end", session, object+"2")

	// A failure to renew doesn't matter while the session is good, and is not tried with every request.
	d.sleep(3*time.Minute + 31*time.Second)
	d.set(func() { d.failing = true })
	get(t, c)
	get(t, c)
	d.expect("when the next can't be had", session, object+"2", object+"2")
	d.sleep(5 * time.Second)
	get(t, c)
	d.expect("five seconds later", session, object+"2")
	d.sleep(2 * time.Minute)
	if f := get(t, c); f == nil || f.Status != 503 || f.Code != "SlowDown" || f.Operation != "GetObject" {
		t.Errorf("after the end: %v, want CreateSession's 503", f)
	}
	d.expect("after the end", session)
	d.set(func() { d.failing = false })
	get(t, c)
	d.expect("when it can be had again", session, object+"3")
}

func TestASessionThatTheStoreTakesNoMoreIsReplaced(t *testing.T) {
	d, s := newDirectoryStore(t)
	c := d.client(s, nil)
	get(t, c)
	d.set(func() { d.refused["session 1"] = true })
	if f := get(t, c); f != nil {
		t.Error(f)
	}
	head := do(t, c, &store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: directoryBucket, Key: "k"})
	if head != nil {
		t.Error(head)
	}
	d.set(func() { d.refused["session 2"] = true })
	if f := do(t, c, &store.Request{
		Operation: "HeadObject", Method: "HEAD", Bucket: directoryBucket,
		Key: "k",
	}); f != nil {
		t.Error("HEAD:", f)
	}
	d.set(func() { d.refused["session 3"] = true })
	put := &store.Request{
		Operation: "PutObject", Method: "PUT", Bucket: directoryBucket, Key: "k",
		Bytes: []byte("hello"),
	}
	put.Set("If-None-Match", "*")
	if f := do(t, c, put); f != nil || d.object("/"+directoryBucket+"/k") != "hello" {
		t.Errorf("a conditional PUT: %v", f)
	}
	// A streamed body is gone; the next request has a new session.
	d.set(func() { d.refused["session 4"] = true })
	stream := &store.Request{
		Operation: "PutObject", Method: "PUT", Bucket: directoryBucket, Key: "k", Length: 10,
		Body: &pieces{n: 10},
	}
	if f := do(t, c, stream); f == nil || f.Code != "ExpiredToken" {
		t.Errorf("a streamed PUT: %v, want ExpiredToken", f)
	}
	if f := get(t, c); f != nil {
		t.Error(f)
	}
	if d.sessions != 5 {
		t.Errorf("%d sessions were made, want 5", d.sessions)
	}
	// A store that refuses each new session as well is asked twice, not for ever.
	for i := range 20 {
		d.set(func() { d.refused[fmt.Sprint("session ", i)] = true })
	}
	if f := get(t, c); f == nil || f.Code != "ExpiredToken" {
		t.Errorf("%v, want ExpiredToken", f)
	}
	if d.sessions != 6 {
		t.Errorf("%d sessions were made, want 6", d.sessions)
	}
}

func TestABucketWithoutSessionIsAnsweredByTheStore(t *testing.T) {
	d, s := newDirectoryStore(t)
	d.set(func() { d.noBucket = true })
	c := d.client(s, nil)
	if f := get(t, c); f == nil || f.Status != 404 || f.Code != "NoSuchBucket" {
		t.Errorf("%v, want NoSuchBucket", f)
	}
	if err := c.CreateBucket(t.Context(), directoryBucket, false); err != nil {
		t.Error(err)
	}
	want := "<Location><Name>usw2-az1</Name><Type>AvailabilityZone</Type></Location>"
	if !strings.Contains(d.object("/"+directoryBucket), want) {
		t.Errorf("CreateBucket with %q, want %s in it", d.object("/"+directoryBucket), want)
	}
}

func TestWhatIsSignedWithLongTermCredentials(t *testing.T) {
	d, s := newDirectoryStore(t)
	control, cs := newDirectoryStore(t)
	c := d.client(s, func(o *store.Options) { o.ControlEndpoint = cs.URL })
	for _, r := range []*store.Request{
		{Operation: "CopyObject", Method: "PUT", Bucket: directoryBucket, Key: "k"},
		{
			Operation: "UploadPartCopy", Method: "PUT", Bucket: directoryBucket, Key: "k",
			Query: "partNumber=1&uploadId=u",
		},
		{Operation: "CreateBucket", Method: "PUT", Bucket: directoryBucket},
		{Operation: "DeleteBucket", Method: "DELETE", Bucket: directoryBucket},
	} {
		if f := do(t, c, r); f != nil {
			t.Error(f)
		}
	}
	d.expect("zonal", "PUT /"+directoryBucket+"/k by AKIA",
		"PUT /"+directoryBucket+"/k?partNumber=1&uploadId=u by AKIA")
	control.expect("regional", "PUT /"+directoryBucket+" by AKIA", "DELETE /"+directoryBucket+" by AKIA")
}

// Credentials of the long term may come from STS; their token goes by another header than a session's.
func TestTokensGoByTheirOwnHeaders(t *testing.T) {
	d, s := newDirectoryStore(t)
	c := d.client(s, func(o *store.Options) {
		o.Credentials = func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: "ASIASTS", SecretAccessKey: "secret", SessionToken: "token of STS"},
				nil
		}
	})
	get(t, c)
	d.expect("with credentials of STS", "GET /"+directoryBucket+"?session= by ASIASTS with token of STS",
		"GET /"+directoryBucket+"/k by session 1")
}

func TestOneRequestFetchesASessionForAll(t *testing.T) {
	d, s := newDirectoryStore(t)
	c := d.client(s, nil)
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() { get(t, c) })
	}
	group.Wait()
	if d.sessions != 1 {
		t.Errorf("%d sessions for 20 requests", d.sessions)
	}
	// A request that is given up doesn't wait for a session that somebody else fetches.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, &store.Request{
		Operation: "GetObject", Method: "GET", Bucket: directoryBucket,
		Key: "k",
	}); err != nil && !errors.Is(err, store.ErrUnavailable) {
		t.Error(err)
	}
}

func TestBodiesAreSigned(t *testing.T) {
	d, s := newDirectoryStore(t)
	d.set(func() { d.service = "s3" })
	c := d.client(s, func(o *store.Options) { o.SignPayload = true })
	for _, n := range []int64{0, 1, 65551, 65552, 65553, 1 << 20} {
		if f := do(t, c, &store.Request{
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: n,
			Body: &pieces{n: n},
		}); f != nil {
			t.Errorf("%d bytes streamed: %v", n, f)
		}
		if got := d.object("/b/k"); got != strings.Repeat("x", int(n)) {
			t.Errorf("%d bytes streamed: %d arrived", n, len(got))
		}
		if f := do(t, c, &store.Request{
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k",
			Bytes: bytes.Repeat([]byte{'y'}, int(n)),
		}); f != nil {
			t.Errorf("%d bytes from memory: %v", n, f)
		}
		if got := d.object("/b/k"); got != strings.Repeat("y", int(n)) {
			t.Errorf("%d bytes from memory: %d arrived", n, len(got))
		}
	}
	d.set(func() { d.objects["/b/k"] = "before" })
	failing := &pieces{n: 1 << 20, failAt: 500_000, err: errors.New("the source failed")}
	if _, err := c.Do(t.Context(),
		&store.Request{
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: 1 << 20,
			Body: failing,
		}); !errors.Is(err, failing.err) {
		t.Errorf("a body that fails: %v", err)
	}
	if d.object("/b/k") != "before" {
		t.Error("a body that failed was stored")
	}
}
