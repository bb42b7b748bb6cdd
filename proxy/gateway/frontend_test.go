package gateway_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// S12: headers cross in both directions by allow-list.
func TestS12HeadersCrossByAllowList(t *testing.T) {
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/bucket"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	const directory = "bucket--az1--x-s3"
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + directory,
		Body: "<CreateBucketConfiguration><Location><Name>az1</Name><Type>AvailabilityZone</Type></Location>" +
			"<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket></CreateBucketConfiguration>",
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	p.Put(directory, "key", "the body")
	f.Seen()
	body := "the body"
	header := []sigv4.Field{
		proxytest.Field("Content-Type", "text/plain"), proxytest.Field("Cache-Control", "no-store"),
		proxytest.Field("X-Amz-Meta-User", "mine"), proxytest.Field("X-Amz-Checksum-Crc32", proxytest.CRC32(body)),
		proxytest.Field("X-Amz-Sdk-Checksum-Algorithm", "CRC32"), proxytest.Field("Content-Encoding", "gzip"),
		proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"),
		proxytest.Field("X-Custom", "custom"), proxytest.Field("Referer", "http://example.com"),
		proxytest.Field("Cookie", "a=b"), proxytest.Field("X-Forwarded-For", "10.0.0.1"),
		proxytest.Field("X-Amz-Storage-Class", "STANDARD"),
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/bucket/key", Hash: proxytest.HexSum(body), Body: body,
		Header: header,
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	allowed := map[string]bool{
		"Authorization": true, "Content-Length": true, "X-Amz-Date": true, "X-Amz-Content-Sha256": true,
		"Content-Type": true, "Cache-Control": true,
		"X-Amz-Meta-User": true, "X-Amz-Meta-Sealfront": true, "X-Amz-Meta-Sealfront-Encoding": true,
	}
	crossed := f.Seen()
	if len(crossed) != 1 {
		t.Errorf("%d requests to the store for a PUT", len(crossed))
	}
	for name, values := range crossed[0].Header {
		if !allowed[name] {
			t.Errorf("to the store: %s: %s", name, values)
		}
		if strings.Contains(strings.Join(values, ""), proxytest.HexSum(body)) {
			t.Errorf("the body's hash crossed in %s", name)
		}
	}
	f.Set(nil, func(r *http.Response) {
		for name, value := range map[string]string{
			"X-Amz-Checksum-Crc64nvme": "AAAA", "X-Amz-Checksum-Type": "FULL_OBJECT",
			"X-Amz-Server-Side-Encryption":                "aws:kms",
			"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "arn:store", "X-Amz-Expiration": "soon",
			"X-Amz-Version-Id": "1", "Server": "store", "Set-Cookie": "a=b",
			"X-Amz-Request-Id": "store", "X-Amz-Id-2": "store", "X-Amz-Replication-Status": "COMPLETED",
			"X-Amz-Tagging-Count": "1", "X-Amz-Restore": "x",
			"X-Amz-Meta-Sealfront-Redirect": "/a", "Location": "http://store/bucket", "X-Amz-Bucket-Region": "inner",
		} {
			r.Header.Set(name, value)
		}
	})
	for _, method := range []string{"GET", "HEAD"} {
		a := p.Do(&proxytest.Request{Method: method, Path: "/bucket/key"})
		if a.StatusCode != 200 || method == "GET" && a.Text != body {
			t.Fatalf("%s: %d %s", method, a.StatusCode, a.Text)
		}
		for name, values := range a.Header {
			switch name {
			case "Content-Type", "Content-Length", "Content-Encoding", "Cache-Control", "Date", "Etag", "Accept-Ranges",
				"Last-Modified", "X-Amz-Meta-User", "X-Amz-Server-Side-Encryption":
			case "Server", "X-Amz-Request-Id", "X-Amz-Id-2":
				if strings.Contains(strings.Join(values, ""), "store") {
					t.Errorf("%s: the store's %s: %s", method, name, values)
				}
			// of general purpose buckets
			case "X-Amz-Version-Id", "X-Amz-Tagging-Count", "X-Amz-Website-Redirect-Location":
			default:
				t.Errorf("%s: %s: %s reached the client", method, name, values)
			}
		}
		a2 := p.Do(&proxytest.Request{Method: method, Path: "/" + directory + "/key"})
		for name := range a2.Header {
			if name == "X-Amz-Version-Id" || name == "X-Amz-Tagging-Count" {
				t.Errorf("%s: %s reached the client of a directory bucket", method, name)
			}
		}
		if a2.StatusCode != 200 || a2.Header.Get("x-amz-expiration") != "NotImplemented" {
			t.Errorf("%s in a directory bucket: %d %v", method, a2.StatusCode, a2.Header)
		}
		if a.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" || a.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %v", method, a.Header)
		}
	}
}

