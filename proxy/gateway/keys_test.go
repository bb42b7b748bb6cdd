package gateway_test

import (
	"bytes"
	"io"
	"net/url"
	"sort"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// oddKeys and what becomes of them: deploy/COMPATIBILITY.md's table. refused is what every store has: names that climb
// above the root. folded keys work on a store that keeps segments as they are and are refused with 400 on one that
// folds them; beside ones need a store that holds an object beside another one below its name, those below a slash one
// that holds bytes in a folder, and the long name one without a limit of segments.
var oddKeys = []struct{ key, fate string }{
	{"plain.txt", ""},
	{"a b c", ""},
	{" ", ""},
	{" leading and trailing ", ""},
	{"a+b", ""},
	{"a%2Fb", ""},
	{"a%20b", ""},
	{"100%", ""},
	{"a&b=c;d", ""},
	{"a?b#c", ""},
	{"!*'()", ""},
	{"\"quoted\"<&>", ""},
	{`back\slash`, ""},
	{"grüße/日本語/🙂", ""},
	{"e\u0301 is not \u00e9", ""},
	{"\u00e9 is not e\u0301", ""},
	{"tab\tin it", ""},
	{"line\nbreak", ""},
	{"...", ""},
	{"a/...", ""},
	{".hidden", ""},
	{"a/.b", ""},
	{"..a/b", ""},
	{"trailing/", "below a slash"},
	{"folder/", ""},
	{"deep/" + strings.Repeat("d/", 60) + "end", ""},
	{"uploads/a", ""},
	{"parts/a", ""},
	{"buckets/a", ""},
	{"state-key", ""},
	{"metrics", ""},
	{"?session", ""},
	{strings.Repeat("k/", 100) + strings.Repeat("é", 100), ""},
	{"long/" + strings.Repeat(strings.Repeat("n", 203)+"/", 4) + strings.Repeat("n", 203), ""}, // 1,024 bytes
	{"a//b", "folded"},
	{"/a", "folded"},
	{"a//", "folded"},
	{"//", "folded"},
	{"a/./b", "folded"},
	{".", "folded"},
	{"x/../b", "folded"},
	{"a/.", "folded"},
	{"a/b/..", "folded"},
	{"..", "refused"},
	{"../a", "refused"},
	{"a/../../b", "refused"},
	{strings.Repeat("k", 1024), "long name"}, // a segment
	{"plain.txt/child", "beside"},
}

// P: every key works as it is on every store, in both kinds of buckets and by each form of address, or is refused with
// 400 before its body; none leads to another object.
func TestOddKeys(t *testing.T) {
	t.Parallel()
	onEveryStore(t, func(t *testing.T, p *proxytest.Program, general, directory string) {
		for _, bucket := range []string{general, directory} {
			storesKeys(t, p, bucket, strings.HasSuffix(t.Name(), "minio"))
		}
		doubledSlash(t, p, directory, general)
	})
}

func storesKeys(t *testing.T, p *proxytest.Program, bucket string, minio bool) {
	t.Helper()
	virtual := "."
	if u, err := url.Parse(p.Env["AWS_ENDPOINT_URL"]); err == nil {
		virtual = bucket + ".localhost:" + u.Port()
	}
	held := make(map[string]string)
	for i, c := range oddKeys {
		body := strings.Repeat(string(rune('a'+i%26)), 10+i)
		if c.key == "folder/" {
			body = "" // as consoles make them
		}
		r := &proxytest.Request{Method: "PUT", Path: "/" + bucket + "/" + escaped(c.key), Body: body}
		if i%3 == 1 {
			r.Host, r.Path = virtual, "/"+escaped(c.key)
		}
		a := p.Do(r)
		switch {
		case a.StatusCode == 200 && c.fate != "refused":
			held[c.key] = body
		case a.StatusCode != 400 || c.fate == "":
			t.Errorf("%s: PUT of %.60q: %d %s", bucket, c.key, a.StatusCode, a.Text)
		case a.Code() != "InvalidURI" && a.Code() != "KeyTooLongError":
			t.Errorf("%s: PUT of %.60q is refused as %s", bucket, c.key, a.Code())
		}
	}
	// Listed before anything is read: all of them, nothing else, in one listing and page by page.
	for _, max := range []int32{1000, 3} {
		listed := make(map[string]int64)
		pages := s3.NewListObjectsV2Paginator(p.Client(t), &s3.ListObjectsV2Input{Bucket: &bucket, MaxKeys: &max})
		for pages.HasMorePages() {
			page, err := pages.NextPage(t.Context())
			if err != nil {
				t.Fatalf("%s: pages of %d: %v", bucket, max, err)
			}
			for _, o := range page.Contents {
				name, err := url.QueryUnescape(aws.ToString(o.Key))
				if page.EncodingType != "url" || err != nil {
					name = aws.ToString(o.Key)
				}
				listed[name] = aws.ToInt64(o.Size)
			}
		}
		var wrong []string
		for key, body := range held {
			size, ok := listed[key]
			if !ok && minio && key == "plain.txt/child" {
				continue // MinIO reads it and doesn't list it
			}
			if !ok || size != int64(len(body)) {
				wrong = append(wrong, key)
			}
		}
		for key := range listed {
			if _, ok := held[key]; !ok {
				wrong = append(wrong, "not put: "+key)
			}
		}
		sort.Strings(wrong)
		// XML has no place for a line break that is not one of its own making, or for control characters; clients ask
		// for encoding-type=url then.
		if len(wrong) > 0 {
			t.Errorf("%s: pages of %d: wrongly listed: %.300q", bucket, max, wrong)
		}
	}
	for key, body := range held {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + escaped(key)}); a.StatusCode != 200 ||
			a.Text != body {
			t.Errorf("%s: GET of %.60q: %d %.200s", bucket, key, a.StatusCode, a.Text)
		}
		if a := p.Do(&proxytest.Request{
			Method: "HEAD", Host: virtual,
			Path: "/" + escaped(key),
		}); a.StatusCode != 200 || int(a.ContentLength) != len(body) {
			t.Errorf("%s: HEAD of %.60q: %d, %d bytes", bucket, key, a.StatusCode, a.ContentLength)
		}
	}
	// A copy names its source in a header, with an encoding of its own.
	for _, key := range []string{"a b c", "a+b", "a%2Fb", "100%", "a?b#c", "grüße/日本語/🙂"} {
		a := p.CopyOf(bucket+"/"+escaped(key), bucket+"/the-copy")
		if b := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/the-copy"}); a.StatusCode != 200 ||
			b.Text != held[key] {
			t.Errorf("%s: copy of %q: %d %s; it reads %q", bucket, key, a.StatusCode, a.Text, b.Text)
		}
	}
	for key := range held {
		if a := p.Do(&proxytest.Request{
			Method: "DELETE",
			Path:   "/" + bucket + "/" + escaped(key),
		}); a.StatusCode != 204 {
			t.Errorf("%s: DELETE of %.60q: %d %s", bucket, key, a.StatusCode, a.Text)
		}
	}
	p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + bucket + "/the-copy"})
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "list-type=2"}); strings.Contains(a.Text,
		"<Key>") {
		t.Errorf("%s: after all are deleted: %s", bucket, a.Text)
	}
}

