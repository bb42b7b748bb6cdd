package store_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/store"
)

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// saying is a store that answers every request on a connection with the same bytes, and closes it afterwards if so
// told.
func saying(t *testing.T, answer string, closes bool) *fakeStore {
	t.Helper()
	return newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		for {
			r, err := readHead(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(c, answer)
			if closes {
				return
			}
		}
	})
}

func request(method string) *store.Request {
	return &store.Request{Operation: "Some", Method: method, Bucket: bucket, Key: "k"}
}

func TestHeadersOfAnAnswer(t *testing.T) {
	f := saying(t, "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nX-Amz-Meta-A: one\r\nEtag: \"e\"\r\n\r\n", false)
	a, err := f.client(t, nil).Do(t.Context(), request("HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if a.ContentLength() != 7 || a.Length != 0 || string(a.Get("ETag")) != `"e"` || a.Get("X-None") != nil {
		t.Errorf("length %d and %d, ETag %q", a.ContentLength(), a.Length, a.Get("ETag"))
	}
	seen := map[string]string{}
	a.Header(func(name, value []byte) bool {
		seen[strings.ToLower(string(name))] = string(value)
		return true
	})
	if seen["x-amz-meta-a"] != "one" || seen["etag"] != `"e"` {
		t.Errorf("headers %v", seen)
	}
	calls := 0
	a.Header(func(_, _ []byte) bool { calls++; return false })
	if calls != 1 {
		t.Errorf("%d headers after the first was enough", calls)
	}
	if n, err := a.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("the body of an answer to HEAD: %d bytes, %v", n, err)
	}
}

// Answers that aren't HTTP, or never come to their end, are no answers.
func TestGarbledAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":           "SSH-2.0-OpenSSH_9.7\r\n",
		"nothing":           "",
		"a cut-off head":    "HTTP/1.1 200 OK\r\nContent-Le",
		"only interim ones": strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 20),
	} {
		a, err := saying(t, answer, true).client(t, nil).Do(t.Context(), request("GET"))
		if !errors.Is(err, store.ErrUnavailable) || a != nil {
			t.Errorf("%s: %v, %v", name, a, err)
		}
	}
}

