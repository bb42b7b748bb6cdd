package gateway_test

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestFormsUploadFiles(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/dir/object"
	for _, n := range []int{
		0, 1, 100, 20_000, 65536, 256<<10 - 1, 256 << 10, 256<<10 + 1, 256<<10 + 60, 1 << 20,
		5<<20 + 1,
	} {
		file := string(proxytest.RandomBytes(n))
		a := (&proxytest.Form{P: p, File: file}).Post()
		if a.StatusCode != http.StatusNoContent || a.Header.Get("ETag") == "" ||
			!strings.HasSuffix(a.Header.Get("Location"), path) {
			t.Fatalf("POST of %d bytes: %d %s, %v", n, a.StatusCode, a.Text, a.Header)
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.Text != file {
			t.Errorf("GET gave %d bytes, want %d", len(a.Text), n)
		}
	}
	for _, n := range []int{5, 300_000} { // a button behind the file, as in Amazon's own sample form, means nothing
		file := string(proxytest.RandomBytes(n))
		a := (&proxytest.Form{
			P: p, File: file,
			Break: "\r\n--" + proxytest.FormBoundary +
				"\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload to Amazon S3",
		}).Post()
		if a.StatusCode != http.StatusNoContent {
			t.Fatalf("a field behind %d bytes: %d %s", n, a.StatusCode, a.Text)
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.Text != file {
			t.Errorf("GET gave %d bytes, want %d", len(a.Text), n)
		}
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestFormsAreAnsweredAsTheyAsk(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.Env["SEALFRONT_BUCKET"]
	ask := func(name, value string) *proxytest.Answer {
		return (&proxytest.Form{
			P: p, File: "hello", FileName: `C:\Users\me\file name.txt`, Key: "dir/${filename}",
			Fields: [][2]string{{name, value}},
		}).Post()
	}
	for status, want := range map[string]int{"200": 200, "201": 201, "204": 204, "404": 204, "": 204} {
		a := ask("success_action_status", status)
		if a.StatusCode != want {
			t.Errorf("success_action_status %q: %d %s, want %d", status, a.StatusCode, a.Text, want)
		}
		if want == 201 {
			for _, part := range []string{
				"<PostResponse>", "<Bucket>" + bucket + "</Bucket>",
				"<Key>dir/file name.txt</Key>", "<ETag>", "/" + bucket + "/dir/file%20name.txt</Location>",
			} {
				if !strings.Contains(a.Text, part) {
					t.Errorf("201 without %s: %s", part, a.Text)
				}
			}
		}
	}
	a := ask("success_action_redirect", "https://example.com/done?a=b")
	if location := a.Header.Get("Location"); a.StatusCode != 303 ||
		!strings.HasPrefix(location, "https://example.com/done?a=b&bucket="+bucket+
			"&key=dir%2Ffile+name.txt&etag=%22") {
		t.Errorf("redirect: %d to %s", a.StatusCode, location)
	}
	if a := ask("success_action_redirect", "not a URL"); a.StatusCode != 204 {
		t.Errorf("redirect to what is no URL: %d", a.StatusCode)
	}
	got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/dir/file%20name.txt"})
	if got.Text != "hello" {
		t.Errorf("the file's name is not in the key: %d %s", got.StatusCode, got.Text)
	}
}

func TestFormFieldsAreTheObjectsHeader(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.Env["SEALFRONT_BUCKET"]
	a := (&proxytest.Form{P: p, File: "hello", Fields: [][2]string{
		{"Content-Type", "text/html"},
		{"Cache-Control", "no-cache"},
		{"x-amz-meta-tag", "some value"},
		{"Content-Disposition", "attachment"},
		{"x-amz-checksum-crc32", "NhCmhg=="},
	}, Loose: [][2]string{{"x-ignore-me", "x"}}}).Post()
	if a.StatusCode != 204 || a.Header.Get("X-Amz-Checksum-Crc32") != "NhCmhg==" {
		t.Fatalf("POST: %d %s %v", a.StatusCode, a.Text, a.Header)
	}
	if a.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
		t.Errorf("not sealed as the bucket's default says: %v", a.Header)
	}
	got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/dir/object"})
	for name, want := range map[string]string{
		"Content-Type": "text/html", "Cache-Control": "no-cache",
		"X-Amz-Meta-Tag": "some value", "Content-Disposition": "attachment",
	} {
		if is := got.Header.Get(name); is != want {
			t.Errorf("%s is %q, want %q", name, is, want)
		}
	}
	session := p.Session(bucket)
	if a := (&proxytest.Form{P: p, File: "by a session", Credentials: session}).Post(); a.StatusCode != 204 {
		t.Errorf("by a session: %d %s", a.StatusCode, a.Text)
	}
	if got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/dir/object"}); got.Text != "by a session" {
		t.Errorf("by a session: %q", got.Text)
	}
}

func TestFormsThatAreRefusedStoreNothing(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.Env["SEALFRONT_BUCKET"]
	large := string(proxytest.RandomBytes(2 << 20))
	wrong := p.Credentials()
	wrong.SecretAccessKey = "wrong"
	unknown := &sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}
	rows := map[string]struct {
		form   *proxytest.Form
		status int
		code   string
	}{
		"another secret":                {&proxytest.Form{Credentials: wrong}, 403, "SignatureDoesNotMatch"},
		"an access key that nobody has": {&proxytest.Form{Credentials: unknown}, 403, "InvalidAccessKeyId"},
		"a policy that has expired":     {&proxytest.Form{Expires: -time.Second}, 403, "AccessDenied"},
		"a key outside the policy":      {&proxytest.Form{Key: "other/object"}, 403, "AccessDenied"},
		"a field that the policy doesn't name": {
			&proxytest.Form{Loose: [][2]string{{"x-amz-meta-a", "b"}}}, 403,
			"AccessDenied",
		},
		"a false condition": {
			&proxytest.Form{Conditions: []string{`["eq", "$Content-Type", "image/png"]`}}, 403, "AccessDenied",
		},
		"a policy for another bucket": {
			&proxytest.Form{Conditions: []string{`{"bucket": "another"}`}},
			403, "AccessDenied",
		},
		"another region's service": {&proxytest.Form{Service: "sqs"}, 400, "InvalidArgument"},
		"a file above the policy's range": {
			&proxytest.Form{Conditions: []string{`["content-length-range", 1, 10]`}, File: large}, 400, "EntityTooLarge",
		},
		"a file below the policy's range": {
			&proxytest.Form{Conditions: []string{`["content-length-range", 10, 100]`}, File: "x"}, 400, "EntityTooSmall",
		},
		"a wrong checksum": {&proxytest.Form{Fields: [][2]string{{
			"x-amz-checksum-crc32",
			"AAAAAA==",
		}}, File: "x"}, 400, "BadDigest"},
		"a wrong checksum of a large file": {&proxytest.Form{Fields: [][2]string{{
			"x-amz-checksum-crc32",
			"AAAAAA==",
		}}, File: large}, 400, "BadDigest"},
		"an encryption that the bucket refuses": {
			&proxytest.Form{Fields: [][2]string{{"x-amz-server-side-encryption", "aws:kms:dsse"}}}, 400, "InvalidArgument",
		},
		"a field that can't stand for a header": {
			&proxytest.Form{Fields: [][2]string{{"x-amz-meta-a", "b\u0001"}}},
			400, "InvalidArgument",
		},
		"fields of more than 20 KB": {&proxytest.Form{Fields: [][2]string{{
			"x-ignore-a",
			strings.Repeat("x", 20<<10),
		}}}, 400, "MaxPostPreDataLengthExceeded"},
		"no file": {&proxytest.Form{NoFile: true}, 400, "InvalidArgument"},
		"a second file after the file": {&proxytest.Form{
			File: "x",
			Break: "\r\n--" + proxytest.FormBoundary +
				"\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nUpload",
		}, 400, "InvalidArgument"},
		"a field after a large file": {&proxytest.Form{
			File: large,
			Break: "\r\n--" + proxytest.FormBoundary +
				"\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload",
		}, 400, "MalformedPOSTRequest"},
		"bytes after the closing boundary": {&proxytest.Form{
			File:    "x",
			Closing: "\r\n--" + proxytest.FormBoundary + "--\r\nmore",
		}, 400, "MalformedPOSTRequest"},
		"bytes after a large file's closing": {&proxytest.Form{
			File:    large,
			Closing: "\r\n--" + proxytest.FormBoundary + "--\r\nmore",
		}, 400, "MalformedPOSTRequest"},
		"no closing boundary": {
			&proxytest.Form{File: "x", Closing: "\r\n"}, 400,
			"MalformedPOSTRequest",
		},
		"no closing boundary after a large file": {
			&proxytest.Form{File: large, Closing: "\r\n"}, 400,
			"MalformedPOSTRequest",
		},
		"a policy with another byte": {
			&proxytest.Form{Alter: alterField("policy")}, 403,
			"SignatureDoesNotMatch",
		},
		"a signature with another byte": {
			&proxytest.Form{Alter: alterField("x-amz-signature")}, 403,
			"SignatureDoesNotMatch",
		},
		"a large file without its last line break": {&proxytest.Form{
			File:    large,
			Closing: "\r\n--" + proxytest.FormBoundary + "--",
		}, 400, "MalformedPOSTRequest"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			row.form.P = p
			a := row.form.Post()
			if a.Header.Get("Date") == "" {
				t.Error("no Date, by which SDKs set their clocks")
			}
			if a.StatusCode != row.status || a.Code() != row.code {
				t.Errorf("%d %s, want %d %s\n%s", a.StatusCode, a.Code(), row.status, row.code, a.Text)
			}
			p.MustNotExist(bucket, "dir/object")
			p.MustNotExist(bucket, "other/object")
		})
	}

	a := p.Do(&proxytest.Request{Method: "POST", Path: "/" + bucket, Body: "x"})
	if a.StatusCode != 412 {
		t.Errorf("a signed POST that is no form: %d %s, want 412", a.StatusCode, a.Code())
	}
	a = p.Do(&proxytest.Request{
		Method: "POST", Path: "/" + bucket, Body: "x",
		Header: []sigv4.Field{proxytest.Field("Content-Type", "multipart/form-data; boundary=x")},
	})
	if a.StatusCode != 400 || a.Code() != "InvalidArgument" {
		t.Errorf("a form with an Authorization header: %d %s, want 400 InvalidArgument", a.StatusCode, a.Code())
	}
	if a := p.DoBy(p.HTTPClient(t), "POST", "/"+bucket, "x"); a.StatusCode != 412 {
		t.Errorf("an unsigned POST that is no form: %d %s, want 412", a.StatusCode, a.Code())
	}
	if a := (&proxytest.Form{
		P: p, File: "x",
		Closing: "\r\n--" + proxytest.FormBoundary + "--",
	}).Post(); a.StatusCode != 204 {
		t.Errorf("a small file without the last line break: %d %s, want 204", a.StatusCode, a.Text)
	}
}

