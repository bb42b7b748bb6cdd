package objects_test

import (
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A front stands between the objects and a memory store. It passes requests on, counts them, keeps the tags that the
// memory store doesn't know, and does to a request what the test wants done.
//
//	objects ─▶ front ─▶ turn? ─┬─▶ memory store
//	                           └─▶ written: a server that answers what a test wrote, since only clients make them
type front struct {
	memory, written *store.Client

	mu       sync.Mutex
	requests []string                    // operations, in their order
	meet     func(r *store.Request) turn // what is done to a request; nil, or a nil turn: it is passed on
	tags     map[string]string           // of objects, query-encoded, by bucket and key
	answers  map[string]*answer          // that are about to be fetched from written
	seen     func(r *store.Request)      // called with each request
}

// An answer is what a test makes the store say.
type answer struct {
	status int
	header http.Header
	body   []byte
	length int64 // that is announced: -1 for none
}

const (
	accessKey = "AKIDOBJECTS"
	secretKey = "a secret"
	region    = "us-east-1"
)

func newFront(t testing.TB, o memstore.Options) *front {
	t.Helper()
	o.AccessKey, o.SecretKey, o.Region = accessKey, secretKey, region
	memory, err := memstore.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{tags: make(map[string]string), answers: make(map[string]*answer)}
	server := httptest.NewServer(f)
	f.memory, f.written = newClient(t, "http://"+memory.Address()), newClient(t, server.URL)
	t.Cleanup(func() {
		f.memory.Close()
		f.written.Close()
		server.Close()
		closing.Go(func() { // it takes its time to see that nobody is connected any more
			if err := memory.Close(); err != nil {
				panic(err)
			}
		})
	})
	return f
}

// closing are the memory stores that are being stopped.
var closing sync.WaitGroup

func TestMain(m *testing.M) {
	code := m.Run()
	closing.Wait()
	os.Exit(code)
}

func newClient(t testing.TB, endpoint string) *store.Client {
	t.Helper()
	c, err := store.New(store.Options{
		Endpoint: endpoint, Region: region,
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// CreateBucket makes a bucket in the memory store.
func (f *front) CreateBucket(ctx context.Context, name string, objectLock bool) error {
	return f.memory.CreateBucket(ctx, name, objectLock)
}

// Do is the store's, for the objects.
func (f *front) Do(ctx context.Context, r *store.Request) (*store.Answer, error) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Operation)
	meet, seen := f.meet, f.seen
	f.mu.Unlock()
	if seen != nil {
		seen(r)
	}
	if meet != nil {
		if do := meet(r); do != nil {
			return do(ctx, f, r)
		}
	}
	return f.pass(ctx, r)
}

// set has every request from now on met by this function, and begins a new list of requests.
func (f *front) set(meet func(r *store.Request) turn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.meet, f.requests = meet, nil
}

// sent are the operations of the requests since set.
func (f *front) sent() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *front) watch(seen func(r *store.Request)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = seen
}

// give has the client of the written answers fetch one.
func (f *front) give(ctx context.Context, r *store.Request, a *answer) (*store.Answer, error) {
	f.mu.Lock()
	name := strconv.Itoa(len(f.answers))
	f.answers[name] = a
	f.mu.Unlock()
	return f.written.Do(ctx, &store.Request{Operation: r.Operation, Method: r.Method, Bucket: "answers", Key: name})
}

// ServeHTTP writes the answer that a request names.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	a := f.answers[strings.TrimPrefix(r.URL.Path, "/answers/")]
	f.mu.Unlock()
	for name, values := range a.header {
		if name != "Content-Length" && name != "Connection" {
			w.Header()[name] = values
		}
	}
	if a.length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(a.length, 10))
	} else if r.Method != http.MethodHead {
		w.Header().Set("Trailer", "None") // makes it chunked
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body) // who cuts a body off means it
	}
}