// W8 and trap 24: the store's early answer reaches the client, whatever is still to be sent.
func TestW8TheStoresEarlyAnswerReachesTheClient(t *testing.T) {
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/bucket"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	p.Put("bucket", "key", "what fails the condition")
	for status, want := range map[int]string{
		412: "PreconditionFailed", 503: "ServiceUnavailable", 403: "InternalError",
		404: "NoSuchBucket",
	} {
		f.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != "PUT" {
				return false
			}
			c, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return false
			}
			body := "<Error><Code>" + map[bool]string{true: "NoSuchBucket", false: "Other"}[status == 404] +
				"</Code></Error>"
			fmt.Fprintf(c, "HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
			go func() { // neither reads on nor closes until the other side does
				_, _ = c.Read(make([]byte, 1))
				time.AfterFunc(2*time.Second, func() { _ = c.Close() })
			}()
			return true
		}, nil)
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/bucket/key",
			Body:   string(proxytest.RandomBytes(20 * proxytest.MiB)),
			Header: []sigv4.Field{proxytest.Field("If-None-Match", "*")},
		})
		if a.Code() != want {
			t.Errorf("the store's early %d: the client got %d %q (%v), want %s", status, a.StatusCode, a.Text, a.Err,
				want)
		}
	}
	f.Set(nil, nil)
	// Trap 18: no connection is left in a state that spoils the next requests.
	for range 5 {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/bucket/key", Body: "fine"}); a.StatusCode != 200 {
			t.Errorf("afterwards: %d %s", a.StatusCode, a.Text)
		}
	}
}

// Trap 18: the store breaks off in mid-download, or cuts the body and says it is whole.
func TestStoreThatBreaksOffBreaksTheAnswer(t *testing.T) {
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	body := string(proxytest.RandomBytes(3 * proxytest.MiB))
	for _, r := range []*proxytest.Request{
		{Method: "PUT", Path: "/bucket"},
		{Method: "PUT", Path: "/bucket/key", Body: body},
	} {
		if a := p.Do(r); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	f.Set(nil, func(r *http.Response) {
		if r.Request.Method == "GET" && r.ContentLength > proxytest.MiB {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(r.Body, 2*proxytest.MiB), r.Body}
		}
	})
	a := p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/key"})
	if a.Err == nil || !strings.HasPrefix(body, a.Text) {
		t.Errorf("store broke off: %d bytes, %v", len(a.Text), a.Err)
	}
	f.Set(nil, nil)
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/bucket/key"}); a.Text != body {
		t.Errorf("afterwards: %d bytes, %v", len(a.Text), a.Err)
	}
}

// W9 and trap 25: our own early refusal reaches a client that is still sending.
func TestW9OurEarlyRefusalReachesTheClient(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/key"
	wrong := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: "wrong"}
	for _, n := range []int{1, 1000, 300_000, 40 * proxytest.MiB} {
		for _, plain := range []bool{false, true} {
			r := &proxytest.Request{Method: "PUT", Path: path, Declared: n + 1, Credentials: wrong, Plain: plain}
			host, head := p.Head(r)
			c := p.Dial(r, host)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				_, _ = c.Write(append(head, proxytest.RandomBytes(n)...))
			}()
			a := p.Read(c, "PUT")
			<-sent
			if a.StatusCode != 403 || a.Code() != "SignatureDoesNotMatch" {
				t.Errorf("refused with %d bytes on their way (plain %t): %d %q, %v", n, plain, a.StatusCode, a.Text,
					a.Err)
			}
		}
	}
}

