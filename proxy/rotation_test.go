package main

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A rotation is three replicas on one store and one key service, whose keys change while clients are at work at each.
type rotation struct {
	t        *testing.T
	k        *proxytest.FaultyKMS
	text     string
	ca       string
	replicas [3]*proxytest.Program
	rounds   [3]atomic.Int64

	mu       sync.Mutex
	sessions []*sigv4.Credentials // each made by another replica or process
}

const rotatedDirectory, rotatedGeneral = "rotated--usw2-az1--x-s3", "rotated"

// rotated are objects from before the rotations, by path.
var rotated = map[string]string{
	"/" + rotatedDirectory + "/old": "of the directory bucket",
	"/" + rotatedGeneral + "/old":   "of the bucket's first KMS key", "/" + rotatedGeneral + "/s3": "of the service key",
}

// Whatever changes about keys, by whichever replica, no request fails at any of them, and what was sealed before opens
// at each: a bucket's KMS key, the material of KMS keys and of the service key, bucket keys that end or are dropped,
// session keys.
func TestRotationAcrossAFleet(t *testing.T) {
	t.Parallel()
	r := startRotation(t)
	a, b := r.k.MakeKey(t), r.k.MakeKey(t)
	first := r.replicas[0]
	directory, general := &proxytest.KMSBucket{P: first, Name: rotatedDirectory, Key: a}, &proxytest.KMSBucket{
		P: first, Name: rotatedGeneral, Key: a,
	}
	directory.Must(&proxytest.Request{
		Method: "PUT", Path: "/" + rotatedDirectory,
		Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
	})
	directory.Must(directory.Encryption())
	general.Must(&proxytest.Request{Method: "PUT", Path: "/" + rotatedGeneral})
	bind := func(p *proxytest.Program, key string) {
		e := (&proxytest.KMSBucket{Name: rotatedGeneral, Key: key}).Encryption()
		e.Service = "s3"
		(&proxytest.KMSBucket{P: p}).Must(e)
	}
	bind(first, a)
	for path, body := range rotated {
		put := &proxytest.Request{Method: "PUT", Path: path, Body: body}
		if strings.HasSuffix(path, "/s3") {
			put.Header = []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")}
		}
		general.Must(put)
	}
	one, two := proxytest.RandomBytes(5*proxytest.MiB), []byte("the end")
	upload := proxytest.NewUploader(t, first.Client(t), rotatedGeneral, "upload")
	upload.Part(1, one)
	r.addSession(first)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var work sync.WaitGroup
	begin := func(i int) (end func()) {
		ctx, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		work.Go(func() {
			defer close(done)
			r.load(ctx, i)
		})
		return func() { stop(); <-done }
	}
	var end [3]func()
	for i := range r.replicas {
		end[i] = begin(i)
	}
	r.progress("at first")

	bind(r.replicas[1], b)
	for i, p := range r.replicas {
		r.until(fmt.Sprintf("replica %d seals under the bucket's new KMS key", i), func() bool {
			put := p.Put(rotatedGeneral, "new", "of the bucket's second KMS key")
			return put.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") == b
		})
	}
	r.progress("after the bucket's KMS key has changed")

	before := r.k.Count("GenerateDataKey", a)
	for _, key := range []string{a, b, r.k.ServiceKey} {
		if _, err := r.k.RotateKeyOnDemand(t.Context(), &kms.RotateKeyOnDemandInput{KeyId: &key}); err != nil {
			t.Fatal(err)
		}
	}
	r.until("each replica has made a bucket key under the new material",
		func() bool { return r.k.Count("GenerateDataKey", a) >= before+2*len(r.replicas) })
	r.progress("after the KMS keys have new material")

	r.replicas[2].DropKeys("")
	r.replicas[1].DropKeys("?kms-key=" + url.QueryEscape(b))
	r.progress("after all bucket keys were dropped")

	// A process makes a session key of its own, and finds those of the others, also of those that have ended.
	for i := range r.replicas {
		r.addSession(r.replicas[i])
		end[i]()
		if status := r.replicas[i].Stop(); status != 0 {
			t.Errorf("replica %d ended with %d", i, status)
		}
		r.replicas[i] = r.start()
		r.addSession(r.replicas[i])
		end[i] = begin(i)
	}
	r.progress("after every process has been replaced")
	stop()
	work.Wait()

	upload.Client = r.replicas[1].Client(t)
	upload.Part(2, two)
	upload.Client = r.replicas[2].Client(t)
	if _, err := upload.Complete(1, 2); err != nil {
		t.Errorf("an upload that began before: %v", err)
	}
	for i, p := range r.replicas {
		proxytest.MustRead(t, p.Client(t), rotatedGeneral, "upload", bytes.Join([][]byte{one, two}, nil))
		for path, want := range map[string]string{
			"/" + rotatedGeneral + "/old": a, "/" + rotatedGeneral + "/new": b, "/" + rotatedDirectory + "/old": a,
		} {
			if key := p.Do(&proxytest.Request{
				Method: "HEAD", Path: path,
			}).Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); key != want {
				t.Errorf("replica %d: %s is said to be under %s, want %s", i, path, key, want)
			}
		}
		if n := p.Metric("sealfront_integrity_failures_total"); n != 0 {
			t.Errorf("replica %d alarms: %d", i, n)
		}
	}
}

