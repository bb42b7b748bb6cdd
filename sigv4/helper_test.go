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
