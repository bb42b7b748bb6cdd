package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Invariant 8, a 200 stays true: what clients of two replicas see of a few keys is what they would see if each
// operation happened at one moment between its request and its answer, however the store's relay delays, repeats and
// loses.
//
// An operation that moves an object between two keys has several moments: a copy reads and then writes; a rename reads,
// writes, and deletes what it has read, and no other operation in several steps comes between. An operation whose
// outcome the client wasn't told has happened at some time after its request, or not.
//
// The test lasts some seconds. SEALFRONT_LINEARIZE=10m has it go on for that long, over every store that is there.
func TestLinearizable(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts programs and plays for a while; run without -short")
	}
	t.Parallel()
	stores := map[string]func(t *testing.T) proxytest.Service{"embedded": proxytest.SharedService}
	long, err := time.ParseDuration(os.Getenv("SEALFRONT_LINEARIZE"))
	if err == nil {
		stores["versitygw"], stores["minio"] = proxytest.StartVersitygw, proxytest.StartMinIO
	} else {
		long = 6 * time.Second
	}
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			g := newLinearGame(t, start(t), name == "minio")
			end := time.Now().Add(long)
			var rounds atomic.Int64
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					for first := true; first || time.Now().Before(end) && !t.Failed(); first = false {
						g.round(int(rounds.Add(1)))
					}
				})
			}
			wg.Wait()
			t.Logf("%d rounds, seed %d; outcomes: %v", rounds.Load(), g.seed, g.outcomes)
		})
	}
}

// A linearGame is two replicas on one store behind a relay.
type linearGame struct {
	t        *testing.T
	replicas [2]*proxytest.Program
	bucket   string
	seed     uint64
	// lossy: a store that deletes without conditions loses what is written to a rename's source at the last moment. That
	// is documented, and not played.
	lossy bool
	calm  atomic.Bool // the relay lets everything through
	tidy  atomic.Bool // it only delays

	config string // of the first replica
	kmsKey string // the service key

	mu       sync.Mutex
	outcomes map[string]int
}

const (
	linearKeys    = 3
	linearClients = 5
	linearOps     = 9 // of each client in a round
)

