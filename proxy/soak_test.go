package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"sealfront/proxy/proxytest"
)

const (
	soakDirectory = "soak--usw2-az1--x-s3"
	soakGeneral   = "soak"
	soakWorkers   = 6
	soakWarmUp    = 0.1 // of the time, in which memory may still grow
)

// A soak is the program under mixed load while its store and its key service fail now and then and clients hang up.
type soak struct {
	t      *testing.T
	p      *proxytest.Program
	client *http.Client
	front  *proxytest.StoreFront
	kms    *proxytest.FaultyKMS
	config string
	prefix string
	pace   <-chan time.Time

	idleLive int // KiB of heap at first

	mu       sync.Mutex
	outcomes map[string]map[string]int // by operation and by what the client was told
	faults   map[string]int
	orphans  int // requests about uploads, to the store, that a fault has hit: such an upload may stay open
	samples  []soakSample
}

// Mixed load on the real program, with faults of the store and of the key service and clients that hang up, against a
// model of what clients were told. At the end nothing has leaked, and every object is read through a fresh process.
// SEALFRONT_SOAK is how long (default 4s), SEALFRONT_SOAK_RATE how many operations a second.
func TestSoak(t *testing.T) {
	t.Parallel()
	duration, rate := 4*time.Second, 60.0
	var err error
	if text := os.Getenv("SEALFRONT_SOAK"); text != "" {
		if duration, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("SEALFRONT_SOAK_RATE"); text != "" {
		if rate, err = strconv.ParseFloat(text, 64); err != nil || rate <= 0 {
			t.Fatalf("SEALFRONT_SOAK_RATE: %q", text)
		}
	}
	s := startSoak(t)
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	s.pace = ticker.C

	ctx, stop := context.WithTimeout(t.Context(), duration)
	defer stop()
	workers := make([]*soakWorker, soakWorkers)
	for i := range workers {
		workers[i] = s.worker(i)
	}
	idle := s.sample()
	s.idleLive = s.live()
	s.beginTrouble(duration)
	var work sync.WaitGroup
	for _, w := range workers {
		work.Go(func() { w.run(ctx) })
	}
	work.Go(func() { s.watch(ctx, duration) })
	work.Wait()
	s.front.Set(nil, nil)
	s.kms.Set("", nil)

	for _, w := range workers {
		w.settleAll()
	}
	s.abortUploads()
	s.client.CloseIdleConnections()
	s.quiet(&idle)
	s.thirds(duration)
	if status := s.p.Stop(); status != 0 {
		t.Errorf("the program ended with %d", status)
	}
	if log := s.p.Stderr.String(); strings.Contains(log, "panic") {
		t.Error("the program's log reports a panic")
	}
	s.start()
	s.verify(workers)
	s.leftovers()
	s.report()
}

func startSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{
		t: t, front: proxytest.NewStoreFront(t), kms: proxytest.NewFaultyKMS(t),
		prefix:   fmt.Sprintf("soak%d-", time.Now().UnixNano()),
		outcomes: make(map[string]map[string]int), faults: make(map[string]int),
	}
	dir := t.TempDir()
	proxytest.WriteCertificates(t, dir)
	s.config = fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: %s/server.pem, key: %s/server.key}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: aws, endpoint: %q, access_key: %s, secret_key: %q, service_key: %q, timeout: 3s, bucket_key: {lifetime: 2s, seal_for: 5s}}
