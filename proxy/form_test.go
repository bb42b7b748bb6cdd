package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// postForm is a form POST, put together field by field.
type postForm struct {
	p           *program
	credentials *sigv4.Credentials
	conditions  []string    // JSON; those of the fields of authentication and of fields are added
	fields      [][2]string // in front of the file
	loose       [][2]string // fields without a condition
	key         string      // default dir/object
	file        string
	fileName    string
	expires     time.Duration // default 1 h
	service     string        // default s3express
	break1      string        // written after the file, in front of the closing boundary
	closing     string        // default with a line break
	noFile      bool
	alter       func(field string, value string) string
}

const formBoundary = "----a-boundary-of-a-form"

func (f *postForm) body() []byte {
	now := time.Now().UTC()
	service, key, expires := f.service, f.key, f.expires
	if service == "" {
		service = "s3express"
	}
	if key == "" {
		key = "dir/object"
	}
	if expires == 0 {
		expires = time.Hour
	}
	c := f.credentials
	if c == nil {
		c = f.p.credentials()
	}
	fields := append([][2]string{
		{"key", key},
		{"x-amz-algorithm", "AWS4-HMAC-SHA256"},
		{"x-amz-credential", c.AccessKeyID + "/" + now.Format("20060102") + "/us-west-2/" + service + "/aws4_request"},
		{"x-amz-date", now.Format("20060102T150405Z")},
	}, f.fields...)
	if c.SessionToken != "" {
		fields = append(fields, [2]string{"X-Amz-S3session-Token", c.SessionToken})
	}
	conditions := append([]string{`{"bucket": "` + f.p.env["SEALFRONT_BUCKET"] + `"}`}, f.conditions...)
	for _, field := range fields {
		if field[0] == "key" {
			conditions = append(conditions, `["starts-with", "$key", "dir/"]`)
		} else {
			value, _ := json.Marshal(field[1]) // a string can always be written
			conditions = append(conditions, fmt.Sprintf("{%q: %s}", field[0], value))
		}
	}
	document := fmt.Sprintf(`{"expiration": %q, "conditions": [%s]}`, now.Add(expires).Format("2006-01-02T15:04:05.000Z"), strings.Join(conditions, ", "))
	policy := base64.StdEncoding.EncodeToString([]byte(document))
	fields = append(fields, f.loose...)
	fields = append(fields, [2]string{"policy", policy},
		[2]string{"x-amz-signature", sigv4.NewSigner("us-west-2", service).SignForm([]byte(policy), c, now)})
	var b bytes.Buffer
	for _, field := range fields {
		if f.alter != nil {
			field[1] = f.alter(field[0], field[1])
		}
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", formBoundary, field[0], field[1])
	}
	if !f.noFile {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=%q\r\nContent-Type: text/plain\r\n\r\n%s", formBoundary, f.fileName, f.file)
	}
	b.WriteString(f.break1)
	closing := f.closing
	if closing == "" {
		closing = "\r\n--" + formBoundary + "--\r\n"
	}
	if f.noFile {
		closing = closing[2:]
	}
	b.WriteString(closing)
	return b.Bytes()
}

