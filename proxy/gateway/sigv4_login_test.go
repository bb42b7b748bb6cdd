package gateway_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestFailedLoginsAreSlowedDown(t *testing.T) {
	const burst = 10
	p := proxytest.StartConfigured(t, t.TempDir(), fmt.Sprintf(`  - name: other
    access_key: AKIAOTHEREXAMPLE0001
    secret_key: other-secret
    policy: [{effect: Allow, action: ["*"], resource: ["*"]}]
limits: {failed_logins: {rate: 0.0001, burst: %d}}`, burst), proxytest.Counting...)
	bucket := p.Env["SEALFRONT_BUCKET"]
	get := func(c *sigv4.Credentials) *proxytest.Answer {
		t.Helper()
		return p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket, Query: "list-type=2", Service: "s3express",
			Credentials: c,
		})
	}
	expect := func(what string, a *proxytest.Answer, status int, code string) {
		t.Helper()
		if a.StatusCode != status || a.Code() != code {
			t.Errorf("%s: %d %s, want %d %s", what, a.StatusCode, a.Text, status, code)
		}
	}
	right := p.Credentials()
	session := p.Session(bucket)
	proxytest.WantCost(t, "failed logins", p.StoreRequests(func() {
		for i := range burst {
			expect(fmt.Sprint("nobody's access key ", i),
				get(&sigv4.Credentials{AccessKeyID: fmt.Sprint("AKIANOBODY", i), SecretAccessKey: "x"}), 403,
				"InvalidAccessKeyId")
		}
		expect("nobody's access keys, too many", get(&sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}),
			503, "SlowDown")
		for i := range 100 {
			// A token like ours, of a session key that nobody has, is looked for in the store unless too much has failed.
			token := make([]byte, 100)
			token[0], token[1] = 1, byte(i)
			a := get(&sigv4.Credentials{
				AccessKeyID: "ASIAFORGED", SecretAccessKey: "x",
				SessionToken: base64.RawURLEncoding.EncodeToString(token),
			})
			expect("a forged token", a, 503, "SlowDown")
		}
	}), nil)
	expect("the right secret meanwhile", get(right), 200, "")
	expect("a session meanwhile", get(session), 200, "")

	for i := range burst {
		expect(fmt.Sprint("a wrong secret ", i),
			get(&sigv4.Credentials{AccessKeyID: right.AccessKeyID, SecretAccessKey: "wrong"}), 403,
			"SignatureDoesNotMatch")
	}
	expect("a wrong secret, too often",
		get(&sigv4.Credentials{AccessKeyID: right.AccessKeyID, SecretAccessKey: "wrong"}), 503, "SlowDown")
	expect("the right secret after that", get(right), 503, "SlowDown")
	expect("another identity", get(&sigv4.Credentials{
		AccessKeyID:     "AKIAOTHEREXAMPLE0001",
		SecretAccessKey: "other-secret",
	}), 200, "")
}

// Trap 8: the race detector, if it is on, halts the program.
func TestConcurrentFailedLogins(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.HTTPClient(t)
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/object"
	host := p.Env["AWS_ENDPOINT_URL"][len("https://"):]
	var group sync.WaitGroup
	var mu sync.Mutex
	counts := make(map[string]int)
	for worker := range 16 {
		group.Go(func() {
			for i := range 40 {
				c := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: "wrong"}
				switch (worker + i) % 3 {
				case 1:
					c.AccessKeyID = fmt.Sprint("AKIANOBODY", worker, i)
				case 2:
					c.SessionToken = fmt.Sprint("token", worker, i)
				}
				query := p.Presigned(c, "s3express", "GET", host, path, "", time.Now(), time.Minute)
				r, err := http.NewRequest("GET", p.Env["AWS_ENDPOINT_URL"]+path+"?"+query, nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := client.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				mu.Lock()
				counts[resp.Status]++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for status := range counts {
		if status[:3] != "400" && status[:3] != "403" && status[:3] != "503" {
			t.Errorf("%d requests were answered %s", counts[status], status)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "x"}); a.StatusCode != 200 && a.StatusCode != 503 {
		t.Errorf("after it: %d %s", a.StatusCode, a.Text)
	}
}
