package gateway_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// answersOf sends bytes on one connection and returns the statuses of all answers until the program closes it or stays
// silent.
func answersOf(p *proxytest.Program, sent []byte) (statuses []int, bodies string) {
	p.T.Helper()
	r := &proxytest.Request{Plain: true}
	c := p.Dial(r, strings.TrimPrefix(p.Env["SEALFRONT_HTTP_URL"], "http://"))
	go func() {
		_, _ = c.Write(sent)
		if half, ok := c.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
	}()
	lines := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(lines, nil)
		if err != nil {
			return statuses, bodies
		}
		body, _ := io.ReadAll(resp.Body)
		statuses, bodies = append(statuses, resp.StatusCode), bodies+string(body)
	}
}

// smuggled is a signed request that must never be carried out: it lies inside another one's body.
func smuggled(p *proxytest.Program, key string) string {
	p.T.Helper()
	_, head := p.Head(&proxytest.Request{Method: "PUT", Path: "/plain/" + key, Body: "x", Plain: true})
	return string(head) + "x"
}

// Requests whose end two readers could see in two places are refused, and nothing behind such a head is taken for a
// request of its own.
func TestAmbiguousRequestsAreRefused(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	proxytest.MakeBucket(t, p.Client(t), "plain")
	_, signed := p.Head(&proxytest.Request{Method: "PUT", Path: "/plain/key", Plain: true, Chunked: true})
	chunked := strings.TrimSuffix(string(signed), "Transfer-Encoding: chunked\r\n\r\n")
	n := 0
	for what, framing := range map[string]func(inner string) string{
		"Content-Length and chunked": func(inner string) string {
			return fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s", len(inner)+5,
				inner)
		},
		"chunked and Content-Length": func(inner string) string {
			return fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n%s", len(inner)+5,
				inner)
		},
		"two lengths": func(inner string) string {
			return fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s", len(inner), inner)
		},
		"two lengths, the other way": func(inner string) string {
			return fmt.Sprintf("Content-Length: %d\r\nContent-Length: 0\r\n\r\n%s", len(inner), inner)
		},
		"a list of lengths": func(inner string) string {
			return fmt.Sprintf("Content-Length: 0, %d\r\n\r\n%s", len(inner), inner)
		},
		"a signed length": func(inner string) string { return fmt.Sprintf("Content-Length: +0\r\n\r\n%s", inner) },
		"a negative length": func(inner string) string {
			return fmt.Sprintf("Content-Length: -1\r\n\r\n%s", inner)
		},
		"a hexadecimal length": func(inner string) string {
			return fmt.Sprintf("Content-Length: 0x0\r\n\r\n%s",
				inner)
		},
		"a length beyond 64 bits": func(inner string) string {
			return "Content-Length: 18446744073709551616\r\n\r\n" + inner
		},
		"an unknown coding": func(inner string) string { return "Transfer-Encoding: xchunked\r\n\r\n" + inner },
		"chunked, then identity": func(inner string) string {
			return "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" +
				inner
		},
		"gzip, chunked": func(inner string) string { return "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + inner },
		"two codings": func(inner string) string {
			return "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner
		},
		"a coding before a colon": func(inner string) string {
			return "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" +
				inner
		},
		"a length before a colon": func(inner string) string { return "Content-Length : 0\r\n\r\n" + inner },
		"a folded coding": func(inner string) string {
			return "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + inner
		},
		"a folded header": func(inner string) string {
			return "X-Folded: a\r\n Content-Length: 0\r\n\r\n" +
				inner
		},
		"a NUL in a header": func(inner string) string {
			return "X-Null: a\x00b\r\nContent-Length: 0\r\n\r\n" +
				inner
		},
		"a bare CR in a header": func(inner string) string { return "X-Cr: a\rContent-Length: 0\r\n\r\n" + inner },
		"a coding after a tab": func(inner string) string {
			return "Transfer-Encoding:\x0bchunked\r\nContent-Length: " +
				"0\r\n\r\n" + inner
		},
		"identity, which is no coding": func(inner string) string {
			return fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: identity\r\n\r\n%s", len(inner), inner)
		},
		"identity alone":   func(inner string) string { return "Transfer-Encoding: identity\r\n\r\n" + inner },
		"an empty length":  func(inner string) string { return "Content-Length:\r\n\r\n" + inner },
		"a length of tabs": func(inner string) string { return "Content-Length: \t\r\n\r\n" + inner },
		"a bare line feed behind a header": func(inner string) string {
			return "X-Bare: a\nContent-Length: 0\r\n\r\n" + inner
		},
		"a bare line feed behind the length": func(inner string) string { return "Content-Length: 0\n\r\n" + inner },
		"a bare line feed behind the head":   func(inner string) string { return "Content-Length: 0\r\n\n" + inner },
		"a header without a colon":           func(inner string) string { return "Content-Length 0\r\n\r\n" + inner },
		"a chunk's size too large": func(inner string) string {
			return "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n" + inner
		},
		"a negative chunk": func(inner string) string { return "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n" + inner },
		"bare line feeds in chunks": func(inner string) string {
			return "Transfer-Encoding: chunked\r\n\r\n0\n\n" + inner
		},
	} {
		n++
		key := fmt.Sprintf("smuggled-%d", n)
		statuses, bodies := answersOf(p, []byte(chunked+framing(smuggled(p, key))))
		if len(statuses) > 1 || len(statuses) == 1 && statuses[0] < 400 {
			t.Errorf("%s: %v %s", what, statuses, bodies)
		}
		if a := p.Do(&proxytest.Request{Method: "HEAD", Path: "/plain/" + key}); a.StatusCode != 404 {
			t.Errorf("%s: the request inside was carried out", what)
		}
	}
}

