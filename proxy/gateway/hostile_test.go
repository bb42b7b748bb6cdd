package gateway_test

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Documents that are made to cost much cost little: no entities, bounded depth, size and count.
func TestXMLBombs(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir(), proxytest.As(proxytest.Processes)) // its heap is measured
	proxytest.MakeBucket(t, p.Client(t), "plain")
	entities := `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`
	outside := `<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&a;</Key></Object></Delete>`
	deep := strings.Repeat("<a>", 400_000) + strings.Repeat("</a>", 100_000)
	many := "<Delete>" + strings.Repeat("<Object><Key>k</Key></Object>", 100_000) + "</Delete>"
	attributes := "<Delete " + strings.Repeat(`a="b" `, 300_000) + "></Delete>"
	large := "<Delete><Object><Key>" + strings.Repeat("k", 5<<20) + "</Key></Object></Delete>"
	for name, body := range map[string]string{
		"entities": entities, "a file": outside, "depth": deep, "many": many,
		"attributes": attributes, "large": large, "cut off": "<Delete><Object>", "nothing": "",
	} {
		for _, query := range []string{"delete=", "uploadId=x", "tagging=", "encryption=", ""} {
			method, path := "POST", "/plain"
			switch query {
			case "uploadId=x":
				path = "/plain/key"
			case "tagging=", "encryption=":
				method = "PUT"
			case "":
				method, path = "PUT", "/new-"+strings.ReplaceAll(name, " ", "-")
				if body == "" {
					continue // CreateBucket needs none
				}
			}
			a := p.Do(&proxytest.Request{
				Method: method, Path: path, Query: query, Body: body,
				Header: []sigv4.Field{proxytest.Field("Content-Md5", md5Base64(body))},
			})
			if a.StatusCode < 400 || a.StatusCode >= 500 && a.StatusCode != 501 || strings.Contains(a.Text, "root:") ||
				strings.Contains(a.Text, "aaaaaaaaaaaaaaaaaaaa") {
				t.Errorf("%s, %s %s?%s: %d %.200s %v", name, method, path, query, a.StatusCode, a.Text, a.Err)
			}
		}
	}
	if n := p.Metric("go_memstats_heap_inuse_bytes"); n > 200<<20 {
		t.Errorf("%d bytes of heap afterwards", n)
	}
}

// Whoever sends too much of a head is cut off. (Slow heads: TestHeadHasADeadlineOfItsOwn in package gateway.)
func TestOversizedHeads(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	for what, sent := range map[string]string{
		"a long target":  "GET /" + strings.Repeat("a", 64<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"a long header":  "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
		"many headers":   "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-Many: a\r\n", 10_000) + "\r\n",
		"a long method":  strings.Repeat("G", 64<<10) + " / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a long version": "GET / HTTP/1.1" + strings.Repeat("1", 64<<10) + "\r\nHost: x\r\n\r\n",
		"nothing":        strings.Repeat("\r\n", 64<<10),
		"rubbish":        string(proxytest.RandomBytes(64 << 10)),
	} {
		statuses, _ := answersOf(p, []byte(sent))
		if len(statuses) > 1 || len(statuses) == 1 && (statuses[0] < 400 || statuses[0] >= 500) {
			t.Errorf("%s: %v", what, statuses)
		}
	}
}

// TLS below 1.2 is not spoken.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	config := p.HTTPClient(t).Transport.(*http.Transport).TLSClientConfig
	for version, want := range map[uint16]bool{
		tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true,
		tls.VersionTLS13: true,
	} {
		c := config.Clone()
		c.MinVersion, c.MaxVersion = version, version
		conn, err := tls.Dial("tcp", strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://"), c)
		if (err == nil) != want {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}

// SE-3: no bit of a token can be changed.
func TestNoBitOfATokenCanBeChanged(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	s := p.Session(bucket)
	r := func(token string) *proxytest.Request {
		c := *s
		c.SessionToken = token
		return &proxytest.Request{
			Method: "GET", Path: "/" + bucket, Query: "list-type=2", Service: "s3express",
			Credentials: &c, Plain: true,
		}
	}
	if a := p.Do(r(s.SessionToken)); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	encoding := base64.RawURLEncoding
	raw, err := encoding.DecodeString(strings.TrimRight(s.SessionToken, "="))
	if err != nil {
		encoding = base64.RawStdEncoding
		if raw, err = encoding.DecodeString(strings.TrimRight(s.SessionToken, "=")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range raw {
		raw[i] ^= 1 << (i % 8)
		if a := p.Do(r(encoding.EncodeToString(raw))); a.StatusCode != 400 || a.Code() != "InvalidToken" {
			t.Errorf("a changed bit in byte %d of %d: %d %s", i, len(raw), a.StatusCode, a.Code())
		}
		raw[i] ^= 1 << (i % 8)
	}
}

// A log line is one line, whatever is in a key or a header.
func TestLogLinesCannotBeForged(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: memory}
kms: {kind: embedded}
log: {format: json}
data: %s
`, t.TempDir()))
	proxytest.MakeBucket(t, p.Client(t), "plain")
	for _, path := range []string{
		"/plain/a%0a%7B%22level%22:%22forged%22%7D", "/plain/a%0d%0aforged",
		"/plain/%1b%5B2Jforged", "/plain/a%22,%22forged%22:%22x", "/plain/%E2%80%A8forged",
	} {
		p.Do(&proxytest.Request{
			Method: "GET", Path: path,
			Header: []sigv4.Field{
				proxytest.Field("User-Agent", "\x1b[2J forged"),
				proxytest.Field("X-Amz-Copy-Source", "forged"),
			},
		})
	}
	answersOf(p, []byte("GET /\x1b[2J HTTP/1.1\r\nHost: \x1b[31mforged\r\nUser-Agent: \x1b]0;forged\x07\r\n\r\n"))
	p.Stop()
	for line := range strings.Lines(p.Stderr.String()) {
		if !strings.HasPrefix(line, `{"level":"`) || strings.HasPrefix(line, `{"level":"forged"`) ||
			strings.Contains(line, `"forged":`) ||
			strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\x1b\r\x00\x07") {
			t.Errorf("a forged line: %q", line)
		}
	}
}

func md5Base64(body string) string {
	sum := md5.Sum([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}
