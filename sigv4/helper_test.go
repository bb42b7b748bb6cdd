package sigv4_test

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// The keys of AWS's worked examples.
const (
	exampleKey    = "AKIAIOSFODNN7EXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	emptyHash     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var now = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

func parseTime(tb testing.TB, s string) time.Time {
	tb.Helper()
	t, err := time.Parse("20060102T150405Z", s)
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// parseHead makes a Message out of a request head with LF or CR LF line ends.
func parseHead(tb testing.TB, head string) *sigv4.Message {
	tb.Helper()
	m := new(sigv4.Message)
	scanner := bufio.NewScanner(strings.NewReader(head))
	for scanner.Scan() && scanner.Text() != "" {
		line := scanner.Text()
		if m.Method == nil {
			words := strings.Split(line, " ")
			if len(words) != 3 {
				tb.Fatalf("request line %q", line)
			}
			path, query, _ := strings.Cut(words[1], "?")
			m.Method, m.Path, m.Query = []byte(words[0]), []byte(path), []byte(query)
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			tb.Fatalf("header line %q", line)
		}
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	return m
}

// clone copies a message, so that it can be changed.
func clone(m *sigv4.Message) *sigv4.Message {
	c := &sigv4.Message{Method: bytes.Clone(m.Method), Path: bytes.Clone(m.Path), Query: bytes.Clone(m.Query)}
	for _, f := range m.Header {
		c.Header = append(c.Header, sigv4.Field{Name: bytes.Clone(f.Name), Value: bytes.Clone(f.Value)})
	}
	return c
}

// field returns the value of a header, empty if there is none.
func field(m *sigv4.Message, name string) string {
	for _, f := range m.Header {
		if strings.EqualFold(string(f.Name), name) {
			return strings.TrimSpace(string(f.Value))
		}
	}
	return ""
}

// set replaces, adds or (with an empty value) removes a header.
func set(m *sigv4.Message, name, value string) {
	for i, f := range m.Header {
		if strings.EqualFold(string(f.Name), name) {
			if value == "" {
				m.Header = append(m.Header[:i:i], m.Header[i+1:]...)
			} else {
				m.Header[i].Value = []byte(value)
			}
			return
		}
	}
	if value != "" {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
}

// element returns an element of a *sigv4.Error, empty if there is none.
func element(err error, name string) string {
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		for _, x := range e.Elements {
			if x.Name == name {
				return x.Value
			}
		}
	}
	return ""
}

// code returns the S3 code of an error: "" for nil, "?" for one that has none.
func code(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*sigv4.Error](err); ok {
		return e.Code
	}
	return "?"
}

// verify is Read and Check with one secret.
func verify(v *sigv4.Verifier, m *sigv4.Message, secret string, services ...string) (*sigv4.Authentication, error) {
	a := new(sigv4.Authentication)
	if err := v.Read(m, a, services...); err != nil {
		return a, err
	}
	return a, v.Check(m, a, secret)
}

// testFiles returns the files of a folder under testdata by name.
func testFiles(tb testing.TB, folder string) map[string]string {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", folder, "*.txt"))
	if err != nil || len(names) == 0 {
		tb.Fatalf("no files in testdata/%s: %v", folder, err)
	}
	files := make(map[string]string)
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		files[strings.TrimSuffix(filepath.Base(name), ".txt")] = string(content)
	}
	return files
}

// signedAt signs m with the example key for us-west-2 and service at the time t, after adding what is missing of
// X-Amz-Date and X-Amz-Content-Sha256.
func signedAt(t time.Time, m *sigv4.Message, service string) *sigv4.Message {
	if field(m, "x-amz-date") == "" {
		set(m, "X-Amz-Date", string(sigv4.AppendTimestamp(nil, t)))
	}
	if field(m, "x-amz-content-sha256") == "" {
		set(m, "X-Amz-Content-Sha256", sigv4.UnsignedPayload)
	}
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	set(m, "Authorization", string(sigv4.NewSigner("us-west-2", service).AppendAuthorization(nil, m, &c, t)))
	return m
}

// signed returns a header-signed request for the service s3. target is what follows the method on a request line.
func signed(tb testing.TB, method, target string, headers ...string) *sigv4.Message {
	return signedAt(now, request(tb, method, target, headers...), "s3")
}

// request returns an unsigned request. Empty headers are left out.
func request(tb testing.TB, method, target string, headers ...string) *sigv4.Message {
	tb.Helper()
	head := method + " " + target + " HTTP/1.1\nHost: bucket.example.com\n"
	for _, h := range headers {
		if h != "" {
			head += h + "\n"
		}
	}
	return parseHead(tb, head)
}

// presigned returns a presigned GET, signed at the time t.
func presigned(tb testing.TB, t time.Time, expires time.Duration, target string, headers ...string) *sigv4.Message {
	tb.Helper()
	m := request(tb, "GET", target, headers...)
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	m.Query = sigv4.NewSigner("us-west-2", "s3").AppendPresigned(nil, m, &c, t, expires)
	return m
}

// replaced returns m with one text in its query or Authorization header replaced by another.
func replaced(tb testing.TB, m *sigv4.Message, old, by string) *sigv4.Message {
	tb.Helper()
	before := string(m.Query) + field(m, "authorization")
	m.Query = []byte(strings.Replace(string(m.Query), old, by, 1))
	if a := field(m, "authorization"); a != "" {
		set(m, "Authorization", strings.Replace(a, old, by, 1))
	}
	if before == string(m.Query)+field(m, "authorization") {
		tb.Fatalf("no %q to replace", old)
	}
	return m
}

// added returns m with a header added after signing.
func added(m *sigv4.Message, name, value string) *sigv4.Message {
	m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	return m
}

func testVerifier() *sigv4.Verifier {
	return sigv4.NewVerifier(sigv4.Options{
		Regions: []string{"us-west-2", "us-east-1"}, Now: at(now), VerboseMismatch: true,
	})
}

// row is a request and the refusal that it gets: code "" for none, message a part of the text.
type row struct {
	name     string
	request  *sigv4.Message
	code     string
	message  string
	elements map[string]string
}

func testRows(t *testing.T, rows []row) {
	t.Helper()
	v := testVerifier()
	a := new(sigv4.Authentication) // one for all: what is reused must not leak into the next request
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			err := v.Read(r.request, a, "s3")
			if err == nil {
				err = v.Check(r.request, a, exampleSecret)
			}
			checkError(t, err, r.code, r.message, r.elements)
		})
	}
}

func checkError(t *testing.T, err error, wantCode, message string, elements map[string]string) {
	t.Helper()
	if code(err) != wantCode {
		t.Fatalf("got %v, want %q\n%s", err, wantCode, element(err, "CanonicalRequest"))
	}
	if err != nil && !strings.Contains(err.Error(), message) {
		t.Errorf("got %q, want %q", err, message)
	}
	for name, want := range elements {
		if got := element(err, name); got != want {
			t.Errorf("element %s: got %q, want %q", name, got, want)
		}
	}
}
