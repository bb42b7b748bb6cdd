package audit_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/audit"
)

// lineBuffer is a buffer for several goroutines.
type lineBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lineBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lineBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually waits for something that other goroutines do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not in time", what)
		}
	}
}

// verified holds the lines of one chain, those that came twice left out, to what Verify says of a file of them.
func verified(t *testing.T, text string, want int) {
	t.Helper()
	seen := make(map[string]bool)
	var once strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasSuffix(line, "}\n") && !seen[line] {
			once.WriteString(line)
		}
		seen[line] = true
	}
	v, err := audit.Verify("", written(t, t.TempDir(), "log", once.String()))
	if err != nil || v.Records != want {
		t.Fatalf("%+v, %v; want %d records of\n%s", v, err, want, text)
	}
}

func TestALogOnAStream(t *testing.T) {
	b := new(lineBuffer)
	l := audit.OpenWriter(b, audit.Options{})
	closed(t, l)
	if b.String() != "" {
		t.Errorf("without a record: %q", b.String())
	}
	l = audit.OpenWriter(b, audit.Options{})
	add(l, 3)
	if err := l.Reopen(); err != nil {
		t.Error(err)
	}
	closed(t, l)
	verified(t, b.String(), 5) // with begin and stop
}

// listener listens, and returns what all connections sent.
func listener(t *testing.T, network, address string) (net.Listener, *lineBuffer) {
	t.Helper()
	ln, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return ln, receive(ln)
}

func receive(ln net.Listener) *lineBuffer {
	b := new(lineBuffer)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(b, c)
				_ = c.Close()
			}()
		}
	}()
	return b
}

// A receiver that goes away is known to be failing, and gets the records once it is there again, in one chain.
func TestASocketThatClosesAndComesBack(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.sock")
	l := audit.OpenSocket(audit.Endpoint{Network: "unix", Address: name}, false, audit.Options{MaxWait: time.Hour})
	add(l, 2)
	eventually(t, "failing before there is a receiver", func() bool { return l.State().Failing })
	if s := l.State(); s.Hanging || !strings.Contains(s.Why, "no such file") {
		t.Errorf("%+v", s)
	}
	if l.Reserve() {
		t.Error("there is room in a log that can't be sent")
	}
	ln, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	first, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(first)
	var text strings.Builder
	for range 3 { // begin, and two records
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(line)
	}
	eventually(t, "well", func() bool { return l.State() == audit.State{} })
	_ = ln.Close()
	_ = first.Close()
	// Once the log knows, and only then, what is added isn't written to nowhere.
	eventually(t, "failing after the end", func() bool {
		add(l, 1)
		return l.State().Failing
	})
	if n := l.State().Waiting; n == 0 {
		t.Error("nothing waits")
	}
	again, b := listener(t, "unix", name)
	defer func() { _ = again.Close() }()
	eventually(t, "well again", func() bool { return l.State() == audit.State{} })
	closed(t, l)
	eventually(t, "the end", func() bool { return strings.Contains(b.String(), `"event":"stop"`) })
	for line := range strings.Lines(b.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no record: %q", line)
		}
	}
}

// No request waits for a receiver that doesn't read: records wait, and then on_failure decides.
func TestASinkThatHangs(t *testing.T) {
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep ", keep), func(t *testing.T) {
			var mu sync.Mutex
			now := time.Unix(0, 0)
			clock := func() time.Time {
				mu.Lock()
				defer mu.Unlock()
				return now
			}
			pass := func(d time.Duration) {
				mu.Lock()
				defer mu.Unlock()
				now = now.Add(d)
			}
			r, w := io.Pipe() // whose writes wait for a reader
			l := audit.OpenWriter(w, audit.Options{MaxWait: 10 * time.Second, Keep: keep, Now: clock})
			add(l, 1)
			head := make([]byte, 1)
			if _, err := io.ReadFull(r, head); err != nil { // begin and the record are in flight
				t.Fatal(err)
			}
			add(l, 3)
			if s := l.State(); s != (audit.State{Waiting: 4}) {
				t.Errorf("at first: %+v", s)
			}
			if !l.Reserve() {
				t.Error("at first there is no room")
			}
			l.Add(audit.Record{Operation: "HeadObject"}, true)
			pass(11 * time.Second)
			want := audit.State{Waiting: 5, Oldest: 11 * time.Second, Failing: true, Hanging: true}
			want.Why = "a write has not ended"
			if !keep {
				want.Waiting, want.Lost = 1, 4 // the one in flight may be written
			}
			if s := l.State(); s != want {
				t.Errorf("after 11 s: %+v, want %+v", s, want)
			}
			if l.Reserve() {
				t.Error("there is room in a log that hangs")
			}
			b := new(lineBuffer)
			_, _ = b.Write(head)
			go func() { _, _ = io.Copy(b, r) }()
			eventually(t, "well again", func() bool { return l.State() == audit.State{Lost: want.Lost} })
			if !keep {
				eventually(t, "what was lost", func() bool {
					return strings.Contains(b.String(), `"event":"lost records"`) && strings.Contains(b.String(), `"records":4`)
				})
			}
			closed(t, l)
			records := 7 // begin, 5, stop
			if !keep {
				records = 4 // begin, 1, lost records, stop
			}
			verified(t, b.String(), records)
		})
	}
}

