package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A soakObject is a key and what may lie there by what its client was told: one content, or more than one after a write
// whose outcome the client doesn't know, until it has looked.
type soakObject struct {
	bucket, key string
	may         []string
	large       bool
}

func (o *soakObject) is(content string) bool { return len(o.may) == 1 && o.may[0] == content }

// A soakWorker is one client, with keys of its own in both buckets.
type soakWorker struct {
	*soak
	prefix  string
	random  *rand.Rand
	objects []*soakObject
	retired []*soakObject // a write to them may still be in flight: nothing is expected of them until the end
	made    int

	inSession bool // directory buckets by sessions, else by long-term keys
	session   *sigv4.Credentials
	since     time.Time
}

func (s *soak) worker(n int) *soakWorker {
	s.t.Helper()
	w := &soakWorker{
		soak: s, prefix: fmt.Sprintf("w%d/", n), random: rand.New(rand.NewPCG(uint64(n), 9)), inSession: n%2 == 0,
	}
	for i := range 16 {
		bucket := soakDirectory
		if i%3 == 2 {
			bucket = soakGeneral
		}
		w.objects = append(w.objects, w.object(bucket, i == 0 || i == 2))
	}
	if w.inSession {
		w.session, w.since = s.p.Session(soakDirectory), time.Now()
	}
	return w
}

func (w *soakWorker) object(bucket string, large bool) *soakObject {
	w.made++
	return &soakObject{bucket: bucket, key: fmt.Sprintf("%s%03d", w.prefix, w.made), may: []string{absent}, large: large}
}

// retire takes an object out whose last write the client has left alone, and puts a new one in its place.
func (w *soakWorker) retire(o *soakObject) {
	w.retired = append(w.retired, o)
	w.objects[slices.Index(w.objects, o)] = w.object(o.bucket, o.large)
}

func (w *soakWorker) content(large bool) string {
	n := w.random.IntN(3000)
	switch k := w.random.IntN(20); {
	case large:
		n = 5*proxytest.MiB + w.random.IntN(proxytest.MiB)
	case k < 2:
		n = proxytest.EdgeSizes[w.random.IntN(9)]
	case k < 5:
		n = w.random.IntN(500_000)
	}
	b := make([]byte, n)
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(w.random.Uint32())
	}
	_, _ = rand.NewChaCha8(seed).Read(b)
	return string(b)
}

// request makes a signed request for the pooled client.
func (w *soakWorker) request(ctx context.Context, r *proxytest.Request, body io.Reader, length int) *http.Request {
	if bucket, _, _ := strings.Cut(strings.TrimPrefix(r.Path, "/"), "/"); bucket == soakDirectory && w.inSession &&
		r.Credentials == nil {
		r.Credentials, r.Service = w.session, "s3express"
	}
	r.Declared = length
	host, head := w.p.Head(r)
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		panic(err)
	}
	q.URL.Scheme, q.URL.Host, q.RequestURI = "https", host, ""
	q.Body, q.ContentLength = http.NoBody, int64(length)
	if length > 0 {
		q.Body = io.NopCloser(body)
	}
	return q.WithContext(ctx)
}

