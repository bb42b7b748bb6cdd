package memstore_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/memstore"
	"sealfront/sigv4"
)

// signedPut is the head of a PutObject of length bytes.
func signedPut(t testing.TB, s *memstore.Store, key string, length int, header ...[2]string) []byte {
	t.Helper()
	now := time.Now()
	m := &sigv4.Message{Method: []byte("PUT"), Path: []byte("/" + bucket + "/" + key)}
	add := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	add("Host", s.Address())
	add("X-Amz-Date", string(sigv4.AppendTimestamp(nil, now)))
	add("Content-Length", fmt.Sprint(length))
	hash := sigv4.UnsignedPayload
	for _, h := range header {
		if h[0] == "X-Amz-Content-Sha256" {
			hash = h[1]
		} else {
			add(h[0], h[1])
		}
	}
	add("X-Amz-Content-Sha256", hash)
	authorization := sigv4.NewSigner(region, "s3").AppendAuthorization(nil, m, &sigv4.Credentials{
		AccessKeyID: accessKey, SecretAccessKey: secretKey,
	}, now)
	var b strings.Builder
	fmt.Fprintf(&b, "PUT %s HTTP/1.1\r\n", m.Path)
	for _, f := range m.Header {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
	}
	fmt.Fprintf(&b, "Authorization: %s\r\n\r\n", authorization)
	return []byte(b.String())
}

// rawPut sends a PutObject and returns the body of its answer.
func rawPut(t testing.TB, s *memstore.Store, key string, body []byte, header ...[2]string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(append(signedPut(t, s, key, len(body), header...), body...)); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
