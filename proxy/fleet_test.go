package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A fleet is three replicas on one store and one key service.
type fleet struct {
	t        *testing.T
	prefix   string
	dir      string             // with the certificate
	kms      *proxytest.Program // its key service only
	replicas [3]*proxytest.Program
	listen   [3]string // where each is started, again and again
	balancer string
}

func (f *fleet) config(listen string) string {
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		f.t.Fatal(err)
	}
	return fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: %q, admin: "127.0.0.1:0"}
tls: {cert: %s/server.pem, key: %s/server.key}
limits: {drain_timeout: 20s}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: aws, endpoint: %q, access_key: %q, secret_key: %q, service_key: %q}
`, listen, f.dir, f.dir, endpoint, f.prefix, f.prefix, f.kms.Env["SEALFRONT_KMS_ENDPOINT"],
		f.kms.Env["AWS_ACCESS_KEY_ID"], f.kms.Env["AWS_SECRET_ACCESS_KEY"], f.kms.Env["SEALFRONT_KMS_KEY"])
}

// start starts a replica whose clock is ahead by this much.
func (f *fleet) start(i int, ahead time.Duration) {
	f.t.Helper()
	if f.listen[i] == "" {
		f.listen[i] = proxytest.Loopback(f.t)
	}
	f.replicas[i] = proxytest.StartWith(f.t, f.config(f.listen[i]), proxytest.ClockAhead(ahead))
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{
		t: t, prefix: fmt.Sprintf("f%d-", time.Now().UnixNano()), dir: t.TempDir(),
		kms: proxytest.StartEmbedded(t, t.TempDir()),
	}
	proxytest.WriteCertificates(t, f.dir)
	return f
}

func startFleet(t *testing.T, ahead [3]time.Duration) *fleet {
	t.Helper()
	f := newFleet(t)
	for i := range f.replicas {
		f.start(i, ahead[i])
	}
	return f
}

// balance puts HAProxy in front of the replicas.
func (f *fleet) balance() {
	t := f.t
	t.Helper()
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		proxytest.Missing(t, "haproxy is not installed")
	}
	address := proxytest.Loopback(t)
	var b strings.Builder
	fmt.Fprintf(&b,
		"defaults\n mode tcp\n timeout connect 2s\n timeout client 60s\n timeout server 60s\n retries 5\n option "+
			"redispatch 1\nlisten sealfront\n bind %s\n balance roundrobin\n", address)
	for i, p := range f.replicas {
		fmt.Fprintf(&b, " server r%d %s check inter 100ms fall 1 rise 1\n", i,
			strings.TrimPrefix(p.Env["SEALFRONT_HTTP_URL"], "http://"))
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	log := &proxytest.Buffer{}
	cmd := exec.Command(haproxy, "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("haproxy: %s", log.String())
		}
	})
	f.balancer = "http://" + address
	for range 200 {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("haproxy does not listen: %s", log.String())
}

// Invariant 5: any replica serves any request of any session or upload. Their clocks differ by 40 s.
func TestReplicasShareEverythingWithClocksThatDiffer(t *testing.T) {
	f := startFleet(t, [3]time.Duration{20 * time.Second, -20 * time.Second, 0})
	const directory = "fleet--usw2-az1--x-s3"
	a, b, c := f.replicas[0], f.replicas[1], f.replicas[2]
	if r := a.Do(&proxytest.Request{
		Plain: true, Method: "PUT", Path: "/" + directory,
		Body: strings.Replace(proxytest.DirectoryBucketDocument, "local-az1", "usw2-az1", 1),
	}); r.StatusCode != 200 {
		t.Fatal(r.StatusCode, r.Text)
	}
	for _, from := range f.replicas {
		answer := from.Do(&proxytest.Request{
			Plain: true, Method: "GET", Path: "/" + directory, Query: "session=", Service: "s3express",
		})
		if answer.StatusCode != 200 {
			t.Fatal(answer.StatusCode, answer.Text)
		}
		session := from.Credentials()
		session.AccessKeyID, session.SecretAccessKey, session.SessionToken = proxytest.Element(answer.Text,
			"AccessKeyId"), proxytest.Element(answer.Text, "SecretAccessKey"), proxytest.Element(answer.Text, "SessionToken")
		for _, to := range f.replicas {
			if r := to.Do(&proxytest.Request{
				Plain: true, Method: "PUT", Path: "/" + directory + "/key", Body: "body", Service: "s3express",
				Credentials: session,
			}); r.StatusCode != 200 {
				t.Errorf("a session of another replica: %d %s", r.StatusCode, r.Text)
			}
		}
	}
	clients := [3]*s3.Client{a.Client(t, plainEndpoint(a)), b.Client(t, plainEndpoint(b)), c.Client(t, plainEndpoint(c))}
	proxytest.MakeBucket(t, clients[0], "general")
	one, two, three := proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(5*proxytest.MiB+1), []byte("the end")
	u := proxytest.NewUploader(t, clients[0], "general", "key")
	for i, part := range [][]byte{one, two, three} {
		u.Client = clients[i]
		u.Part(int32(i+1), part)
	}
	u.Client = clients[1]
	if _, err := u.Complete(1, 2, 3); err != nil {
		t.Fatal(err)
	}
	for _, client := range clients {
		proxytest.MustRead(t, client, "general", "key", bytes.Join([][]byte{one, two, three}, nil))
	}
	if _, err := clients[2].PutBucketTagging(t.Context(),
		&s3.PutBucketTaggingInput{
			Bucket:  aws.String("general"),
			Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("team"), Value: aws.String("red")}}},
		}); err != nil {
		t.Fatal(err)
	}
	out, err := clients[1].GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: aws.String("general")})
	if err != nil || len(out.TagSet) != 1 || *out.TagSet[0].Value != "red" {
		t.Errorf("a setting made at another replica: %v %v", out, err)
	}
	f.tagsDecideEverywhere("general")
	for i, p := range f.replicas {
		if strings.Contains(p.Stderr.String(), "clock and the store's differ") {
			t.Errorf("replica %d warns of a skew that is tolerated", i)
		}
	}
	if n := a.Metric("sealfront_clock_skew_seconds"); n < 15 || n > 25 {
		t.Errorf("a clock that is ahead by 20 s: the gauge says %d", n)
	}
	if n := b.Metric("sealfront_clock_skew_seconds"); n > -15 || n < -25 {
		t.Errorf("a clock that is behind by 20 s: the gauge says %d", n)
	}
}

// tagsDecideEverywhere tags a bucket at one replica and asks at another. What a tag permits holds there at once, since
// no refusal rests on a cached record; what it forbids holds when the record's cache life is over.
func (f *fleet) tagsDecideEverywhere(bucket string) {
	f.t.Helper()
	one, other := f.replicas[0], f.replicas[1]
	statement := `{"Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:ListBucket","Resource":"arn:aws:s3:::` +
		bucket + `","Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}}]}`
	if a := one.Do(&proxytest.Request{
		Plain: true, Method: "PUT", Path: "/" + bucket, Query: "policy=", Body: statement,
	}); a.StatusCode != 204 {
		f.t.Fatal(a.StatusCode, a.Text)
	}
	listed := func() int {
		return other.Do(&proxytest.Request{Plain: true, Method: "GET", Path: "/" + bucket, Query: "list-type=2"}).StatusCode
	}
	tag := func(value string) {
		f.t.Helper()
		a := one.Do(&proxytest.Request{
			Plain: true, Method: "POST", Path: "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3A" + bucket,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Account-Id", proxytest.Account)},
			Body: "<TagResourceRequest><Tags><Tag><Key>team</Key><Value>" + value +
				"</Value></Tag></Tags></TagResourceRequest>",
		})
		if a.StatusCode != 204 {
			f.t.Fatal(a.StatusCode, a.Text)
		}
	}
	if got := listed(); got != 200 {
		f.t.Errorf("a list of what is red: %d", got)
	}
	tag("blue")
	proxytest.Eventually(f.t, "a Deny by a tag set at another replica", func() bool { return listed() == 403 })
	tag("red")
	if got := listed(); got != 200 {
		f.t.Errorf("a list of what has become red at another replica: %d", got)
	}
}