// startRotation starts three replicas at once on a store without a state key: they make one.
func startRotation(t *testing.T) *rotation {
	t.Helper()
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	r := &rotation{t: t, k: proxytest.NewFaultyKMS(t)}
	dir, prefix := t.TempDir(), fmt.Sprintf("r%d-", time.Now().UnixNano())
	r.ca = proxytest.WriteCertificates(t, dir)
	r.text = fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "", admin: "127.0.0.1:0"}
tls: {cert: %s/server.pem, key: %s/server.key}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, bucket_key: {lifetime: 500ms, seal_for: 1s}}
`, dir, dir, endpoint, prefix, prefix, r.k.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, r.k.ServiceKey)
	var starting sync.WaitGroup
	for i := range r.replicas {
		starting.Go(func() { r.replicas[i] = r.start() })
	}
	starting.Wait()
	for _, p := range r.replicas {
		if p == nil {
			t.FailNow()
		}
	}
	return r
}

func (r *rotation) start() *proxytest.Program {
	r.t.Helper()
	p := proxytest.StartWith(r.t, r.text)
	p.Env["AWS_CA_BUNDLE"] = r.ca
	return p
}

func (r *rotation) addSession(p *proxytest.Program) {
	r.t.Helper()
	c := p.Session(rotatedDirectory)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = append(r.sessions, c)
}

// load puts and gets at one replica, with all the sessions there are in turn, and reads what was there before.
func (r *rotation) load(ctx context.Context, i int) {
	p := r.replicas[i]
	ask := func(q *proxytest.Request, want string) {
		a := p.Do(q)
		if a.StatusCode != 200 || a.Err != nil || q.Method == "GET" && a.Text != want {
			r.t.Errorf("replica %d: %s %s: %d %.200s %v", i, q.Method, q.Path, a.StatusCode, a.Text, a.Err)
		}
	}
	for n := 0; ctx.Err() == nil && !r.t.Failed(); n++ {
		r.mu.Lock()
		session := r.sessions[n%len(r.sessions)]
		r.mu.Unlock()
		body := fmt.Sprintf("%d of replica %d", n, i)
		path := fmt.Sprintf("/%s/%d", rotatedDirectory, i)
		ask(&proxytest.Request{Method: "PUT", Path: path, Body: body, Service: "s3express", Credentials: session}, "")
		ask(&proxytest.Request{Method: "GET", Path: path, Service: "s3express", Credentials: session}, body)
		path = fmt.Sprintf("/%s/%d", rotatedGeneral, i)
		ask(&proxytest.Request{Method: "PUT", Path: path, Body: body}, "")
		ask(&proxytest.Request{Method: "GET", Path: path}, body)
		for path, body := range rotated {
			ask(&proxytest.Request{Method: "GET", Path: path}, body)
		}
		r.rounds[i].Add(1)
	}
}

// progress waits until every replica has had a few rounds more.
func (r *rotation) progress(when string) {
	r.t.Helper()
	var from [3]int64
	for i := range from {
		from[i] = r.rounds[i].Load()
	}
	r.until("rounds "+when, func() bool {
		for i := range from {
			if r.rounds[i].Load() < from[i]+3 {
				return false
			}
		}
		return true
	})
}

func (r *rotation) until(what string, happened func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !happened(); time.Sleep(20 * time.Millisecond) {
		if r.t.Failed() || time.Now().After(deadline) {
			r.t.Fatalf("not seen: %s", what)
		}
	}
}