// escaped is a key in a path, as SDKs write and sign it.
func escaped(key string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// doubledSlash: at an IP endpoint it is the JavaScript SDK's habit, and a key's own slash with anybody else, which
// these stores fold.
func doubledSlash(t *testing.T, p *proxytest.Program, directory, plain string) {
	t.Helper()
	js := []sigv4.Field{proxytest.Field("User-Agent", "aws-sdk-js/3.1169.0 os/linux")}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + directory + "//one", Header: js,
		Body: "one",
	}); a.StatusCode != 200 {
		t.Errorf("PUT by JavaScript: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + directory + "/one"}); a.Text != "one" {
		t.Errorf("GET of what JavaScript put: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + directory + "//", Query: "list-type=2",
		Header: js,
	}); !strings.Contains(a.Text, "<Key>one</Key>") {
		t.Errorf("a listing by JavaScript: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "DELETE", Path: "/" + directory + "//one",
		Header: js,
	}); a.StatusCode != 204 {
		t.Errorf("DELETE by JavaScript: %d %s", a.StatusCode, a.Text)
	}
	for _, r := range []proxytest.Request{
		{Path: "/" + directory + "//two"},
		{Path: "/" + directory + "/%2Ftwo"},
		{Path: "/" + plain + "//two", Header: js},
	} {
		r.Method, r.Body = "PUT", "x"
		if a := p.Do(&r); a.Code() != "InvalidURI" || proxytest.Element(a.Text, "URI") != "/two" {
			t.Errorf("PUT %s: %d %s", r.Path, a.StatusCode, a.Text)
		}
	}
}

