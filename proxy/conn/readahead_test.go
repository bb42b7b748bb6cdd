package conn

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// A short rest of what was read ahead moves to smaller memory, and nothing of it is lost.
func TestAShortRestTakesLittleMemory(t *testing.T) {
	server, client := pair(t, Timeouts{Progress: time.Minute})
	body := bytes.Repeat([]byte("0123456789abcdef"), restMemory/16)
	if _, err := client.Write(body); err != nil {
		t.Fatal(err)
	}
	var got []byte
	head := make([]byte, 5) // as crypto/tls begins
	if n, err := server.Read(head); err != nil || n != len(head) {
		t.Fatal(n, err)
	}
	if server.memory != nil || server.rest == nil {
		t.Errorf("after the first bytes: read ahead %t, rest %t", server.memory != nil, server.rest != nil)
	}
	rest := make([]byte, len(body)-len(head))
	if _, err := io.ReadFull(server, rest); err != nil {
		t.Fatal(err)
	}
	if got = append(head, rest...); !bytes.Equal(got, body) {
		t.Error("other bytes were read")
	}
	if server.memory != nil || server.rest != nil {
		t.Error("memory was kept")
	}
}

// Where many connections are in service, one that waits for its next request parks soon.
func TestACrowdParksEarly(t *testing.T) {
	s, address := parkingServer(t, nil, Timeouts{Park: time.Hour})
	s.connections.crowd.Store(2)
	var all []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		all = append(all, c)
	}
	eventually(t, "they weren't all accepted", func() bool { return s.connections.serving.Load() == 3 })
	ask(t, all[0], plainRequest)
	eventually(t, "none was parked", func() bool { return s.parking.count() == 1 })
	ask(t, all[1], plainRequest) // no crowd any more
	ask(t, all[0], plainRequest) // a crowd, while it is served
	if n := s.connections.serving.Load(); n < 2 || n > 3 {
		t.Errorf("%d are in service", n)
	}
}