// post sends the form, as a browser would.
func (f *postForm) post() *answer {
	f.p.t.Helper()
	client := f.p.httpClient(f.p.t.(*testing.T))
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Post(f.p.env["AWS_ENDPOINT_URL"]+"/"+f.p.env["SEALFRONT_BUCKET"], "multipart/form-data; boundary="+formBoundary, bytes.NewReader(f.body()))
	if err != nil {
		f.p.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	a := &answer{Response: resp}
	body, err := io.ReadAll(resp.Body)
	a.body, a.bodyErr = string(body), err
	return a
}

func TestFormsUploadFiles(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	p := startConfigured(t, t.TempDir(), "compat: {post_object: true}")
	path := "/" + p.env["SEALFRONT_BUCKET"] + "/dir/object"
	for _, n := range []int{0, 1, 100, 20_000, 65536, 256<<10 - 1, 256 << 10, 256<<10 + 1, 256<<10 + 60, 1 << 20, 5<<20 + 1} {
		file := string(randomBytes(n))
		a := (&postForm{p: p, file: file}).post()
		if a.StatusCode != http.StatusNoContent || a.Header.Get("ETag") == "" || !strings.HasSuffix(a.Header.Get("Location"), path) {
			t.Fatalf("POST of %d bytes: %d %s, %v", n, a.StatusCode, a.body, a.Header)
		}
		if a := p.do(&rawRequest{method: "GET", path: path}); a.body != file {
			t.Errorf("GET gave %d bytes, want %d", len(a.body), n)
		}
	}
	for _, n := range []int{5, 300_000} { // a button behind the file, as in Amazon's own sample form, means nothing
		file := string(randomBytes(n))
		a := (&postForm{p: p, file: file, break1: "\r\n--" + formBoundary + "\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload to Amazon S3"}).post()
		if a.StatusCode != http.StatusNoContent {
			t.Fatalf("a field behind %d bytes: %d %s", n, a.StatusCode, a.body)
		}
		if a := p.do(&rawRequest{method: "GET", path: path}); a.body != file {
			t.Errorf("GET gave %d bytes, want %d", len(a.body), n)
		}
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

func TestFormsAreAnsweredAsTheyAsk(t *testing.T) {
	p := startConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.env["SEALFRONT_BUCKET"]
	ask := func(name, value string) *answer {
		return (&postForm{p: p, file: "hello", fileName: `C:\Users\me\file name.txt`, key: "dir/${filename}", fields: [][2]string{{name, value}}}).post()
	}
	for status, want := range map[string]int{"200": 200, "201": 201, "204": 204, "404": 204, "": 204} {
		a := ask("success_action_status", status)
		if a.StatusCode != want {
			t.Errorf("success_action_status %q: %d %s, want %d", status, a.StatusCode, a.body, want)
		}
		if want == 201 {
			for _, part := range []string{"<PostResponse>", "<Bucket>" + bucket + "</Bucket>", "<Key>dir/file name.txt</Key>", "<ETag>", "/" + bucket + "/dir/file%20name.txt</Location>"} {
				if !strings.Contains(a.body, part) {
					t.Errorf("201 without %s: %s", part, a.body)
				}
			}
		}
	}
	a := ask("success_action_redirect", "https://example.com/done?a=b")
	if location := a.Header.Get("Location"); a.StatusCode != 303 || !strings.HasPrefix(location, "https://example.com/done?a=b&bucket="+bucket+"&key=dir%2Ffile+name.txt&etag=%22") {
		t.Errorf("redirect: %d to %s", a.StatusCode, location)
	}
	if a := ask("success_action_redirect", "not a URL"); a.StatusCode != 204 {
		t.Errorf("redirect to what is no URL: %d", a.StatusCode)
	}
	got := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/dir/file%20name.txt"})
	if got.body != "hello" {
		t.Errorf("the file's name is not in the key: %d %s", got.StatusCode, got.body)
	}
}

func TestFormFieldsAreTheObjectsHeader(t *testing.T) {
	p := startConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.env["SEALFRONT_BUCKET"]
	a := (&postForm{p: p, file: "hello", fields: [][2]string{
		{"Content-Type", "text/html"},
		{"Cache-Control", "no-cache"},
		{"x-amz-meta-tag", "some value"},
		{"Content-Disposition", "attachment"},
		{"x-amz-checksum-crc32", "NhCmhg=="},
	}, loose: [][2]string{{"x-ignore-me", "x"}}}).post()
	if a.StatusCode != 204 || a.Header.Get("X-Amz-Checksum-Crc32") != "NhCmhg==" {
		t.Fatalf("POST: %d %s %v", a.StatusCode, a.body, a.Header)
	}
	if a.Header.Get("X-Amz-Server-Side-Encryption") != "aws:kms" {
		t.Errorf("not sealed as the bucket's default says: %v", a.Header)
	}
	got := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/dir/object"})
	for name, want := range map[string]string{"Content-Type": "text/html", "Cache-Control": "no-cache", "X-Amz-Meta-Tag": "some value", "Content-Disposition": "attachment"} {
		if is := got.Header.Get(name); is != want {
			t.Errorf("%s is %q, want %q", name, is, want)
		}
	}
	session := p.session(bucket)
	if a := (&postForm{p: p, file: "by a session", credentials: session}).post(); a.StatusCode != 204 {
		t.Errorf("by a session: %d %s", a.StatusCode, a.body)
	}
	if got := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/dir/object"}); got.body != "by a session" {
		t.Errorf("by a session: %q", got.body)
	}
}

func TestFormsThatAreRefusedStoreNothing(t *testing.T) {
	p := startConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.env["SEALFRONT_BUCKET"]
	large := string(randomBytes(2 << 20))
	wrong := p.credentials()
	wrong.SecretAccessKey = "wrong"
	unknown := &sigv4.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}
	rows := map[string]struct {
		form   *postForm
		status int
		code   string
	}{
		"another secret":                           {&postForm{credentials: wrong}, 403, "SignatureDoesNotMatch"},
		"an access key that nobody has":            {&postForm{credentials: unknown}, 403, "InvalidAccessKeyId"},
		"a policy that has expired":                {&postForm{expires: -time.Second}, 403, "AccessDenied"},
		"a key outside the policy":                 {&postForm{key: "other/object"}, 403, "AccessDenied"},
		"a field that the policy doesn't name":     {&postForm{loose: [][2]string{{"x-amz-meta-a", "b"}}}, 403, "AccessDenied"},
		"a false condition":                        {&postForm{conditions: []string{`["eq", "$Content-Type", "image/png"]`}}, 403, "AccessDenied"},
		"a policy for another bucket":              {&postForm{conditions: []string{`{"bucket": "another"}`}}, 403, "AccessDenied"},
		"another region's service":                 {&postForm{service: "sqs"}, 400, "InvalidArgument"},
		"a file above the policy's range":          {&postForm{conditions: []string{`["content-length-range", 1, 10]`}, file: large}, 400, "EntityTooLarge"},
		"a file below the policy's range":          {&postForm{conditions: []string{`["content-length-range", 10, 100]`}, file: "x"}, 400, "EntityTooSmall"},
		"a wrong checksum":                         {&postForm{fields: [][2]string{{"x-amz-checksum-crc32", "AAAAAA=="}}, file: "x"}, 400, "BadDigest"},
		"a wrong checksum of a large file":         {&postForm{fields: [][2]string{{"x-amz-checksum-crc32", "AAAAAA=="}}, file: large}, 400, "BadDigest"},
		"an encryption that the bucket refuses":    {&postForm{fields: [][2]string{{"x-amz-server-side-encryption", "aws:kms:dsse"}}}, 400, "InvalidArgument"},
		"a field that can't stand for a header":    {&postForm{fields: [][2]string{{"x-amz-meta-a", "b\u0001"}}}, 400, "InvalidArgument"},
		"fields of more than 20 KB":                {&postForm{fields: [][2]string{{"x-ignore-a", strings.Repeat("x", 20<<10)}}}, 400, "MaxPostPreDataLengthExceeded"},
		"no file":                                  {&postForm{noFile: true}, 400, "InvalidArgument"},
		"a second file after the file":             {&postForm{file: "x", break1: "\r\n--" + formBoundary + "\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nUpload"}, 400, "InvalidArgument"},
		"a field after a large file":               {&postForm{file: large, break1: "\r\n--" + formBoundary + "\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload"}, 400, "MalformedPOSTRequest"},
		"bytes after the closing boundary":         {&postForm{file: "x", closing: "\r\n--" + formBoundary + "--\r\nmore"}, 400, "MalformedPOSTRequest"},
		"bytes after a large file's closing":       {&postForm{file: large, closing: "\r\n--" + formBoundary + "--\r\nmore"}, 400, "MalformedPOSTRequest"},
		"no closing boundary":                      {&postForm{file: "x", closing: "\r\n"}, 400, "MalformedPOSTRequest"},
		"no closing boundary after a large file":   {&postForm{file: large, closing: "\r\n"}, 400, "MalformedPOSTRequest"},
		"a policy with another byte":               {&postForm{alter: alterField("policy")}, 403, "SignatureDoesNotMatch"},
		"a signature with another byte":            {&postForm{alter: alterField("x-amz-signature")}, 403, "SignatureDoesNotMatch"},
		"a large file without its last line break": {&postForm{file: large, closing: "\r\n--" + formBoundary + "--"}, 400, "MalformedPOSTRequest"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			row.form.p = p
			a := row.form.post()
			if a.Header.Get("Date") == "" {
				t.Error("no Date, by which SDKs set their clocks")
			}
			if a.StatusCode != row.status || a.code() != row.code {
				t.Errorf("%d %s, want %d %s\n%s", a.StatusCode, a.code(), row.status, row.code, a.body)
			}
			p.mustNotExist(bucket, "dir/object")
			p.mustNotExist(bucket, "other/object")
		})
	}

	a := p.do(&rawRequest{method: "POST", path: "/" + bucket, body: "x"})
	if a.StatusCode != 412 {
		t.Errorf("a signed POST that is no form: %d %s, want 412", a.StatusCode, a.code())
	}
	a = p.do(&rawRequest{method: "POST", path: "/" + bucket, body: "x", header: []sigv4.Field{field("Content-Type", "multipart/form-data; boundary=x")}})
	if a.StatusCode != 400 || a.code() != "InvalidArgument" {
		t.Errorf("a form with an Authorization header: %d %s, want 400 InvalidArgument", a.StatusCode, a.code())
	}
	if a := p.ask(p.httpClient(t), "POST", "/"+bucket, "x"); a.StatusCode != 412 {
		t.Errorf("an unsigned POST that is no form: %d %s, want 412", a.StatusCode, a.code())
	}
	if a := (&postForm{p: p, file: "x", closing: "\r\n--" + formBoundary + "--"}).post(); a.StatusCode != 204 {
		t.Errorf("a small file without the last line break: %d %s, want 204", a.StatusCode, a.body)
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
	p := startConfigured(t, t.TempDir(), "compat: {post_object: true}")
	bucket := p.env["SEALFRONT_BUCKET"]
	for _, n := range []int{100, 1 << 20} {
		body := (&postForm{p: p, file: string(randomBytes(n))}).body()
		for _, cut := range []int{10, 500, len(body) - n, len(body) - 1, len(body) - 20} {
			c := p.dial(&rawRequest{plain: true}, strings.TrimPrefix(p.env["SEALFRONT_HTTP_URL"], "http://"))
			fmt.Fprintf(c, "POST /%s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=%s\r\nContent-Length: %d\r\n\r\n", bucket, formBoundary, len(body))
			_, _ = c.Write(body[:cut])
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			if a := p.read(c, "POST"); a.StatusCode/100 == 2 {
				t.Errorf("%d of %d bytes: %d", cut, len(body), a.StatusCode)
			}
			p.mustNotExist(bucket, "dir/object")
		}
	}
}

func TestFormsAreOffByDefault(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	if a := (&postForm{p: p, file: "x"}).post(); a.StatusCode != 405 || a.code() != "MethodNotAllowed" {
		t.Errorf("%d %s, want 405 MethodNotAllowed", a.StatusCode, a.body)
	}
}