// User metadata and headers that are kept come back byte for byte, non-ASCII ones and encoded words too.
func TestMetadataComesBack(t *testing.T) {
	for name, start := range map[string]func(*testing.T) *proxytest.Program{
		"embedded": func(t *testing.T) *proxytest.Program { return proxytest.StartEmbedded(t, t.TempDir()) },
		"minio": func(t *testing.T) *proxytest.Program {
			return proxytest.StartOn(t, proxytest.StartMinIO(t), proxytest.StartLocalKMS(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			client, bucket := p.Client(t), proxytest.MakeBucket(t, p.Client(t), "plain")
			want := map[string]string{
				"utf8": "grüße, 日本語 🙂", "word": "=?UTF-8?B?Z3LDvMOfZQ==?=", "quoted": `a "b", c; d`,
				"spaced": "in  between", "empty": "", "like-ours": "sealfront-bytes:YQ", "latin1": "gr\xfc\xdfe",
			}
			metadata := make(map[string]string)
			for k, v := range want {
				metadata[k] = v
			}
			// as RFC 2047 writes what isn't ASCII
			want["utf8"], want["latin1"] = "=?UTF-8?B?Z3LDvMOfZSwg5pel5pys6KqeIPCfmYI=?=", "=?ISO-8859-1?B?Z3L832U=?="
			key := "object"
			if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("x")), Metadata: metadata,
				ContentEncoding: aws.String("gzip, br"),
				CacheControl:    aws.String("max-age=1"), ContentDisposition: aws.String(`attachment; filename="ü.txt"`),
				ContentLanguage:         aws.String("de, en"),
				WebsiteRedirectLocation: aws.String("/elsewhere"), ContentType: aws.String("text/plain; charset=utf-8"),
			}); err != nil {
				t.Fatal(err)
			}
			expires := "Thu, 01 Dec 2033 16:00:00 GMT"
			p.Put(bucket, "expires", "x", proxytest.Field("Expires", expires),
				proxytest.Field("Content-Encoding", "gzip"))
			for _, encoding := range []string{"aws-chunked", "gzip, AWS-Chunked"} {
				a := p.Do(&proxytest.Request{
					Method: "PUT", Path: "/" + bucket + "/framed", Body: "x",
					Header: []sigv4.Field{proxytest.Field("Content-Encoding", encoding)},
				})
				if a.StatusCode != 400 || a.Code() != "InvalidArgument" {
					t.Errorf("Content-Encoding %s of a body that isn't framed: %d %s", encoding, a.StatusCode, a.Code())
				}
			}
			p.MustNotExist(bucket, "framed")
			check := func(key string, redirect string) {
				t.Helper()
				out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, out.Body)
				_ = out.Body.Close()
				for k, v := range want {
					if got, there := out.Metadata[k]; got != v || !there && v != "" {
						t.Errorf("%s: %s is %q, want %q", key, k, got, v)
					}
				}
				if len(out.Metadata) > len(want) {
					t.Errorf("%s: metadata %v", key, out.Metadata)
				}
				if aws.ToString(out.ContentEncoding) != "gzip, br" || aws.ToString(out.CacheControl) != "max-age=1" ||
					aws.ToString(out.ContentDisposition) != `attachment; filename="ü.txt"` ||
					aws.ToString(out.ContentLanguage) != "de, en" ||
					aws.ToString(out.WebsiteRedirectLocation) != redirect ||
					aws.ToString(out.ContentType) != "text/plain; charset=utf-8" {
					t.Errorf("%s: %+v", key, out)
				}
			}
			check("object", "/elsewhere")
			p.MustCopy(bucket+"/object", bucket+"/copy")
			check("copy", "") // S3 doesn't copy it
			p.MustCopy(bucket+"/object", bucket+"/redirected",
				proxytest.Field("X-Amz-Website-Redirect-Location", "/other"))
			check("redirected", "/other")
			if a := p.HeadOf(bucket, "expires"); a.Header.Get("Expires") != expires ||
				a.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("expires: %v", a.Header)
			}
		})
	}
}