// A clock two minutes off is told.
func TestAClockThatIsFarOffIsTold(t *testing.T) {
	f := newFleet(t)
	f.start(0, 2*time.Minute)
	p := f.replicas[0]
	if n := p.Metric("sealfront_clock_skew_seconds"); n < 115 || n > 125 {
		t.Errorf("the gauge says %d", n)
	}
	warnings := func() int { return strings.Count(p.Stderr.String(), "clock and the store's differ") }
	proxytest.Eventually(t, "a warning", func() bool { return warnings() > 0 })
	if n := warnings(); n != 1 {
		t.Errorf("%d warnings, want one:\n%s", n, p.Stderr.String())
	}
}

func plainEndpoint(p *proxytest.Program) func(*s3.Options) {
	return func(o *s3.Options) { o.BaseEndpoint = aws.String(p.Env["SEALFRONT_HTTP_URL"]) }
}

// Replicas are restarted one after the other under load: no request of a client that retries as SDKs do fails.
func TestRollingRestart(t *testing.T) {
	f := startFleet(t, [3]time.Duration{})
	f.balance()
	client := f.replicas[0].Client(t, func(o *s3.Options) {
		o.BaseEndpoint = aws.String(f.balancer)
		o.RetryMaxAttempts = 5
		o.HTTPClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	})
	proxytest.MakeBucket(t, client, "general")
	ctx, stop := context.WithCancel(t.Context())
	var done atomic.Int64
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			body := proxytest.RandomBytes(300_000)
			for n := 0; ctx.Err() == nil; n++ {
				key := aws.String(fmt.Sprintf("%d-%d", i, n%10))
				body[0]++
				if _, err := client.PutObject(t.Context(),
					&s3.PutObjectInput{Bucket: aws.String("general"), Key: key, Body: bytes.NewReader(body)}); err != nil {
					t.Errorf("PUT: %v", err)
					return
				}
				out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("general"), Key: key})
				if err != nil {
					t.Errorf("GET: %v", err)
					return
				}
				got, err := io.ReadAll(out.Body)
				_ = out.Body.Close()
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("GET: %d bytes, %v", len(got), err)
					return
				}
				done.Add(1)
			}
		})
	}
	for i := range f.replicas {
		before := done.Load()
		if status := f.replicas[i].Stop(); status != 0 {
			t.Errorf("replica %d ended with %d", i, status)
		}
		f.start(i, 0)
		for range 500 { // the load has gone on
			if done.Load() > before+4 || t.Failed() {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	stop()
	wait.Wait()
	if done.Load() < 20 {
		t.Errorf("only %d rounds", done.Load())
	}
}
