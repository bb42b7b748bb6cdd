package gateway_test

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A modelRow says what becomes of a header, a query parameter or an element that SDKs know.
type modelRow struct {
	line  int
	value string // that shows it
	fate  string // served, served: by which test, refused, or ignored: why
	used  bool
}

// A modelCheck holds testdata/model.txt to a running program.
type modelCheck struct {
	p         *proxytest.Program
	bucket    string
	directory string
	rows      map[string]*modelRow       // by kind, operation or *, and name
	documents map[string]map[string]bool // paths of elements that the operation's own documents show
	requests  map[string]func() *proxytest.Request
	checked   map[string]bool
	without   map[string]string // the outcome of an operation's base request
	more      map[string][]string
	etag      string // of the part that the last base request has uploaded
}

func newModelCheck(t *testing.T) *modelCheck {
	t.Helper()
	p := proxytest.StartEmbedded(t, t.TempDir())
	m := &modelCheck{
		p: p, bucket: proxytest.MakeBucket(t, p.Client(t), "model"), directory: p.Env["SEALFRONT_BUCKET"],
		rows: make(map[string]*modelRow), documents: make(map[string]map[string]bool), checked: make(map[string]bool),
		without: make(map[string]string),
	}
	p.Put(m.bucket, "seed", "hello", proxytest.Field("Cache-Control", "no-cache"))
	p.Put(m.directory, "seed", "hello")
	m.makeParts()
	m.more = moreDocuments()
	m.requests = m.baseRequests()
	file, err := os.Open("testdata/model.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, " | ")
		if len(cells) != 5 {
			t.Fatalf("model.txt:%d: %d columns", n, len(cells))
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		why, ignored := strings.CutPrefix(cells[4], "ignored: ")
		by, shown := strings.CutPrefix(cells[4], "served: ")
		if cells[4] != "served" && cells[4] != "refused" && !(ignored && len(why) > 10) && !(shown && hasTest(t, by)) {
			t.Fatalf("model.txt:%d: fate %q", n, cells[4])
		}
		row := &modelRow{line: n, value: cells[3], fate: cells[4]}
		for name := range strings.FieldsSeq(cells[1]) {
			for operation := range strings.FieldsSeq(cells[2]) {
				key := cells[0] + " " + operation + " " + name
				if m.rows[key] != nil {
					t.Errorf("model.txt:%d: %s has two rows", n, key)
				}
				m.rows[key] = row
			}
		}
	}
	return m
}

// hasTest reports whether there is such a test in this package or in package main.
func hasTest(t *testing.T, name string) bool {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	ofMain, err := filepath.Glob("../*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, ofMain...)
	return slices.ContainsFunc(files, func(file string) bool {
		text, err := os.ReadFile(file)
		return err == nil && strings.Contains(string(text), "\nfunc "+name+"(")
	})
}

// unused are rows for what no SDK knows any more.
func (m *modelCheck) unused(t *testing.T) {
	for key, row := range m.rows {
		if !row.used {
			t.Errorf("model.txt:%d: no SDK sends %s", row.line, key)
		}
	}
}

func (m *modelCheck) row(kind, operation, name string) *modelRow {
	row := m.rows[kind+" "+operation+" "+name]
	if row == nil {
		row = m.rows[kind+" * "+name]
	}
	if row != nil {
		row.used = true
	}
	return row
}

// unserved checks that an operation which isn't served is refused.
func (m *modelCheck) unserved(t *testing.T, name string, o *modelOperation) {
	path, query, _ := strings.Cut(strings.NewReplacer("{Bucket}", m.bucket, "{Key+}", "seed").Replace(o.URI), "?")
	if !strings.HasPrefix(path, "/"+m.bucket) { // a path below the bucket's host
		path = "/" + m.bucket + path
	}
	if name == "WriteGetObjectResponse" {
		path = o.URI
	}
	r := &proxytest.Request{Method: o.Method, Path: path, Query: query}
	if a := m.p.Do(r); a.StatusCode < 400 || o.Method != "HEAD" && a.Code() == "" {
		t.Errorf("%s %s?%s: %d %s, want a refusal", o.Method, path, query, a.StatusCode, a.Text)
	}
}

// check sends an operation's request with a header or a query parameter, and without.
func (m *modelCheck) check(t *testing.T, kind, operation, name string) {
	t.Helper()
	row := m.row(kind, operation, name)
	if row == nil {
		t.Errorf("%s %s of %s has no row in testdata/model.txt: serve it, refuse it, or say why it may be ignored",
			kind, name, operation)
		return
	}
	key := kind + " " + operation + " " + name
	if m.checked[key] {
		return // the other SDK has it, too
	}
	m.checked[key] = true
	without, ok := m.without[operation]
	if !ok {
		without, _ = m.outcome(m.requests[operation]())
		m.without[operation] = without
	}
	r := m.requests[operation]()
	if kind == "header" {
		r.Header = append(slices.DeleteFunc(slices.Clone(r.Header),
			func(f sigv4.Field) bool { return strings.EqualFold(string(f.Name), name) }),
			proxytest.Field(http.CanonicalHeaderKey(name), row.value))
	} else {
		var kept []string
		for pair := range strings.SplitSeq(r.Query, "&") {
			if before, _, _ := strings.Cut(pair, "="); before != name && pair != "" {
				kept = append(kept, pair)
			}
		}
		r.Query = strings.Join(append(kept, name+"="+row.value), "&")
	}
	with, a := m.outcome(r)
	switch {
	case row.fate == "served" && with == without:
		t.Errorf("model.txt:%d: %s %s: %s changes nothing in the answer of %s: %.300s", row.line, kind, name, row.value,
			operation, with)
	case row.fate == "refused" && (a.StatusCode < 400 || a.Code() == "NotImplemented" &&
		!strings.Contains(strings.ToLower(a.Text), strings.ToLower(name))):
		t.Errorf("model.txt:%d: %s %s: %s is not refused by name in %s: %d %s", row.line, kind, name, row.value,
			operation, a.StatusCode, a.Text)
	case strings.HasPrefix(row.fate, "ignored") && with != without:
		t.Errorf("model.txt:%d: %s %s: %s is not ignored in %s:\n%s, without it:\n%s", row.line, kind, name, row.value,
			operation, with, without)
	}
}

// changing is what differs between two answers to one request.
var changing = regexp.MustCompile(`<(RequestId|HostId|UploadId|ETag|LastModified|Initiated|CreationDate|SessionToken|SecretAccessKey|AccessKeyId|Expiration|ID|VersionId|Key)>[^<]*<`)

// outcome sends a request and writes down what a client sees of it, afterwards, too.
func (m *modelCheck) outcome(r *proxytest.Request) (string, *proxytest.Answer) {
	var b strings.Builder
	note := func(a *proxytest.Answer) {
		fmt.Fprintf(&b, "%d %s\n", a.StatusCode, changing.ReplaceAllString(a.Text, "<$1><"))
		var names []string
		for name := range a.Header {
			switch name {
			case "Date", "X-Amz-Request-Id", "X-Amz-Id-2", "Etag", "Last-Modified", "Content-Length", "Connection":
			default:
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(&b, "%s: %s\n", name, a.Header.Get(name))
		}
	}
	a := m.p.Do(r)
	note(a)
	if (r.Method == "PUT" || r.Method == "POST") && strings.Count(r.Path, "/") == 2 {
		// what it was made with shows when it is complete
		if id := proxytest.Between(a.Text, "<UploadId>", "</UploadId>"); id != "" {
			part := m.p.Do(&proxytest.Request{
				Method: "PUT", Path: r.Path, Query: "partNumber=1&uploadId=" + id,
				Body: "hello",
			})
			m.p.Do(&proxytest.Request{
				Method: "POST", Path: r.Path, Query: "uploadId=" + id,
				Body: "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + part.Header.Get("Etag") +
					"</ETag></Part></CompleteMultipartUpload>",
			})
		}
		note(m.p.Do(&proxytest.Request{
			Method: "HEAD", Path: r.Path,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Mode", "ENABLED")},
		}))
	}
	return b.String(), a
}

// checkElement: an element is in a document of ours that is taken, or has a row; there each that is misspelt is
// refused.
func (m *modelCheck) checkElement(t *testing.T, operation, path string) {
	t.Helper()
	shown := m.documents[operation]
	if shown == nil {
		shown = m.showDocument(t, operation)
		m.documents[operation] = shown
	}
	if shown[path] {
		return
	}
	row := m.row("element", operation, path)
	if row == nil {
		t.Errorf("element %s of %s is in no document that is taken, and has no row in testdata/model.txt", path,
			operation)
		return
	}
	r := m.requests[operation]()
	document := row.value
	for i, names := 0, strings.Split(path, "/"); i < len(names); i++ {
		name := names[len(names)-1-i]
		document = "<" + name + ">" + document + "</" + name + ">"
	}
	r.Body = document
	a := m.p.Do(r)
	if row.fate != "refused" || a.StatusCode < 400 {
		t.Errorf("model.txt:%d: element %s of %s: %d %s", row.line, path, operation, a.StatusCode, a.Text)
	}
}

// showDocument sends the operation's own document, which must be taken, and once for each of its elements one in which
// this element is misspelt, which must not be. It returns the paths of the elements.
func (m *modelCheck) showDocument(t *testing.T, operation string) map[string]bool {
	t.Helper()
	shown := make(map[string]bool)
	for _, document := range append([]string{m.requests[operation]().Body}, m.more[operation]...) {
		if document == "" {
			continue
		}
		send := func(change func(string) string) *proxytest.Answer {
			r := m.requests[operation]()
			if slices.Contains(m.more[operation], document) {
				r.Body = strings.NewReplacer("$ETAG", m.etag, "$KEY", m.p.Env["SEALFRONT_KMS_KEY"]).Replace(document)
			}
			r.Body = change(r.Body)
			return m.p.Do(r)
		}
		as := send(func(s string) string { return s })
		if as.StatusCode >= 400 && (as.Code() == "MalformedXML" ||
			strings.Contains(as.Text, "an element that is not implemented")) {
			t.Errorf("%s: the document is not taken: %d %s\n%s", operation, as.StatusCode, as.Text, document)
		}
		var path []string
		d := xml.NewDecoder(strings.NewReader(document))
		for {
			token, err := d.Token()
			if err != nil {
				break
			}
			switch token := token.(type) {
			case xml.StartElement:
				path = append(path, token.Name.Local)
				if at := strings.Join(path, "/"); !shown[at] {
					shown[at] = true
					name := token.Name.Local
					a := send(func(s string) string {
						return strings.NewReplacer("<"+name+">", "<"+name+"Misspelt>", "</"+name+">",
							"</"+name+"Misspelt>").Replace(s)
					})
					if a.StatusCode < 400 {
						t.Errorf("%s: the misspelt element %s passes unread: %d", operation, at, a.StatusCode)
					}
				}
			case xml.EndElement:
				path = path[:len(path)-1]
			}
		}
	}
	return shown
}