// send sends a request and reads the answer.
func (w *soakWorker) send(r *proxytest.Request) *proxytest.Answer {
	resp, err := w.client.Do(w.request(context.Background(), r, strings.NewReader(r.Body), len(r.Body)))
	if err != nil {
		if timeout, ok := errors.AsType[interface {
			error
			Timeout() bool
		}](err); ok && timeout.Timeout() {
			w.t.Errorf("%s %s?%s is stuck: %v", r.Method, r.Path, r.Query, err)
		}
		return &proxytest.Answer{Response: &http.Response{Header: make(http.Header)}, Err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return &proxytest.Answer{Response: resp, Text: string(body), Err: err}
}

// ask is send with its outcome noted.
func (w *soakWorker) ask(operation string, r *proxytest.Request, expected ...string) (*proxytest.Answer, told) {
	a := w.send(r)
	t := toldBy(a)
	w.note(operation, t, expected...)
	return a, t
}

func (o *soakObject) path() string { return "/" + o.bucket + "/" + o.key }

// observe reads an object once. What is there must be what may be there; known says that it is now.
func (w *soakWorker) observe(o *soakObject) (known bool) {
	a, t := w.ask("GetObject", &proxytest.Request{Method: "GET", Path: o.path()}, "404 NoSuchKey")
	is := a.Text
	switch {
	case t.says == "404 NoSuchKey":
		is = absent
	case !t.ok && a.StatusCode == 200:
		if !slices.ContainsFunc(o.may, func(content string) bool { return strings.HasPrefix(content, a.Text) }) {
			w.t.Errorf("%s: a GET that broke off gave %d bytes that aren't the object's", o.path(), len(a.Text))
		}
		return false
	case !t.ok:
		return false
	}
	if !slices.Contains(o.may, is) {
		sizes := make([]int, len(o.may))
		for i, content := range o.may {
			if sizes[i] = len(content); content == absent {
				sizes[i] = -1
			}
		}
		w.t.Errorf("%s: GET: %s and %d bytes, which isn't what its client was told: sizes %d (-1: none)", o.path(), t.says,
			len(a.Text), sizes)
	}
	o.may = []string{is}
	return true
}

// settle looks until it knows what is there.
func (w *soakWorker) settle(o *soakObject) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		if w.observe(o) {
			return
		}
		<-tick.C
	}
	w.t.Errorf("%s: can't be read any more", o.path())
}

// settleAll settles all objects but the retired ones: a PUT whose client has left may still be at work. What became of
// those is seen when the program has ended.
func (w *soakWorker) settleAll() {
	for _, o := range w.objects {
		if len(o.may) > 1 {
			w.settle(o)
		}
	}
}

// wrote takes down a write of which the client was told this.
func (w *soakWorker) wrote(o *soakObject, t told, content string) {
	if t.ok {
		o.may = []string{content}
		return
	}
	o.may = append(o.may, content)
	w.settle(o)
}

// hangUp sends the first n bytes of a body of this length and breaks off.
func (w *soakWorker) hangUp(operation string, r *proxytest.Request, n int) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	body := io.MultiReader(strings.NewReader(r.Body[:n]), endOf(cancel))
	resp, err := w.client.Do(w.request(ctx, r, body, len(r.Body)))
	t := told{says: "no answer"}
	if err == nil { // it was answered before its end
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		t = toldBy(&proxytest.Answer{Response: resp, Text: string(text)})
	}
	w.note(operation+", hung up", t, "400 IncompleteBody")
}

// endOf is a body's end at which f is called.
type endOf func()

func (f endOf) Read([]byte) (int, error) {
	f()
	return 0, errors.New("the client hangs up")
}

type soakListing struct {
	Contents []struct {
		Key  string
		Size int
	}
	IsTruncated           bool
	NextContinuationToken string
}

// list compares a listing of all of this client's keys with what it was told.
func (w *soakWorker) list(bucket string) {
	listed := make(map[string]int)
	for token := ""; ; {
		query := fmt.Sprintf("list-type=2&max-keys=%d&prefix=%s", 1+w.random.IntN(20), url.QueryEscape(w.prefix))
		if token != "" {
			query = "continuation-token=" + strings.ReplaceAll(url.QueryEscape(token), "+", "%20") + "&" + query
		}
		a, t := w.ask("ListObjectsV2", &proxytest.Request{Method: "GET", Path: "/" + bucket, Query: query})
		if !t.ok {
			return
		}
		var page soakListing
		if err := xml.Unmarshal([]byte(a.Text), &page); err != nil {
			w.t.Errorf("ListObjectsV2: %v", err)
			return
		}
		for _, o := range page.Contents {
			listed[o.Key] = o.Size
		}
		if !page.IsTruncated {
			break
		}
		token = page.NextContinuationToken
	}
	for _, o := range append(slices.Clone(w.retired), w.objects...) {
		if o.bucket != bucket {
			continue
		}
		size, there := listed[o.key]
		delete(listed, o.key)
		if len(o.may) == 1 && (there == o.is(absent) || there && size != len(o.may[0])) {
			w.t.Errorf("%s in a listing: there %t, size %d; its client was told otherwise", o.path(), there, size)
		}
	}
	for key := range listed {
		w.t.Errorf("%s/%s in a listing, and nobody has written it", bucket, key)
	}
}