func newLinearGame(t *testing.T, store proxytest.Service, lossy bool) *linearGame {
	t.Helper()
	g := &linearGame{
		t: t, bucket: "linear--usw2-az1--x-s3", seed: uint64(time.Now().UnixNano()), outcomes: make(map[string]int),
		lossy: lossy,
	}
	if s, err := strconv.ParseUint(os.Getenv("SEALFRONT_SEED"), 10, 64); err == nil {
		g.seed = s
	}
	g.calm.Store(true)
	relay := g.relay(store.Endpoint)
	dir := t.TempDir()
	ca := proxytest.WriteCertificates(t, dir)
	kms := proxytest.StartEmbedded(t, t.TempDir())
	g.kmsKey = kms.Env["SEALFRONT_KMS_KEY"]
	prefix := fmt.Sprintf("l%d-", time.Now().UnixNano())
	for i := range g.replicas {
		g.config = fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: %s/server.pem, key: %s/server.key}
store: {kind: s3, endpoint: %q, access_key: %q, secret_key: %q, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: aws, endpoint: %q, access_key: %q, secret_key: %q, service_key: %q}
`, dir, dir, relay, store.AccessKey, store.SecretKey, prefix, prefix, kms.Env["SEALFRONT_KMS_ENDPOINT"],
			kms.Env["AWS_ACCESS_KEY_ID"], kms.Env["AWS_SECRET_ACCESS_KEY"], kms.Env["SEALFRONT_KMS_KEY"])
		g.replicas[i] = proxytest.StartWith(t, g.config)
		g.replicas[i].Env["AWS_CA_BUNDLE"] = ca
	}
	if a := g.do(0,
		&proxytest.Request{
			Method: "PUT", Path: "/" + g.bucket,
			Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
		}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	g.calm.Store(false)
	return g
}

func (g *linearGame) do(replica int, r *proxytest.Request) *proxytest.Answer {
	r.Plain = true
	return g.replicas[replica].Do(r)
}

// mustDo repeats a request that has no consequences until it succeeds.
func (g *linearGame) mustDo(replica int, r *proxytest.Request) *proxytest.Answer {
	for range 20 {
		if a := g.do(replica, r); a.StatusCode == 200 && a.Err == nil {
			return a
		}
	}
	g.t.Errorf("%s %s failed 20 times", r.Method, r.Path)
	return g.do(replica, r)
}

// relay starts the relay. It keeps the store's promises otherwise: no request is carried out that its client has given
// up.
func (g *linearGame) relay(endpoint string) string {
	target, err := url.Parse(endpoint)
	if err != nil {
		g.t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{
		ErrorLog:  proxytest.DiscardLog,
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, DialContext: proxytest.DialAbruptly},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
			if _, ok := r.Out.Header["User-Agent"]; !ok {
				r.Out.Header["User-Agent"] = nil
			}
		},
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		g.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.calm.Load() || r.ContentLength > 64<<10 {
			forward.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		send := func() *httptest.ResponseRecorder {
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(bytes.NewReader(body))
			rec := httptest.NewRecorder()
			forward.ServeHTTP(rec, again)
			return rec
		}
		pause := func(most time.Duration) { time.Sleep(rand.N(most)) }
		if r.Method == "DELETE" && rand.IntN(3) == 0 {
			pause(150 * time.Millisecond) // the last step of a rename
		} else if rand.IntN(4) == 0 {
			pause(25 * time.Millisecond)
		}
		rec := send()
		// What a client's own condition has let through once isn't let through twice: there the second answer would be
		// untrue.
		conditional := r.Method != "DELETE" && (r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Match") != "")
		if !g.tidy.Load() && rand.IntN(12) == 0 && (!conditional || strings.Contains(r.URL.Path, "state/claims/")) {
			pause(10 * time.Millisecond)
			rec = send()
		}
		if rand.IntN(4) == 0 {
			pause(25 * time.Millisecond)
		}
		if !g.tidy.Load() && rand.IntN(100) == 0 {
			panic(http.ErrAbortHandler) // the answer is lost
		}
		for name, values := range rec.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	})}
	go func() { _ = server.Serve(ln) }()
	g.t.Cleanup(func() { _ = server.Close() })
	return "http://" + ln.Addr().String()
}

// Each written body begins with a token of its own, so that what is read tells which writes it is made of.

func tokenLength(id int) int {
	switch id % 4 {
	case 0:
		return 6000 // the store copies it
	case 1:
		return 70_000
	}
	return 20
}

func tokenBody(id int) string {
	return strings.Repeat(fmt.Sprintf("t%06d:", id), tokenLength(id)/8+1)[:tokenLength(id)]
}

// tokensOf names the tokens that a body consists of; "?" when it isn't made of whole ones.
func tokensOf(body string) string {
	var b strings.Builder
	for body != "" {
		id, err := strconv.Atoi(body[1:min(7, len(body))])
		if err != nil || !strings.HasPrefix(body, tokenBody(id)) {
			return "?"
		}
		fmt.Fprintf(&b, "%d ", id)
		body = body[tokenLength(id):]
	}
	return b.String()
}

func lengthOf(tokens string) int {
	n := 0
	for token := range strings.FieldsSeq(tokens) {
		id, _ := strconv.Atoi(token)
		n += tokenLength(id)
	}
	return n
}

// A linearRound is one history over fresh keys.
type linearRound struct {
	*linearGame
	number  int
	began   time.Time
	uploads []linearUpload

	mu      sync.Mutex
	history []porcupine.Operation
	steps   atomic.Int64
}

type linearUpload struct {
	id, etag string
	step     linearStep
}

// round plays one.
func (g *linearGame) round(number int) {
	r := &linearRound{linearGame: g, number: number, began: time.Now()}
	for i := range 2 * linearKeys {
		r.begin(i)
	}
	var wg sync.WaitGroup
	for client := range linearClients {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(g.seed, uint64(number*linearClients+client)))
			for range linearOps {
				r.play(client, dice)
			}
		})
	}
	wg.Wait()
	for key := range linearKeys { // what it all comes to
		r.read(0, "get", key)
		r.read(1, "get", key)
	}
	played := time.Since(r.began)
	defer func() {
		g.t.Logf("round %d: %v played, %v in all, %d steps", number, played, time.Since(r.began), len(r.history))
	}()
	result, info := porcupine.CheckOperationsVerbose(linearModel(), r.history, 20*time.Second)
	switch result {
	case porcupine.Ok:
		return
	case porcupine.Unknown:
		g.count("round too long to check")
		return
	}
	file := "linearizability-" + strconv.Itoa(number) + ".html"
	if dir := os.Getenv("SEALFRONT_LINEARIZE_OUT"); dir != "" {
		_ = porcupine.VisualizePath(linearModel(), info, dir+"/"+file)
	}
	var b strings.Builder
	model := linearModel()
	for _, o := range r.history {
		fmt.Fprintf(&b, "%d %8.1f–%8.1f ms %s\n", o.ClientId, float64(o.Call)/1e6, float64(o.Return)/1e6,
			model.DescribeOperation(o.Input, o.Output))
	}
	g.t.Errorf("round %d isn't linearizable (seed %d):\n%s", number, g.seed, b.String())
}

func (g *linearGame) count(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.outcomes[what]++
}

func (r *linearRound) path(key int) string {
	return "/" + r.bucket + "/" + r.name(key)
}

func (r *linearRound) name(key int) string { return fmt.Sprintf("r%d/k%d", r.number, key) }

// begin begins an upload of one small part, which any client may complete.
func (r *linearRound) begin(i int) {
	key := i % linearKeys
	id := int(r.steps.Add(1))
	u := linearUpload{
		step: linearStep{
			kind: "complete", key: key, tokens: fmt.Sprintf("%d ", id), meta: fmt.Sprint("m", id), upload64: 1 << i,
		},
	}
	a := r.mustDo(i%2,
		&proxytest.Request{
			Method: "POST", Path: r.path(key), Query: "uploads=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-M", u.step.meta)},
		})
	u.id = proxytest.Element(a.Text, "UploadId")
	a = r.mustDo((i+1)%2,
		&proxytest.Request{
			Method: "PUT", Path: r.path(key), Query: "partNumber=1&uploadId=" + url.QueryEscape(u.id), Body: tokenBody(id),
		})
	u.etag = a.Header.Get("ETag")
	r.uploads = append(r.uploads, u)
}

// record adds the steps of an operation that was called at this time and has just been answered.
func (r *linearRound) record(client int, call time.Time, a *proxytest.Answer, out linearResult, steps ...linearStep) {
	out.status = a.StatusCode
	if a.Code() == "SlowDown" { // nothing was begun
		return
	}
	if took := time.Since(call); took > 3*time.Second {
		r.t.Logf("%s took %v: %d", steps[0].kind, took, a.StatusCode)
	}
	end := time.Since(r.began).Nanoseconds()
	out.unknown = out.unknown || a.StatusCode == 0 || a.StatusCode >= 500 || a.Err != nil
	if out.unknown {
		end = 1 << 62
	}
	r.count(fmt.Sprint(steps[0].kind, " ", a.StatusCode))
	if a.StatusCode >= 400 && a.StatusCode < 500 && a.StatusCode != 404 && a.StatusCode != 409 && a.StatusCode != 412 &&
		a.Code() != "InvalidWriteOffset" {
		r.t.Errorf("%s of key %d: %d %s", steps[0].kind, steps[0].key, a.StatusCode, a.Text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range steps {
		r.history = append(r.history,
			porcupine.Operation{
				ClientId: client, Input: &steps[i], Call: call.Sub(r.began).Nanoseconds(), Output: &out, Return: end,
			})
	}
}

// read reads a key and returns what there is, with its ETag.
func (r *linearRound) read(client int, kind string, key int) (body, etag string) {
	call := time.Now()
	method := map[string]string{"get": "GET", "head": "HEAD"}[kind]
	a := r.do(client%2, &proxytest.Request{Method: method, Path: r.path(key)})
	if a.StatusCode != 200 && a.StatusCode != 404 || a.Err != nil {
		if a.StatusCode == 403 {
			r.t.Errorf("GET of key %d: %d %s", key, a.StatusCode, a.Text)
		}
		r.count(fmt.Sprint(kind, " ", a.StatusCode))
		return "", ""
	}
	out := linearResult{tokens: tokensOf(a.Text), meta: a.Header.Get("X-Amz-Meta-M")}
	if kind == "head" && a.StatusCode == 200 {
		// Only the length is known; any tokens of that length stand for it.
		out.tokens = ""
		if n, _ := strconv.Atoi(a.Header.Get("Content-Length")); n >= 0 {
			r.record(client, call, a, out, linearStep{kind: "listed", key: key})
			return "", ""
		}
	}
	if a.StatusCode == 404 {
		out = linearResult{}
	}
	r.record(client, call, a, out, linearStep{kind: kind, key: key})
	return a.Text, a.Header.Get("ETag")
}

func (r *linearRound) play(client int, dice *rand.Rand) {
	replica := dice.IntN(2)
	id := int(r.steps.Add(1))
	key := dice.IntN(linearKeys)
	to := (key + 1 + dice.IntN(linearKeys-1)) % linearKeys
	tokens, meta := fmt.Sprintf("%d ", id), fmt.Sprint("m", id)
	marked := proxytest.Field("X-Amz-Meta-M", meta)
	step := linearStep{id: id, key: key, to: to, tokens: tokens, meta: meta}
	named := func(kind string) linearStep { s := step; s.kind = kind; return s }
	call := time.Now()
	copied := func(to int) *proxytest.Answer {
		header := []sigv4.Field{
			marked, proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
			proxytest.Field("X-Amz-Copy-Source", r.bucket+"/"+r.name(key)),
		}
		return r.do(replica, &proxytest.Request{Method: "PUT", Path: r.path(to), Header: header})
	}
	put := func(header ...sigv4.Field) *proxytest.Answer {
		return r.do(replica,
			&proxytest.Request{Method: "PUT", Path: r.path(key), Body: tokenBody(id), Header: append(header, marked)})
	}
	switch n := dice.IntN(100); {
	case n < 15:
		r.read(replica, "get", key)
	case n < 18:
		r.read(replica, "head", key)
	case n < 22:
		r.list(client, replica)
	case n < 56 && n != 45 && r.lossy:
		r.read(replica, "get", key)
	case n < 34:
		r.record(client, call, put(), linearResult{}, named("put"))
	case n < 39:
		a := put(proxytest.Field("If-None-Match", "*"))
		r.record(client, call, a, linearResult{unknown: a.StatusCode == 412}, named("create"))
	case n < 44:
		body, etag := r.read(replica, "get", key)
		if etag == "" {
			return
		}
		call = time.Now()
		r.record(client, call, put(proxytest.Field("If-Match", etag)), linearResult{tokens: tokensOf(body)}, named("replace"))
	case n < 48:
		r.record(client, call, r.do(replica, &proxytest.Request{Method: "DELETE", Path: r.path(key)}), linearResult{},
			named("delete"))
	case n < 56:
		r.record(client, call, copied(to), linearResult{}, named("copy reads"), named("copy writes"))
	case n < 64:
		r.record(client, call, copied(key), linearResult{}, named("self"))
	case n < 72:
		body, etag := r.read(replica, "get", key)
		if etag == "" {
			return
		}
		step.offset = len(body)
		call = time.Now()
		a := r.do(replica,
			&proxytest.Request{
				Method: "PUT", Path: r.path(key), Body: tokenBody(id),
				Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(body)))},
			})
		r.record(client, call, a, linearResult{}, named("append"))
	case n < 82:
		u := r.uploads[dice.IntN(len(r.uploads))]
		r.complete(client, replica, &u)
	default:
		a := r.do(replica,
			&proxytest.Request{
				Method: "PUT", Path: r.path(to), Query: "renameObject=",
				Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", r.name(key))},
			})
		r.record(client, call, a, linearResult{}, named("rename reads"), named("rename writes"), named("rename deletes"))
	}
}

// complete sends the same Complete to both replicas.
func (r *linearRound) complete(client, replica int, u *linearUpload) {
	document := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + u.etag +
		"</ETag></Part></CompleteMultipartUpload>"
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			call := time.Now()
			a := r.do((replica+i)%2,
				&proxytest.Request{
					Method: "POST", Path: r.path(u.step.key), Query: "uploadId=" + url.QueryEscape(u.id), Body: document,
				})
			if a.StatusCode == 200 && strings.Contains(a.Text, "<Error>") {
				a.StatusCode = 503
			}
			step := u.step
			step.id = int(r.steps.Add(1))
			r.record(client, call, a, linearResult{}, step)
		})
	}
	wg.Wait()
}

// list lists the bucket: each key is or isn't there at some moment of it.
func (r *linearRound) list(client, replica int) {
	call := time.Now()
	a := r.do(replica,
		&proxytest.Request{Method: "GET", Path: "/" + r.bucket, Query: fmt.Sprintf("list-type=2&prefix=r%d%%2F", r.number)})
	if a.StatusCode != 200 || a.Err != nil || strings.Contains(a.Text, "<IsTruncated>true") {
		return
	}
	for key := range linearKeys {
		kind := "unlisted"
		if strings.Contains(a.Text, "<Key>"+r.name(key)+"</Key>") {
			kind = "listed"
		}
		r.record(client, call, a, linearResult{}, linearStep{kind: kind, key: key})
	}
}
