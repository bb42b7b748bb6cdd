package webidentity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/json"
)

// What a fetch may take.
const (
	fetchTime    = 5 * time.Second
	maxKeySet    = 256 << 10
	maxDiscovery = 64 << 10
)

// A source is where an issuer's keys are fetched.
type source struct {
	issuer, keysURL, ca, tokenFile string

	client *http.Client
}

func newSource(o Options) (*source, error) {
	s := &source{issuer: o.URL, keysURL: o.KeysURL, ca: o.CA, tokenFile: o.TokenFile}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: fetchTime, ResponseHeaderTimeout: fetchTime, MaxIdleConns: 2, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 16 << 10,
	}
	if o.CA != "" {
		text, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("read the authority of %s: %w", o.URL, err)
		}
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", o.CA)
		}
	}
	s.client = &http.Client{Transport: transport, Timeout: fetchTime, CheckRedirect: noRedirect}
	return s, nil
}

// noRedirect: whoever can redirect a request for keys would choose them.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (s *source) same(other *source) bool {
	return s.issuer == other.issuer && s.keysURL == other.keysURL && s.ca == other.ca && s.tokenFile == other.tokenFile
}

// keys fetches the JWKS, from where the discovery document says unless the configuration does.
func (s *source) keys(ctx context.Context) ([]byte, error) {
	from := s.keysURL
	if from == "" {
		text, err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration", maxDiscovery)
		if err != nil {
			return nil, err
		}
		var document struct {
			Issuer  string `json:"issuer"`
			KeysURL string `json:"jwks_uri"`
		}
		if err := json.Unmarshal(text, &document); err != nil {
			return nil, fmt.Errorf("read the discovery document of %s: %w", s.issuer, err)
		}
		if document.Issuer != s.issuer {
			return nil, fmt.Errorf("the discovery document of %s is of the issuer %s", s.issuer, shown(document.Issuer))
		}
		if from = document.KeysURL; !Fetchable(from) {
			return nil, fmt.Errorf("the discovery document of %s names keys at %s, which is no https URL", s.issuer,
				shown(from))
		}
	}
	return s.get(ctx, from, maxKeySet)
}

// Fetchable reports whether keys may be fetched from a URL: by TLS, or from this machine.
func Fetchable(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	if u.Scheme == "http" {
		ip := net.ParseIP(u.Hostname())
		return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	}
	return u.Scheme == "https"
}

var errTooMuch = errors.New("the answer is too long")

func (s *source) get(ctx context.Context, address string, most int64) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	if s.tokenFile != "" {
		token, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("read the token for %s: %w", s.issuer, err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask the issuer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", address, resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read what %s answers: %w", address, err)
	case int64(len(text)) > most:
		return nil, fmt.Errorf("%w: %s", errTooMuch, address)
	}
	return text, nil
}
