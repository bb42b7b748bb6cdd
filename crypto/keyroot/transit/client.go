package transit

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// A client sends requests of OpenBao's HTTP API. It reads nothing from the environment: VAULT_SKIP_VERIFY, VAULT_ADDR,
// VAULT_TOKEN and proxies' variables don't move it.
type client struct {
	address   string
	namespace string
	timeout   time.Duration
	http      *http.Client
}

const (
	connections = 64      // idle ones that are kept; a thousand calls a second need no more
	maxAnswer   = 1 << 20 // bytes
)

func newClient(c Config) (*client, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: c.ServerName}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("read the certificate authority of %s: %w", c.Address, err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", c.CA)
		}
	}
	if c.Cert != "" {
		if _, err := tls.LoadX509KeyPair(c.Cert, c.CertKey); err != nil {
			return nil, fmt.Errorf("load the certificate to show to %s: %w", c.Address, err)
		}
		// Loaded at each handshake: certificates are replaced while the program runs.
		t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(c.Cert, c.CertKey)
			return &pair, err
		}
	}
	transport := &http.Transport{
		DialContext:         (&net.Dialer{Timeout: c.Timeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSClientConfig:     t,
		TLSHandshakeTimeout: c.Timeout,
		MaxIdleConns:        connections, MaxIdleConnsPerHost: connections, IdleConnTimeout: 90 * time.Second,
		ResponseHeaderTimeout: c.Timeout,
	}
	home, err := url.Parse(c.Address)
	if err != nil {
		return nil, err
	}
	return &client{
		address: c.Address, namespace: c.Namespace, timeout: c.Timeout,
		http: &http.Client{Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
			// A standby sends its clients to the active node, by TLS where it was called by TLS. The token goes along.
			if len(via) > 2 || r.URL.Scheme != home.Scheme && r.URL.Scheme != "https" {
				return fmt.Errorf("it redirects to %s://%s, which isn't followed", r.URL.Scheme, r.URL.Host)
			}
			return nil
		}},
	}, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// A refusal is an answer other than 2xx.
type refusal struct {
	status int
	texts  []string // what the server said, cut short
}

// Error is the status with the server's words.
func (r *refusal) Error() string {
	if len(r.texts) == 0 {
		return fmt.Sprintf("HTTP status %d", r.status)
	}
	return fmt.Sprintf("HTTP status %d: %s", r.status, strings.Join(r.texts, "; "))
}

// says reports whether the server's words contain text.
func (r *refusal) says(text string) bool {
	for _, t := range r.texts {
		if strings.Contains(strings.ToLower(t), text) {
			return true
		}
	}
	return false
}

// call sends one request to /v1/path and decodes the answer into out. Bodies are wiped when they were used, except what
// the standard library keeps of them. A *refusal is an answer, everything else that there was none.
func (c *client) call(ctx context.Context, method, path, token string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		defer clear(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.address+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Vault-Request", "true")
	r.Header.Set("Content-Type", "application/json")
	// Not sent: it says that the request may be sent again when a kept connection turns out to be closed.
	r.Header["Idempotency-Key"] = []string{}
	if token != "" {
		r.Header.Set("X-Vault-Token", token)
	}
	if c.namespace != "" {
		r.Header.Set("X-Vault-Namespace", c.namespace)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // the address is named by callers
		}
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	got, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	defer clear(got)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return refused(answer.StatusCode, got)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(got, out); err != nil {
		return errors.New("it answered something that isn't JSON of the API") // without its bytes, which may be secret
	}
	return nil
}

// refused reads {"errors": ["…"]}. Of an answer of anybody else, such as a load balancer's page, the status counts.
func refused(status int, body []byte) *refusal {
	var said struct {
		Errors []string `json:"errors"`
	}
	r := &refusal{status: status}
	if json.Unmarshal(body, &said) != nil {
		return r
	}
	for _, text := range said.Errors[:min(len(said.Errors), 3)] {
		text = strings.Join(strings.Fields(text), " ")
		r.texts = append(r.texts, text[:min(len(text), 200)])
	}
	return r
}