// Close ends when a write doesn't, and counts what is lost.
func TestCloseDoesNotWaitForASinkThatHangs(t *testing.T) {
	_, w := io.Pipe()
	lost := 0
	l := audit.OpenWriter(w, audit.Options{Patience: 100 * time.Millisecond, Count: func(outcome string, n int) {
		if outcome == "lost" {
			lost += n
		}
	}})
	add(l, 2)
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "hangs") {
		t.Errorf("Reopen: %v", err)
	}
	if err := l.Close(); err == nil || !strings.Contains(err.Error(), "hangs, and 2 records are lost") || lost != 2 {
		t.Errorf("%v, %d lost", err, lost)
	}
}

// Messages are RFC 5424's, with their lengths over TCP and TLS, and hold the lines of a chain.
func TestSyslogMessages(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	header := regexp.MustCompile(`^<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ` + regexp.QuoteMeta(host) +
		` sealfront ` +
		strconv.Itoa(os.Getpid()) + ` audit - `)
	bare := func(t *testing.T, messages []string) {
		t.Helper()
		var lines strings.Builder
		for _, m := range messages {
			h := header.FindString(m)
			if h == "" {
				t.Fatalf("no header: %q", m)
			}
			lines.WriteString(m[len(h):] + "\n")
		}
		verified(t, lines.String(), 5)
	}
	send := func(t *testing.T, to audit.Endpoint) {
		t.Helper()
		l := audit.OpenSocket(to, true, audit.Options{})
		add(l, 3)
		closed(t, l)
	}
	counted := func(t *testing.T, b *lineBuffer) {
		t.Helper()
		eventually(t, "the end", func() bool { return strings.Contains(b.String(), `"event":"stop"`) })
		var messages []string
		for rest := b.String(); rest != ""; {
			length, message, _ := strings.Cut(rest, " ")
			n, err := strconv.Atoi(length)
			if err != nil || n > len(message) {
				t.Fatalf("no length: %q", rest)
			}
			messages, rest = append(messages, message[:n]), message[n:]
		}
		bare(t, messages)
	}
	t.Run("tcp", func(t *testing.T) {
		ln, b := listener(t, "tcp", "127.0.0.1:0")
		defer func() { _ = ln.Close() }()
		send(t, audit.Endpoint{Network: "tcp", Address: ln.Addr().String()})
		counted(t, b)
	})
	t.Run("tls", func(t *testing.T) {
		server := httptest.NewTLSServer(nil) // of its certificate alone
		defer server.Close()
		pool := x509.NewCertPool()
		pool.AddCert(server.Certificate())
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ln := tls.NewListener(inner, &tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12})
		defer func() { _ = ln.Close() }()
		b := receive(ln)
		to := audit.Endpoint{
			Network: "tcp", Address: ln.Addr().String(), TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		}
		send(t, to)
		counted(t, b)
		if err := audit.CheckSocket(t.Context(), to); err != nil {
			t.Error(err)
		}
		to.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if err := audit.CheckSocket(t.Context(), to); err == nil || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("an authority that isn't known: %v", err)
		}
	})
	t.Run("unix", func(t *testing.T) {
		ln, b := listener(t, "unix", filepath.Join(t.TempDir(), "log"))
		defer func() { _ = ln.Close() }()
		send(t, audit.Endpoint{Network: "unix", Address: ln.Addr().String()})
		eventually(t, "the end", func() bool { return strings.Contains(b.String(), `"event":"stop"`) })
		bare(t, strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n"))
	})
	t.Run("unixgram", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "log")
		c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		received := make(chan []string)
		go func() {
			var messages []string
			b := make([]byte, 64<<10)
			for len(messages) < 5 {
				n, err := c.Read(b)
				if err != nil {
					break
				}
				messages = append(messages, string(b[:n]))
			}
			received <- messages
		}()
		send(t, audit.Endpoint{Network: "unixgram", Address: name})
		bare(t, <-received)
	})
}

// A socket that nobody reads from is failing once the kernel takes no more and the write's deadline has passed.
func TestASocketThatIsNotRead(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	l := audit.OpenSocket(audit.Endpoint{Network: "tcp", Address: ln.Addr().String()}, false,
		audit.Options{MaxWait: time.Hour, Queue: 1 << 20, Patience: 300 * time.Millisecond})
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	r := audit.Record{Key: strings.Repeat("k", 1024)}
	for range 20_000 { // beyond what the kernel buffers
		l.Add(r, false)
	}
	eventually(t, "failing", func() bool { return l.State().Failing })
	if s := l.State(); s.Waiting == 0 || s.Lost != 0 {
		t.Errorf("%+v", s)
	}
	if err := l.Close(); err == nil {
		t.Error("it was closed in order")
	} else if errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