// pass has the memory store answer, and does what it doesn't know about tags.
func (f *front) pass(ctx context.Context, r *store.Request) (*store.Answer, error) {
	name, set, directive := r.Bucket+"/"+r.Key, "", ""
	sent := *r
	sent.Header = nil
	for _, h := range r.Header {
		switch string(h.Name) {
		case objects.TagsHeader:
			set = string(h.Value)
		case objects.TagDirective:
			directive = string(h.Value)
		default:
			sent.Header = append(sent.Header, h)
		}
	}
	switch r.Operation {
	case "GetObjectTagging":
		return write(f.tagging(name))(ctx, f, r)
	case "PutObject", "CopyObject", "CreateMultipartUpload":
		a, err := f.memory.Do(ctx, &sent)
		if err == nil && a.Status < 300 {
			f.mu.Lock()
			defer f.mu.Unlock()
			if directive == "COPY" {
				set = f.tags[copiedName(r)]
			}
			if set == "" {
				delete(f.tags, name)
			} else {
				f.tags[name] = set
			}
		}
		return a, err
	case "GetObject", "HeadObject":
		f.mu.Lock()
		tags := f.tags[name]
		f.mu.Unlock()
		if tags != "" {
			return f.edited(ctx, &sent, f.memory.Do,
				setHeader(objects.TagCountHeader, strconv.Itoa(1+strings.Count(tags, "&"))))
		}
	}
	return f.memory.Do(ctx, &sent)
}

// tagging is the document of an object's tags.
func (f *front) tagging(name string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var doc struct {
		XMLName xml.Name `xml:"Tagging"`
		TagSet  struct{ Tag policy.Tags }
	}
	for pair := range strings.SplitSeq(f.tags[name], "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, _ = url.QueryUnescape(key)
		value, _ = url.QueryUnescape(value)
		doc.TagSet.Tag = append(doc.TagSet.Tag, policy.Tag{Key: key, Value: value})
	}
	b, _ := xml.Marshal(&doc)
	return string(b)
}

func copiedName(r *store.Request) string {
	for _, h := range r.Header {
		if string(h.Name) == "x-amz-copy-source" {
			name, _ := url.PathUnescape(strings.TrimPrefix(string(h.Value), "/"))
			return name
		}
	}
	return ""
}

// raw puts an object into the memory store as it is.
func (f *front) raw(t testing.TB, bucket, key string, body []byte, header ...string) {
	t.Helper()
	r := &store.Request{
		Operation: "PutObject", Method: "PUT", Bucket: bucket, Key: key,
		Bytes: append([]byte{}, body...),
	}
	for i := 0; i < len(header); i += 2 {
		r.Set(header[i], header[i+1])
	}
	f.must(t, r)
}

// stored is what the memory store has: nil and "" for nothing.
func (f *front) stored(t testing.TB, bucket, key string) (body []byte, header http.Header) {
	t.Helper()
	a, err := f.memory.Do(t.Context(), &store.Request{Operation: "GetObject", Method: "GET", Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if a.Status == http.StatusNotFound {
		return nil, nil
	}
	header = make(http.Header)
	a.Header(func(name, value []byte) bool {
		header.Set(string(name), string(value))
		return true
	})
	body = make([]byte, a.Length)
	if _, err := io.ReadFull(a, body); err != nil {
		t.Fatal(err)
	}
	return body, header
}

// holds reports whether the memory store has an object.
func (f *front) holds(t testing.TB, bucket, key string) bool {
	t.Helper()
	a, err := f.memory.Do(t.Context(),
		&store.Request{Operation: "HeadObject", Method: "HEAD", Bucket: bucket, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return a.Status == http.StatusOK
}

func (f *front) remove(t testing.TB, bucket, key string) {
	t.Helper()
	f.must(t, &store.Request{Operation: "DeleteObject", Method: "DELETE", Bucket: bucket, Key: key})
}

func (f *front) must(t testing.TB, r *store.Request) {
	t.Helper()
	a, err := f.memory.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if fault := a.Fault(r.Operation); fault != nil {
		t.Fatal(fault)
	}
}
