package proxytest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestMain(m *testing.M) { proxytest.Main(m, proxytest.InProcess) }

// A process is the same program.
func TestAProgramAsAProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"--data", dir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"}
	p := proxytest.StartProcess(t, args...)
	if a := p.Put(proxytest.DemoBucket, "key", "body"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	p.Kill()
	p.Wait()
	p = proxytest.StartProcess(t, args...)
	if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "key"}); a.Text != "body" {
		t.Errorf("after it was killed: %d %s", a.StatusCode, a.Text)
	}
}

// Many programs run at once within one process, each with a store and a key service of its own.
func TestManyProgramsRunWithinOneProcess(t *testing.T) {
	t.Parallel()
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			p := proxytest.StartEmbedded(t, t.TempDir())
			body := strings.Repeat(fmt.Sprint(i), 100_000)
			if a := p.Put(proxytest.DemoBucket, "key", body); a.StatusCode != 200 {
				t.Fatalf("PUT: %d %s", a.StatusCode, a.Text)
			}
			if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "key"}); a.Text != body {
				t.Errorf("GET: %d, %d bytes", a.StatusCode, len(a.Text))
			}
			client := p.Client(t)
			proxytest.MustRead(t, client, proxytest.DemoBucket, "key", []byte(body))
			if p.Metric("sealfront_active_requests_limit") < 0 {
				t.Error("the admin address has no metrics")
			}
		})
	}
}

// What one program wrote is there for the next, and for tools that run next to it.
func TestASecondStartFindsTheObjectsOfTheFirst(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	if a := p.Put(proxytest.DemoBucket, "key", "body"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	uri := "s3://" + proxytest.DemoBucket
	if out, errs, status := proxytest.Subcommand(t, "verify", uri, "--data", dir); status != 0 ||
		!strings.Contains(errs, "1 objects checked, 0 damaged") {
		t.Errorf("verify: %d %s%s", status, out, errs)
	}
	if status := p.Stop(); status != 0 {
		t.Errorf("it ended with %d:\n%s", status, p.Stderr)
	}
	p = proxytest.StartEmbedded(t, dir)
	if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "key"}); a.Text != "body" {
		t.Errorf("after a second start: %d %s", a.StatusCode, a.Text)
	}
	if out, errs, status := proxytest.Subcommand(t, "verify", "--data", dir); status != 2 || out != "" || errs == "" {
		t.Errorf("without a bucket: %d %s%s", status, out, errs)
	}
}

// A reload is of the program that is asked for it, and no other in the process.
func TestAReloadWithinTheProcess(t *testing.T) {
	t.Parallel()
	other := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "limits: {requests: 10}"))
	text := proxytest.EmbeddedWith(t, "reload_every: 0s\nlimits: {requests: 10}")
	p := proxytest.StartWith(t, text)
	if a := p.Put(proxytest.DemoBucket, "key", "body"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	proxytest.Rewrite(t, p.ConfigFile(), strings.Replace(text, "requests: 10", "requests: 20", 1))
	p.HangUp()
	proxytest.Eventually(t, "the limit", func() bool { return p.Metric("sealfront_active_requests_limit") == 20 })
	if n := other.Metric("sealfront_active_requests_limit"); n != 10 {
		t.Errorf("the other program has a limit of %d", n)
	}
}

func TestOptionsOfAStart(t *testing.T) {
	t.Parallel()
	front := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, front, "", proxytest.RecordLife(time.Hour))
	proxytest.MakeBucket(t, p.Client(t), "bucket")
	front.Seen()
	if a := p.Put("bucket", "key", "body"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	if seen := front.Seen(); len(seen) == 0 {
		t.Error("nothing crossed to the store")
	}
	const ahead = 14 * time.Minute // the store takes a quarter of an hour
	late := proxytest.StartEmbedded(t, t.TempDir(), proxytest.ClockAhead(ahead))
	for signed, want := range map[time.Duration]int{-2 * time.Minute: 403, 0: 200, ahead: 200} {
		a := late.Do(&proxytest.Request{
			Method: "PUT", Path: proxytest.DemoPath + "key", Body: "body", Time: time.Now().Add(signed),
		})
		if a.StatusCode != want {
			t.Errorf("signed at %v: %d %s, want %d", signed, a.StatusCode, a.Text, want)
		}
	}
}

// What lies in files is there to be looked at.
func TestAnEmbeddedStoreOverFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir, proxytest.As(proxytest.OverFiles))
	if a := p.Put(proxytest.DemoBucket, "key", "body"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	d := proxytest.Damager{T: t, Dir: dir, Bucket: proxytest.DemoBucket}
	d.Bytes("key", func(b []byte) []byte {
		if bytes.Contains(b, []byte("body")) {
			t.Error("plaintext in the store")
		}
		b[0] ^= 1
		return b
	})
	if a := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "key"}); a.StatusCode == 200 &&
		a.Err == nil {
		t.Errorf("an altered object: %d %s", a.StatusCode, a.Text)
	}
	p.Stop()
	p = proxytest.StartEmbedded(t, t.TempDir(), proxytest.As(proxytest.OverFiles))
	p.MustNotExist(proxytest.DemoBucket, "key")
}

func TestAFaultyKMS(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	p := k.Start(t, t.TempDir(), "")
	b := proxytest.NewKMSBucket(p, "b--local-az1--x-s3", k.MakeKey(t))
	k.Set(b.Key, proxytest.KMSSays("DisabledException", 400, "disabled"))
	r := &proxytest.Request{
		Method: "PUT", Path: b.Path("key"), Body: "body", Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-A", "b")},
	}
	if a := p.Do(r); a.Code() != "KMS.DisabledException" {
		t.Errorf("a disabled key: %d %s", a.StatusCode, a.Text)
	}
	k.Set(b.Key, nil)
	b.Must(r)
}
