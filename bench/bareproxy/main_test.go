package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestsAndAnswersCrossAsTheyAre(t *testing.T) {
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Host+" "+r.RequestURI+" "+r.Header.Get("Authorization"))
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write(bytes.ToUpper(body))
	}))
	defer store.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(strings.TrimPrefix(store.URL, "http://"))
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	defer func() {
		if err := server.Shutdown(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	defer http.DefaultClient.CloseIdleConnections()
	for _, n := range []int{0, 1, 100_000, 3 << 20} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", "http://"+ln.Addr().String()+"/bucket//a%2Fb/../c?x=1",
			strings.NewReader(strings.Repeat("a", n)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "signed")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusAccepted || string(body) != strings.Repeat("A", n) {
			t.Errorf("%d bytes: %d, %d bytes back, %v", n, answer.StatusCode, len(body), err)
		}
		if want := "PUT " + ln.Addr().String() +
			" /bucket//a%2Fb/../c?x=1 signed"; answer.Header.Get("X-Seen") != want {
			t.Errorf("the store saw %q, want %q", answer.Header.Get("X-Seen"), want)
		}
	}
}
