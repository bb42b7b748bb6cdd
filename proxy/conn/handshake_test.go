package conn

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A handshake that fails is counted once, by a reason that tells an expired certificate from a scanner.
func TestHandshakesFailForAReason(t *testing.T) {
	t.Parallel()
	own, stranger := testCertificate(t), testCertificate(t)
	leaf, err := x509.ParseCertificate(own.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	trusting := func() *tls.Config { return &tls.Config{RootCAs: pool, ServerName: "localhost"} }
	needing := &tls.Config{Certificates: own.Certificates, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	shake := func(change func(*tls.Config)) func(net.Conn) {
		return func(c net.Conn) {
			config := trusting()
			change(config)
			client := tls.Client(c, config)
			if client.Handshake() == nil {
				_, _ = io.Copy(io.Discard, client) // until the server ends it
			}
		}
	}
	for name, c := range map[string]struct {
		server *tls.Config
		client func(net.Conn)
		want   string
	}{
		"an unknown authority": {own, shake(func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }), "certificate"},
		"an expired certificate": {own, shake(func(c *tls.Config) {
			c.Time = func() time.Time { return time.Now().Add(1000 * time.Hour) }
		}), "certificate"},
		"another name":          {own, shake(func(c *tls.Config) { c.ServerName = "example.com" }), "certificate"},
		"no client certificate": {needing, shake(func(*tls.Config) {}), "client_certificate"},
		"a stranger's": {
			needing, shake(func(c *tls.Config) { c.Certificates = stranger.Certificates }), "client_certificate",
		},
		"an old version": {own, shake(func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}), "version"},
		"no suite in common": {
			&tls.Config{
				Certificates: own.Certificates, MaxVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
			},
			shake(func(c *tls.Config) { c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256} }),
			"cipher",
		},
		"plain HTTP": {own, func(c net.Conn) {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, "not_tls"},
		"a check of a load balancer": {own, func(net.Conn) {}, "left"},
		"silence":                    {own, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "timeout"},
		"none": {own, func(c net.Conn) {
			client := tls.Client(c, trusting())
			_, _ = io.WriteString(client, "x")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ln.Close() }()
			timeouts := Timeouts{TLS: 30 * time.Second}
			if c.want == "timeout" {
				timeouts.TLS = 50 * time.Millisecond
			}
			timeouts = timeouts.withDefaults()
			var kept atomic.Pointer[Timeouts]
			kept.Store(&timeouts)
			var reasons []string
			l := &listener{
				Listener: ln, timeouts: &kept, all: &connections{}, parking: newParking(func(net.Conn) error { return nil }),
				tls: func() *tls.Config { return c.server }, failed: func(reason string) { reasons = append(reasons, reason) },
			}
			go func() {
				client, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = client.Close() }()
				c.client(client)
			}()
			server, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // as whoever tries again
				_, err = server.Read(make([]byte, 1))
			}
			_ = server.Close()
			if c.want == "" {
				if len(reasons) > 0 {
					t.Errorf("%q, %v", reasons, err)
				}
			} else if len(reasons) != 1 || reasons[0] != c.want {
				t.Errorf("counted as %q, want %s: %v", reasons, c.want, err)
			}
		})
	}
	for _, reason := range []error{io.ErrNoProgress, net.ErrClosed} {
		if got := handshakeReason(reason); got != map[error]string{io.ErrNoProgress: "other", net.ErrClosed: "left"}[reason] {
			t.Errorf("%v: %s", reason, got)
		}
	}
}
