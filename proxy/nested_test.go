package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// peakMemory is the most that the program has had resident, in bytes.
func peakMemory(p *proxytest.Program) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		p.T.Skipf("usage can't be read here: %v", err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	peak, _ := strconv.Atoi(strings.Fields(rest)[0])
	return peak << 10
}

// sendWhole sends a request whose body the program may refuse before it is read, and returns status and code of the
// answer.
func sendWhole(p *proxytest.Program, r *proxytest.Request) (int, string) {
	host, head := p.Head(r)
	c := p.Dial(r, host)
	go func() { _, _ = c.Write(append(head, r.Body...)) }() // what is refused isn't read to its end
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var text [4096]byte
	n, _ := resp.Body.Read(text[:])
	a := proxytest.Answer{Text: string(text[:n])}
	return resp.StatusCode, a.Code()
}

// What an XML document nests costs nothing: eight of 4 MiB at once, each refused in no time.
func TestNestedDocumentsCostNothing(t *testing.T) {
	p := proxytest.StartConfigured(t, t.TempDir(), "limits: {memory: 256MiB}")
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/nested"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	for _, document := range []string{
		"<CompleteMultipartUpload>" + strings.Repeat("<a>", 4<<20/3-20),
		"<CompleteMultipartUpload><Part" + strings.Repeat(` a=""`, 4<<20/5-20),
		strings.Repeat("<a", 4<<20/2),
		"<CompleteMultipartUpload>" + strings.Repeat("<a/>", 4<<20/4-20),
		"<!DOCTYPE " + strings.Repeat("<!ENTITY a 'b'>", 4<<20/15-20),
	} {
		before := peakMemory(p)
		start := time.Now()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if status, code := sendWhole(p,
					&proxytest.Request{
						Method: "POST", Path: "/nested/key", Query: "uploadId=u", Body: document,
					}); status != http.StatusBadRequest || code != "MalformedXML" {
					t.Errorf("%.40s…: %d %s", document, status, code)
				}
			})
		}
		all.Wait()
		grown := peakMemory(p) - before
		t.Logf("%.40s…: %d KiB more, %v", document, grown>>10, time.Since(start).Round(time.Millisecond))
		most := 64 << 20
		if strings.Contains(document, "/>") { // not nested: garbage of a hundred thousand elements, until it is collected
			most *= 2
		}
		if grown > most && !proxytest.RaceEnabled {
			t.Errorf("%.40s… took %d MiB", document, grown>>20)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/nested/key", Body: "body"}); a.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %d %s", a.StatusCode, a.Text)
	}
}

// Who may delete nothing is told so before the document is read.
func TestPermissionComesBeforeTheDocument(t *testing.T) {
	p := proxytest.StartWithIdentities(t, `
- {name: nobody, access_key: AKIANOBODY, secret_key: nobodysecret, policy: []}
- {name: other, access_key: AKIAOTHER, secret_key: othersecret, policy: [{effect: Allow, action: ["s3:DeleteObject"], resource: "arn:aws:s3:::deletes-not/*"}]}
- {name: some, access_key: AKIASOME, secret_key: somesecret, policy: [{effect: Allow, action: ["s3:DeleteObject"], resource: "arn:aws:s3:::deletes/own/*"}]}
`)
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/deletes"}); a.StatusCode != http.StatusOK {
		t.Fatal(a.StatusCode, a.Text)
	}
	for who, want := range map[string]string{
		"nobody": "403 AccessDenied", "other": "403 AccessDenied", "some": "400 MalformedXML", "test": "400 MalformedXML",
	} {
		status, code := sendWhole(p, &proxytest.Request{
			Method: "POST", Path: "/deletes", Query: "delete=", Body: "<Delete>" + strings.Repeat("<a>", 600_000),
			Header:      []sigv4.Field{proxytest.Field("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")},
			Credentials: proxytest.Namesake(who),
		})
		if got := fmt.Sprint(status, " ", code); got != want {
			t.Errorf("%s: %s, want %s", who, got, want)
		}
	}
}