// Bytes bounds what it reads, and notices when a body isn't whole.
func TestBodiesOfAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		limit  int
		want   string
		err    string
	}{
		"whole":                   {"Content-Length: 3\r\n\r\nabc", 3, "abc", ""},
		"longer than the limit":   {"Content-Length: 4\r\n\r\nabcd", 3, "", "longer than 3"},
		"cut off":                 {"Content-Length: 4\r\n\r\nabc", 9, "", io.ErrUnexpectedEOF.Error()},
		"up to the end":           {"Connection: close\r\n\r\nabc", 9, "abc", ""},
		"up to the end, too long": {"Connection: close\r\n\r\nabcd", 3, "", "read the store's answer"},
		"in chunks":               {"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 9, "abc", ""},
		"in chunks, with a trailer": {
			"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-A: b\r\n\r\n", 9, "abc",
			"",
		},
		"in chunks, cut off": {"Transfer-Encoding: chunked\r\n\r\n3\r\nab", 9, "", "read the store's answer"},
		"in chunks, too long": {
			"Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n", 3, "",
			"read the store's answer",
		},
		"in chunks that are none": {
			"Transfer-Encoding: chunked\r\n\r\nx\r\nabc\r\n0\r\n\r\n", 9, "",
			"read the store's answer",
		},
	} {
		a, err := saying(t, "HTTP/1.1 200 OK\r\n"+c.answer, true).client(t, nil).Do(t.Context(), request("GET"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		body, err := a.Bytes(c.limit)
		if string(body) != c.want || (err == nil) != (c.err == "") || err != nil &&
			!strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %q, %v", name, body, err)
		}
		a.Close()
		a.Close() // a second one does nothing
	}
	a, err := saying(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true).client(t,
		nil).Do(t.Context(), request("GET"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if _, err := a.Read(make([]byte, 1)); a.Length != -1 || a.ContentLength() != -1 || err == nil ||
		errors.Is(err, io.EOF) {
		t.Errorf("Read of a body of unknown length: %v", err)
	}
}

// A connection serves again when all of an answer was read, or a short rest of it could be, and never when bytes are
// left on it that belong to no answer.
func TestWhichConnectionsServeAgain(t *testing.T) {
	const long = 200 << 10
	for name, c := range map[string]struct {
		answer string
		read   int // bytes of the body before Close
		again  bool
	}{
		"read whole":   {"Content-Length: 4\r\n\r\nabcd", 4, true},
		"a short rest": {"Content-Length: 4\r\n\r\nabcd", 1, true},
		"a long rest": {
			fmt.Sprintf("Content-Length: %d\r\n\r\n%s", long, strings.Repeat("x", long)), 1,
			false,
		},
		"more than was said":     {"Content-Length: 4\r\n\r\nabcdHTTP/1.1 200 OK\r\n\r\n", 4, false},
		"an unread chunked body": {"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 0, false},
		"asked to close":         {"Connection: close\r\nContent-Length: 4\r\n\r\nabcd", 4, false},
	} {
		f := saying(t, "HTTP/1.1 200 OK\r\n"+c.answer, false)
		client := f.client(t, nil)
		for range 2 {
			a, err := client.Do(t.Context(), request("GET"))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, err := io.ReadFull(a, make([]byte, c.read)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			a.Close()
		}
		if n := f.connections.Load(); (n == 1) != c.again {
			t.Errorf("%s: %d connections for two requests", name, n)
		}
	}
}

// Two requests that are told in one fault: its text is for our eyes.
func TestFaultsAreReadOnce(t *testing.T) {
	a, err := answering(t, http.StatusNotFound, fault("NoSuchKey")).Do(t.Context(), request("GET"))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, operation := range []string{"GetObject", "HeadObject"} {
		if f := a.Fault(operation); f == nil || f.Error() != "the store answered "+operation+" with 404 NoSuchKey no" {
			t.Errorf("%v", f)
		}
	}
	ok, err := answering(t, http.StatusOK, fault("NoSuchKey")).Do(t.Context(), request("GET"))
	if err != nil {
		t.Fatal(err)
	}
	defer ok.Close()
	if f := ok.Fault("GetObject"); f != nil {
		t.Errorf("a fault of a success: %v", f)
	}
}

// A body that isn't as long as it was said to be is a bug of ours, and the store never gets it for a whole one.
func TestBodiesOfTheWrongLength(t *testing.T) {
	for name, length := range map[string]int64{"too short": 200 << 10, "too long": 64 << 10} {
		whole := make(chan bool, 1)
		f := newFakeStore(t, func(_ net.Conn, br *bufio.Reader) {
			r, err := readHead(br)
			if err != nil {
				return
			}
			_, err = io.Copy(io.Discard, r.Body)
			whole <- err == nil
		})
		put := request("PUT")
		put.Length, put.Body = length, &pieces{n: 128 << 10}
		if _, err := f.client(t, nil).Do(t.Context(), put); err == nil ||
			!strings.Contains(err.Error(), "internal error") {
			t.Errorf("%s: %v", name, err)
		}
		if name == "too short" && <-whole {
			t.Errorf("%s: the store has a whole body", name)
		}
	}
}

func TestReplacedHeaders(t *testing.T) {
	r := request("PUT")
	r.Set("a", "1")
	r.Set("b", "2")
	r.Replace("b", []byte("3"))
	if string(r.Header[0].Value) != "1" || string(r.Header[1].Value) != "3" {
		t.Errorf("%s, %s", r.Header[0].Value, r.Header[1].Value)
	}
	defer func() {
		if recover() == nil {
			t.Error("a header that isn't there was replaced")
		}
	}()
	r.Replace("c", nil)
}