// A body that was given up is never read as the next request, and requests that follow each other are answered in turn.
func TestPipelinedRequests(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	proxytest.MakeBucket(t, p.Client(t), "plain")
	wrong := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: "wrong"}
	head := func(r *proxytest.Request) string {
		r.Plain = true
		_, h := p.Head(r)
		return string(h)
	}
	for what, first := range map[string]*proxytest.Request{
		"a wrong signature": {Method: "PUT", Path: "/plain/key", Credentials: wrong},
		"no such bucket":    {Method: "PUT", Path: "/none/key"},
		"not served":        {Method: "PUT", Path: "/plain/key", Query: "acl="},
		"a wrong condition": {
			Method: "PUT", Path: "/plain/key",
			Header: []sigv4.Field{proxytest.Field("If-Match", `"none"`)},
		},
		"a body for GET": {Method: "GET", Path: "/plain/none"},
	} {
		inner := smuggled(p, "after-refusal")
		first.Declared = len(inner)
		statuses, bodies := answersOf(p, []byte(head(first)+inner))
		if len(statuses) != 1 || statuses[0] < 400 {
			t.Errorf("%s: %v %s", what, statuses, bodies)
		}
		p.MustNotExist("plain", "after-refusal")
	}
	whole := head(&proxytest.Request{Method: "PUT", Path: "/plain/one", Body: "1"}) + "1" +
		head(&proxytest.Request{Method: "PUT", Path: "/plain/two", Body: "2"}) + "2" +
		head(&proxytest.Request{Method: "GET", Path: "/plain/one"}) +
		head(&proxytest.Request{Method: "GET", Path: "/plain/two"})
	statuses, bodies := answersOf(p, []byte(whole))
	if fmt.Sprint(statuses) != "[200 200 200 200]" || bodies != "12" {
		t.Errorf("four requests in a row: %v %q", statuses, bodies)
	}
}

