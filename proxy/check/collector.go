package check

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"time"

	"sealfront/proxy/instance"
)

// How long the collector has to take a connection.
const collectorPatience = 3 * time.Second

// collector connects to the collector of traces. Requests are served without it, too.
func (k *checkup) collector(ctx context.Context) {
	t := &k.c.Tracing
	if t.Endpoint == "" {
		return
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		pool, err := instance.ReadPool(t.CA)
		if err != nil {
			k.fault("tracing.ca", "read the certificate authority: %v; it must be a file of certificates in PEM", err)
			return
		}
		config.RootCAs = pool
	}
	u, err := url.Parse(t.Endpoint) // validated
	if err != nil {
		return
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	ctx, cancel := context.WithTimeout(ctx, collectorPatience)
	defer cancel()
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", host)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", host)
	}
	if err != nil {
		k.warn("tracing.endpoint", "tried to connect to %s: %v; traces are lost until it answers, requests are not", host,
			err)
		return
	}
	_ = conn.Close()
}
