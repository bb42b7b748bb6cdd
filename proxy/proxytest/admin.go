package proxytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// Metric returns the sum of all series of a counter whose labels contain every one of these texts.
func (p *Program) Metric(name string, labels ...string) int {
	p.T.Helper()
	resp, err := http.Get(p.Env["SEALFRONT_ADMIN"] + "/metrics")
	if err != nil {
		p.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.T.Fatal(err)
	}
	sum := 0
next:
	for line := range strings.Lines(string(text)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if series != name && !strings.HasPrefix(series, name+"{") {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(series, l) {
				continue next
			}
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			p.T.Fatal(err)
		}
		sum += int(n)
	}
	return sum
}

// StoreRequests returns how many requests to the store f costs, by operation. The program has the options [Counting].
func (p *Program) StoreRequests(f func()) map[string]int {
	p.T.Helper()
	operations := []string{
		"GetObject", "HeadObject", "PutObject", "CopyObject", "DeleteObject", "DeleteObjects", "CreateMultipartUpload",
		"UploadPart",
		"UploadPartCopy", "CompleteMultipartUpload", "AbortMultipartUpload", "ListObjectsV2", "ListObjects",
	}
	p.Rest()
	before := make(map[string]int)
	for _, o := range operations {
		before[o] = p.Metric("sealfront_store_requests_total", `operation="`+o+`"`)
	}
	f()
	cost := make(map[string]int)
	for _, o := range operations {
		if n := p.Metric("sealfront_store_requests_total", `operation="`+o+`"`) - before[o]; n != 0 {
			cost[o] = n
		}
	}
	return cost
}

// Rest waits until nothing is at work behind answers any more, and returns how many requests the store and KMS have
// had.
func (p *Program) Rest() (store, kms int) {
	p.T.Helper()
	counts := func() (store, kms int) {
		return p.Metric("sealfront_store_requests_total"), p.Metric("sealfront_kms_calls_total")
	}
	store, kms = counts()
	deadline := time.Now().Add(time.Minute)
	for still := 0; still < 4 && time.Now().Before(deadline); still++ {
		time.Sleep(15 * time.Millisecond)
		s, k := counts()
		if s != store || k != kms {
			still = -1
		}
		store, kms = s, k
	}
	return store, kms
}

// WantCost compares what [Program.StoreRequests] returned with what an operation may cost.
func WantCost(t testing.TB, what string, got map[string]int, want map[string]int) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s cost the store requests %v, want %v", what, got, want)
	}
}

// KMSCalls returns how many calls of KMS f makes.
func (p *Program) KMSCalls(f func()) (generate, decrypt int) {
	p.T.Helper()
	count := func(call string) int { return p.Metric("sealfront_kms_calls_total", `call="`+call+`"`) }
	g, d := count("GenerateDataKey"), count("Decrypt")
	f()
	return count("GenerateDataKey") - g, count("Decrypt") - d
}

// BodyBytes returns how many bytes of plaintext f takes and gives.
func (p *Program) BodyBytes(f func()) int {
	p.T.Helper()
	before := p.Metric("sealfront_body_bytes_total")
	f()
	return p.Metric("sealfront_body_bytes_total") - before
}

// KMS calls the embedded key service as its operator.
func (p *Program) KMS(action string, input map[string]any) map[string]any {
	p.T.Helper()
	body, err := json.Marshal(input)
	if err != nil {
		p.T.Fatal(err)
	}
	u, err := url.Parse(p.Env["SEALFRONT_KMS_ENDPOINT"])
	if err != nil {
		p.T.Fatal(err)
	}
	now := time.Now()
	r, err := http.NewRequestWithContext(p.T.Context(), http.MethodPost, u.String()+"/", bytes.NewReader(body))
	if err != nil {
		p.T.Fatal(err)
	}
	m := &sigv4.Message{Method: []byte("POST"), Path: []byte("/"), Header: []sigv4.Field{
		Field("Host", u.Host), Field("X-Amz-Date", now.UTC().Format("20060102T150405Z")),
		Field("X-Amz-Content-Sha256", HexSum(string(body))), Field("X-Amz-Target", "TrentService."+action),
		Field("Content-Type", "application/x-amz-json-1.1"),
	}}
	for _, f := range m.Header[1:] {
		r.Header.Set(string(f.Name), string(f.Value))
	}
	c := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: p.Env["AWS_SECRET_ACCESS_KEY"]}
	r.Header.Set("Authorization", string(sigv4.NewSigner(p.Env["AWS_REGION"], "kms").AppendAuthorization(nil, m, c,
		now)))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		p.T.Fatalf("%s: %d %s %v", action, resp.StatusCode, text, err)
	}
	out := make(map[string]any)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			p.T.Fatal(err)
		}
	}
	return out
}

// DropKeys forgets cached bucket keys.
func (p *Program) DropKeys(query string) {
	p.T.Helper()
	resp, err := http.Post(p.Env["SEALFRONT_ADMIN"]+"/keys/drop"+query, "", nil) //nolint:noctx // a test
	if err != nil {
		p.T.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		p.T.Fatalf("/keys/drop: %d", resp.StatusCode)
	}
}

// RowOf finds the row that refused a request, in the program's log.
func (p *Program) RowOf(a *Answer) string {
	p.T.Helper()
	id := a.Header.Get("X-Amz-Request-Id")
	for range 500 {
		for line := range strings.Lines(p.Stderr.String()) {
			if id != "" && strings.Contains(line, id) && strings.HasSuffix(line, "\n") {
				_, rest, _ := strings.Cut(line, `"row":"`)
				row, _, _ := strings.Cut(rest, `"`)
				return row
			}
		}
		time.Sleep(10 * time.Millisecond) // the pipe's other end is a goroutine
	}
	p.T.Errorf("the log has no request %q", id)
	return ""
}

// AdminText returns what the admin address answers to a GET of path.
func (p *Program) AdminText(path string) string {
	p.T.Helper()
	resp, err := http.Get(p.Env["SEALFRONT_ADMIN"] + path)
	if err != nil {
		p.T.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		p.T.Fatal(err)
	}
	return string(text)
}

// GetAdmin sends a GET to the admin address.
func (p *Program) GetAdmin(t testing.TB, path string, header ...string) (*http.Response, string) {
	t.Helper()
	return p.DoAdmin(t, "GET", path, "", header...)
}

// DoAdmin is GetAdmin with another method, and with this Host; "" for the address.
func (p *Program) DoAdmin(t testing.TB, method, path, host string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, p.Env["SEALFRONT_ADMIN"]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		r.Host = host
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}
