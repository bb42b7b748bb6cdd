package store_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"testing"

	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// A store may close a connection right after its answer, without a word in it. What can't go out a second time doesn't
// go out on such a connection.
func TestAConnectionThatTheStoreHasJustClosedIsNotUsedAgain(t *testing.T) {
	closed := make(chan struct{})
	f := newFakeStore(t, func(c net.Conn, br *bufio.Reader) {
		r, err := readHead(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_ = c.Close()
		closed <- struct{}{}
	})
	client := f.client(t, nil)
	for name, r := range map[string]*store.Request{
		"a streamed body": {
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Length: 100_000,
			Body: &pieces{n: 100_000},
		},
		"a condition": {
			Operation: "PutObject", Method: "PUT", Bucket: "b", Key: "k", Bytes: []byte("body"),
			Header: []sigv4.Field{{Name: []byte("If-None-Match"), Value: []byte("*")}},
		},
		"an upload to be made": {
			Operation: "CreateMultipartUpload", Method: "POST", Bucket: "b", Key: "k",
			Query: "uploads=",
		},
		"a GET": {Operation: "GetObject", Method: "GET", Bucket: "b", Key: "k"},
	} {
		for _, r := range []*store.Request{{Operation: "HeadObject", Method: "HEAD", Bucket: "b", Key: "k"}, r} {
			a, err := client.Do(t.Context(), r)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, r.Operation, err)
			}
			a.Close()
			<-closed
		}
	}
}