// What is signed is what is decided: a target that means another object than its signature covers is refused.
func TestTheSignedTargetIsTheOneThatCounts(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
domains: [s3.example.com]
store: {kind: embedded}
kms: {kind: embedded}
data: %s
`, t.TempDir()))
	client := p.Client(t)
	proxytest.MakeBucket(t, client, "plain")
	proxytest.MakeBucket(t, client, "other")
	p.Put("plain", "key", "plain's")
	p.Put("other", "key", "other's")
	// The head is signed for one target and sent with another.
	swap := func(r *proxytest.Request, from, to string) []byte {
		r.Plain = true
		_, head := p.Head(r)
		return bytes.Replace(head, []byte(from), []byte(to), 1)
	}
	get := func(path string) *proxytest.Request { return &proxytest.Request{Method: "GET", Path: path} }
	for what, sent := range map[string][]byte{
		"another path":        swap(get("/plain/key"), "GET /plain/key ", "GET /other/key "),
		"dots in the path":    swap(get("/other/key"), "GET /other/key ", "GET /plain/../other/key "),
		"escaped dots":        swap(get("/other/key"), "GET /other/key ", "GET /plain/%2e%2e/other/key "),
		"a semicolon":         swap(get("/plain/key"), "GET /plain/key ", "GET /plain/key;/../../other/key "),
		"a doubled slash":     swap(get("/plain/key"), "GET /plain/key ", "GET //other/key "),
		"a query that wasn't": swap(get("/plain/key"), "GET /plain/key ", "GET /plain/key?partNumber=1 "),
		"a fragment":          swap(get("/plain/key"), "GET /plain/key ", "GET /plain/key#x "),
		"another method":      swap(get("/plain/key"), "GET /plain/key ", "DELETE /plain/key "),
		"another host": swap(&proxytest.Request{Method: "GET", Path: "/key", Host: "plain.s3.example.com"},
			"Host: plain.", "Host: other."),
		"two hosts": swap(&proxytest.Request{Method: "GET", Path: "/key", Host: "plain.s3.example.com"},
			"Host: plain.s3.example.com\r\n", "Host: plain.s3.example.com\r\nHost: other.s3.example.com\r\n"),
		"another host's URI": swap(&proxytest.Request{Method: "GET", Path: "/key", Host: "plain.s3.example.com"},
			"GET /key ", "GET http://other.s3.example.com/key "),
		"an address of metadata": swap(get("/plain/key"), "GET /plain/key ",
			"GET http://169.254.169.254/latest/meta-data/ "),
		"a method of proxies": swap(get("/plain/key"), "GET /plain/key ", "CONNECT 169.254.169.254:80 "),
		"a truncated escape":  swap(get("/plain/key"), "GET /plain/key ", "GET /plain/key%2 "),
		"an escaped NUL":      swap(get("/plain/key"), "GET /plain/key ", "GET /plain/key%00 "),
		"not UTF-8":           swap(get("/plain/key"), "GET /plain/key ", "GET /plain/key%ff "),
		"a header that wasn't sent": swap(&proxytest.Request{
			Method: "GET", Path: "/plain/key",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")},
		},
			"X-Amz-Checksum-Mode: ENABLED\r\n", ""),
	} {
		statuses, bodies := answersOf(p, sent)
		if len(statuses) > 1 || len(statuses) == 1 && statuses[0] < 400 || strings.Contains(bodies, "'s") {
			t.Errorf("%s: %v %s", what, statuses, bodies)
		}
	}
	// An escaped slash is a slash of the key, whoever escapes it; the name stays one bucket's.
	if a := p.Do(get("/plain%2Fkey")); a.StatusCode == 200 && a.Text != "plain's" {
		t.Errorf("an escaped slash: %d %s", a.StatusCode, a.Text)
	}
	proxytest.MustRead(t, client, "plain", "key", []byte("plain's"))
}

// No value of a client becomes a line of a head, neither to the store nor to another client.
func TestValuesDoNotBecomeHeaders(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	proxytest.MakeBucket(t, p.Client(t), "bucket")
	p.Put("bucket", "key", "body")
	f.Seen()
	for _, evil := range []string{"a\rX-Evil: 1", "a\nX-Evil: 1", "a\x00b"} {
		for _, name := range []string{
			"X-Amz-Meta-Name", "Content-Type", "X-Amz-Copy-Source", "If-Match",
			"Cache-Control", "Range", "X-Amz-Tagging",
		} {
			if a := p.Do(&proxytest.Request{
				Method: "PUT", Path: "/bucket/evil", Body: "x",
				Header: []sigv4.Field{proxytest.Field(name, evil)},
			}); a.StatusCode == 200 {
				t.Errorf("%s: %q was taken", name, evil)
			}
		}
	}
	for _, evil := range []string{"a%0d%0aX-Evil:%201", "a%0aX-Evil:%201", "a%0dX-Evil:%201", "a%00b"} {
		for _, name := range []string{
			"response-content-type", "response-content-disposition", "response-cache-control",
			"response-content-language", "response-expires", "response-content-encoding",
		} {
			a := p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/key", Query: name + "=" + evil})
			if a.Header.Get("X-Evil") != "" || a.StatusCode == 200 &&
				strings.ContainsAny(fmt.Sprint(a.Header), "\r\n\x00") {
				t.Errorf("%s=%s became a header: %d %v", name, evil, a.StatusCode, a.Header)
			}
		}
		// A key may hold such characters; it must come out as it went in, or be refused.
		a := p.Do(&proxytest.Request{Method: "PUT", Path: "/bucket/" + evil, Body: "x"})
		if a.StatusCode == 200 && p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/" + evil}).Text != "x" {
			t.Errorf("the key %s is not what it was", evil)
		}
	}
	for _, r := range f.Seen() {
		if r.Header.Get("X-Evil") != "" {
			t.Errorf("a header was made of a value: %s %s", r.Method, r.URL)
		}
	}
}

// A copy source is a bucket of ours and a key: it leads to no other address, whatever it looks like.
func TestCopySourcesAndHostsLeadNowhereElse(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	proxytest.MakeBucket(t, p.Client(t), "bucket")
	front := strings.TrimPrefix(f.URL, "http://")
	caught, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = caught.Close() }()
	asked := make(chan string, 100)
	go func() {
		for {
			c, err := caught.Accept()
			if err != nil {
				return
			}
			asked <- c.RemoteAddr().String()
			_ = c.Close()
		}
	}()
	target := caught.Addr().String()
	for _, source := range []string{
		"http://" + target + "/bucket/key", "//" + target + "/key", "@" + target + "/key",
		"bucket@" + target + "/key", "%2F%2F" + target + "%2Fkey", "bucket/../../" + target, "file:///etc/passwd",
		"arn:aws:s3:us-west-2:123456789012:accesspoint/" + target + "/object/key",
	} {
		if a := p.CopyOf(source, "bucket/copy"); a.StatusCode < 400 {
			t.Errorf("copy of %s: %d", source, a.StatusCode)
		}
	}
	for _, host := range []string{target, "bucket." + target, "127.0.0.1@" + target} {
		p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/key", Host: host})
	}
	select {
	case who := <-asked:
		t.Errorf("the program connected to an address that a client named: %s", who)
	default:
	}
	for _, r := range f.Seen() {
		if r.Host != front {
			t.Errorf("the store was asked as %q", r.Host)
		}
	}
}