data: %s
`, dir, dir, s.front.URL, s.prefix, s.prefix, s.kms.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey,
		s.kms.ServiceKey, dir)
	s.start()
	for _, name := range []string{soakDirectory, soakGeneral} {
		body := ""
		if name == soakDirectory {
			body = strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1)
		}
		b := &proxytest.KMSBucket{P: s.p, Name: name, Key: s.kms.MakeKey(t)}
		b.Must(&proxytest.Request{Method: "PUT", Path: "/" + name, Body: body})
		r := b.Encryption()
		if name == soakGeneral {
			r.Service = "s3"
		}
		b.Must(r)
	}
	return s
}

// start starts the program, or a fresh process on what the one before has left.
func (s *soak) start(options ...proxytest.Option) {
	s.t.Helper()
	s.p = proxytest.StartWith(s.t, s.config, options...)
	s.client = s.p.HTTPClient(s.t)
	s.client.Timeout = time.Minute // no request takes so long unless it is stuck
	s.client.Transport.(*http.Transport).IdleConnTimeout = 30 * time.Second
}

// note counts what a client was told about an operation, and fails when a refusal has no reason in the faults.
func (s *soak) note(operation string, t told, expected ...string) {
	s.mu.Lock()
	if s.outcomes[operation] == nil {
		s.outcomes[operation] = make(map[string]int)
	}
	s.outcomes[operation][t.says]++
	s.mu.Unlock()
	if t.ok || slices.Contains(expected, t.says) {
		return
	}
	for _, known := range []string{"503 ", "500 ", "no answer", "200, broken off", "206, broken off", "404, broken off"} {
		if strings.HasPrefix(t.says, known) {
			return
		}
	}
	s.t.Errorf("%s: the client was told %q", operation, t.says)
}

// beginTrouble lets store and key service fail from now on: single requests by chance, and all of them for short
// whiles.
func (s *soak) beginTrouble(duration time.Duration) {
	began := time.Now()
	every, span, chance := 20*time.Second, 500*time.Millisecond, 3
	if duration < time.Minute {
		every, span, chance = 2*time.Second, 100*time.Millisecond, 10
	}
	gone := func(offset time.Duration) bool { return (time.Since(began)+offset)%every > every-span }
	var faults []*proxytest.StoreFault
	for i := range proxytest.StoreFaults {
		if f := &proxytest.StoreFaults[i]; !f.Undetectable && !f.Lasting {
			faults = append(faults, f)
		}
	}
	s.front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		step := proxytest.StoreStep{Name: proxytest.StepName(r), Body: r.ContentLength, List: r.Method == "GET" &&
			r.URL.Query().Has("list-type")}
		fault := faults[rand.IntN(len(faults))]
		switch {
		case gone(0):
			s.hit("store: gone", step)
			return proxytest.ResetAtOnce(s.front, w, r)
		case rand.IntN(100) >= chance || fault.Applies != nil && !fault.Applies(step):
			return false
		}
		s.hit("store: "+fault.Name, step)
		return fault.Play(s.front, w, r)
	}, nil)
	keyFaults := map[string]proxytest.KMSFault{
		"throttled":      proxytest.KMSSays("ThrottlingException", 400, ""),
		"internal error": proxytest.KMSSays("KMSInternalException", 500, ""), "reset": proxytest.KMSResets,
		"breaks off": proxytest.KMSBreaksOff, "HTML": proxytest.KMSAnswers(502, "<html>Bad Gateway</html>"),
		"slow": proxytest.KMSIsSlow(100 * time.Millisecond), "hangs": proxytest.KMSHangs,
		"cut JSON": proxytest.KMSAlters(func(body []byte) []byte { return body[:len(body)/2] }),
	}
	var names []string
	for name := range keyFaults {
		names = append(names, name)
	}
	s.kms.Set("", func(w http.ResponseWriter, r *http.Request, action string, serve http.HandlerFunc) {
		name := names[rand.IntN(len(names))]
		switch {
		case gone(every / 2):
			s.hit("kms: gone", proxytest.StoreStep{})
			proxytest.KMSResets(w, r, action, serve)
		case rand.IntN(100) >= 2*chance:
			serve(w, r)
		default:
			s.hit("kms: "+name, proxytest.StoreStep{})
			keyFaults[name](w, r, action, serve)
		}
	})
}

func (s *soak) hit(fault string, step proxytest.StoreStep) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[fault]++
	switch step.Name {
	case "POST uploads", "POST uploadId", "DELETE uploadId":
		s.orphans++
	}
}

// abortUploads ends what clients have left open, as they would: by the listing.
func (s *soak) abortUploads() {
	s.t.Helper()
	for _, bucket := range []string{soakDirectory, soakGeneral} {
		for rounds := 0; ; rounds++ {
			a := s.p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "uploads="})
			if rounds == 20 {
				s.t.Fatalf("uploads that were aborted are still listed: %s", a.Text)
			}
			var list struct {
				Upload []struct {
					Key      string
					UploadID string `xml:"UploadId"`
				}
			}
			if err := xml.Unmarshal([]byte(a.Text), &list); err != nil || a.StatusCode != 200 {
				s.t.Fatalf("ListMultipartUploads: %d %s", a.StatusCode, a.Text)
			}
			if len(list.Upload) == 0 {
				break
			}
			for _, u := range list.Upload {
				a := s.p.Do(&proxytest.Request{
					Method: "DELETE", Path: "/" + bucket + "/" + u.Key, Query: "uploadId=" + url.QueryEscape(u.UploadID),
				})
				if a.StatusCode != 204 && a.Code() != "NoSuchUpload" {
					s.t.Fatalf("AbortMultipartUpload: %d %s", a.StatusCode, a.Text)
				}
			}
		}
	}
}

// verify reads every object through the program, compares the listings with the model, and lets the tool look at every
// tag.
func (s *soak) verify(workers []*soakWorker) {
	s.t.Helper()
	objects := 0
	for _, w := range workers {
		for _, o := range append(slices.Clone(w.objects), w.retired...) {
			if w.observe(o); len(o.may) != 1 {
				s.t.Errorf("%s/%s can't be read in the end", o.bucket, o.key)
			} else if o.may[0] != absent {
				objects++
			}
		}
		w.list(soakDirectory)
		w.list(soakGeneral)
	}
	for _, bucket := range []string{soakDirectory, soakGeneral} {
		if out, errs, status := proxytest.Subcommand(s.t, "verify", "--config", s.p.ConfigFile(),
			"s3://"+bucket); status != 0 {
			s.t.Errorf("verify: status %d\n%s%s", status, out, errs)
		}
	}
	s.t.Logf("%d objects are what clients were told", objects)
}

// inStore asks the store itself.
func (s *soak) inStore(path, query string) string {
	s.t.Helper()
	store := &proxytest.Program{T: s.t, Env: map[string]string{
		"SEALFRONT_HTTP_URL": s.front.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "storekey",
		"AWS_SECRET_ACCESS_KEY": "storesecret",
	}}
	a := store.Do(&proxytest.Request{Method: "GET", Path: path, Query: query, Plain: true})
	if a.StatusCode != 200 || a.Err != nil {
		s.t.Fatalf("%s?%s: %d %s %v", path, query, a.StatusCode, a.Text, a.Err)
	}
	return a.Text
}

// leftovers counts what is in the store besides objects: after a sweep by a program that takes for leftovers what is a
// little old, nothing is left of what clients have completed, aborted or broken off.
func (s *soak) leftovers() {
	s.t.Helper()
	open := 0
	for _, bucket := range []string{soakDirectory, soakGeneral} {
		open += strings.Count(s.inStore("/"+s.prefix+bucket, "max-uploads=1000&uploads="), "<Upload>")
	}
	s.mu.Lock()
	orphans := s.orphans
	s.mu.Unlock()
	s.t.Logf("uploads open in the store: %d (%d requests about uploads were hit by faults); records: %v", open, orphans,
		s.records())
	if open > orphans {
		s.t.Errorf("%d uploads are open in the store, and only %d may be", open, orphans)
	}
	s.start(proxytest.SweepEvery(100 * time.Millisecond))
	proxytest.Eventually(s.t, "the sweep has removed all records of uploads", func() bool {
		for kind := range s.records() {
			if strings.HasPrefix(kind, "uploads") || kind == "open" {
				return false
			}
		}
		return true
	})
	renames := 0
	s.mu.Lock()
	for _, n := range s.outcomes["RenameObject"] {
		renames += n
	}
	s.mu.Unlock()
	records := s.records()
	for kind, most := range map[string]int{
		"renames": renames, "sessions": 3, "buckets": 2, "revocations": 1, "state-key": 1, "layout": 1, "swept": 1,
		"leases": 1, "bucketlist": 4,
	} {
		if records[kind] > most {
			s.t.Errorf("%d records of %s, and only %d may be", records[kind], kind, most)
		}
		delete(records, kind)
	}
	delete(records, "claims") // of each key that was claimed, until the sweep
	delete(records, "replicas")
	for kind, n := range records {
		s.t.Errorf("%d records of an unknown kind: %q", n, kind)
	}
}

// records counts the records in the state bucket, by kind.
func (s *soak) records() map[string]int {
	s.t.Helper()
	records := make(map[string]int)
	for start, more := "", true; more; {
		var page struct {
			Contents    []struct{ Key string }
			IsTruncated bool
		}
		text := s.inStore("/"+s.prefix+"state", "list-type=2&start-after="+url.QueryEscape(start))
		if err := xml.Unmarshal([]byte(text), &page); err != nil {
			s.t.Fatal(err)
		}
		for _, o := range page.Contents {
			kind, rest, _ := strings.Cut(o.Key, "/")
			if parts := strings.Split(rest, "/"); kind == "uploads" && len(parts) > 2 {
				kind += " " + parts[2]
			}
			records[kind]++
			start = o.Key
		}
		more = page.IsTruncated
	}
	return records
}

// report prints what was done and what was played.
func (s *soak) report() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	table := func(head string, rows []string, n func(string) int) {
		slices.Sort(rows)
		sum := 0
		for _, row := range rows {
			sum += n(row)
		}
		fmt.Fprintf(w, "%s\t%d\n", head, sum)
		for _, row := range rows {
			fmt.Fprintf(w, "%s\t%d\n", row, n(row))
		}
	}
	counts := make(map[string]int)
	for operation, outcomes := range s.outcomes {
		for says, n := range outcomes {
			counts[operation+"\t"+says] = n
		}
	}
	var rows []string
	for row := range counts {
		rows = append(rows, row)
	}
	table("operation\tthe client was told", rows, func(row string) int { return counts[row] })
	rows = nil
	for row := range s.faults {
		rows = append(rows, row)
	}
	table("fault\t", rows, func(row string) int { return s.faults[strings.TrimSuffix(row, "\t")] })
	_ = w.Flush()
	s.t.Logf("\n%s", b.String())
	if len(s.faults) < 4 {
		s.t.Errorf("only %d kinds of faults were played", len(s.faults))
	}
}