// A body is asked for only after the request has been decided.
func TestExpectContinue(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/key"
	expect := []sigv4.Field{proxytest.Field("Expect", "100-continue")}
	r := &proxytest.Request{Method: "PUT", Path: path, Declared: 5, Header: expect}
	host, head := p.Head(r)
	c := p.Dial(r, host)
	if _, err := c.Write(head); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(c)
	if line, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("%q, %v, want 100 Continue", line, err)
	}
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(lines, nil); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	wrong := &sigv4.Credentials{AccessKeyID: p.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: "wrong"}
	for name, r := range map[string]*proxytest.Request{
		"a wrong secret": {Method: "PUT", Path: path, Declared: 5, Header: expect, Credentials: wrong},
		"too large a body": {
			Method: "PUT", Path: "/" + p.Env["SEALFRONT_BUCKET"] + "/missing//../key",
			Declared: 5, Header: expect,
		},
		"an unserved operation": {Method: "PUT", Path: path, Query: "acl=", Declared: 5, Header: expect},
	} {
		host, head := p.Head(r)
		c := p.Dial(r, host)
		if _, err := c.Write(head); err != nil {
			t.Fatal(err)
		}
		a := p.Read(c, "PUT")
		if a.StatusCode < 400 || !strings.Contains(a.Text, "<Code>") || a.Header.Get("x-amz-request-id") == "" {
			t.Errorf("%s: %d %q, want a refusal with S3's document instead of 100", name, a.StatusCode, a.Text)
		}
	}
}

// P8: deadlines are on each read: who stalls is cut off, who is slow is not.
func TestStalledClientIsCutOffASlowOneIsNot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
limits: {progress_timeout: 2s}
data: `+dir+"\n")
	path := "/demo--local-az1--x-s3/"
	for _, sent := range []string{"half", ""} {
		r := &proxytest.Request{Method: "PUT", Path: path + "stalled", Declared: 1000}
		host, head := p.Head(r)
		c := p.Dial(r, host)
		if _, err := c.Write(append(head, sent...)); err != nil {
			t.Fatal(err)
		}
		if a := p.Read(c, "PUT"); a.StatusCode != 400 || a.Code() != "RequestTimeout" ||
			a.Header.Get("x-amz-request-id") == "" {
			t.Errorf("a stalled upload, %q: %d %v %s", sent, a.StatusCode, a.Err, a.Text)
		}
		p.MustNotExist("demo--local-az1--x-s3", "stalled")
	}

	r := &proxytest.Request{Method: "PUT", Path: path + "slow", Declared: 400_000}
	host, head := p.Head(r)
	c := p.Dial(r, host)
	body := proxytest.RandomBytes(400_000)
	if _, err := c.Write(head); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(300 * time.Millisecond)
	defer ticker.Stop()
	for i := range 10 {
		if _, err := c.Write(body[i*40_000 : (i+1)*40_000]); err != nil {
			t.Fatal(err)
		}
		<-ticker.C
	}
	if a := p.Read(c, "PUT"); a.StatusCode != 200 {
		t.Errorf("a slow upload of three seconds: %d %s", a.StatusCode, a.Text)
	}
	// Idle connections are not in a request.
	conn, err := tls.Dial("tcp", host, p.HTTPClient(t).Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for range 2 {
		_, head := p.Head(&proxytest.Request{Method: "HEAD", Path: path + "slow"})
		if _, err := conn.Write(head); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: "HEAD"})
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("on a connection that was idle for longer than the progress timeout: %v", err)
		}
		for range 9 {
			<-ticker.C
		}
	}
}

// The same key by another name: what the store would fold is refused before the body (L10).
func TestL10KeysThatTheStoreFoldsAreRefused(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/a/b", Body: "kept"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode)
	}
	for _, key := range []string{"a//b", "x/../a/b", "a/./b", "%2Fa/b", "..", "a/b/.."} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/" + key,
			Body: "other",
		}); a.StatusCode != 400 || a.Code() != "InvalidURI" {
			t.Errorf("PUT %s: %d %s", key, a.StatusCode, a.Code())
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/a/b"}); a.Text != "kept" {
		t.Errorf("the object is now %q", a.Text)
	}
	// What can't lie beside another object is refused, too, and nothing is lost.
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket + "/a/b/c",
		Body: "other",
	}); a.StatusCode != 400 || a.Code() != "InvalidURI" {
		t.Errorf("PUT a/b/c beside a/b: %d %s", a.StatusCode, a.Code())
	}
	for _, key := range []string{"folder/", "a.b", "...", "a/..b/c", "%E2%82%AC/%20x+y%25"} {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/" + key}); a.StatusCode != 200 {
			t.Errorf("PUT %s: %d %s", key, a.StatusCode, a.Text)
		}
	}
}