// alterField changes the first byte of a field.
func alterField(name string) func(field, value string) string {
	return func(field, value string) string {
		if field != name {
			return value
		}
		return string(value[0]^1) + value[1:]
	}
}

func TestAFormThatIsCutOffStoresNothing(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, n := range []int{100, 1 << 20} {
		body := (&proxytest.Form{P: p, File: string(proxytest.RandomBytes(n))}).Body()
		for _, cut := range []int{10, 500, len(body) - n, len(body) - 1, len(body) - 20} {
			c := p.Dial(&proxytest.Request{Plain: true}, strings.TrimPrefix(p.Env["SEALFRONT_HTTP_URL"], "http://"))
			fmt.Fprintf(c,
				"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n",
				bucket, proxytest.FormBoundary, len(body))
			_, _ = c.Write(body[:cut])
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			if a := p.Read(c, "POST"); a.StatusCode/100 == 2 {
				t.Errorf("%d of %d bytes: %d", cut, len(body), a.StatusCode)
			}
			p.MustNotExist(bucket, "dir/object")
		}
	}
}

func TestFormsAreOffByDefault(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	if a := (&proxytest.Form{P: p, File: "x"}).Post(); a.StatusCode != 405 || a.Code() != "MethodNotAllowed" {
		t.Errorf("%d %s, want 405 MethodNotAllowed", a.StatusCode, a.Text)
	}
}
