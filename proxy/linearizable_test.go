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
