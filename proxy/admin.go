package main

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealfront/proxy/config"
	"sealfront/proxy/state"
	"sealfront/proxy/status"
)

// admin is the operator's address: health, metrics, the status page, profiles, and dropping keys.
type admin struct {
	http    *http.Server
	ready   atomic.Bool
	history *status.History
}

// newAdmin serves p to the operator.
//
//	GET  /livez            200 while the process runs
//	GET  /readyz           200 while requests are accepted and what they need can be reached; else 503 and why
//	GET  /metrics          Prometheus
//	GET  /                 a page for people; GET /status is the same as JSON
//	GET  /debug/pprof/     Go profiles
//	GET  /explain?…        which rule decides about a request
//	GET  /keys             bucket keys in this replica's memory, in JSON, without their bytes
//	POST /keys/drop        forget cached bucket keys, at every replica, all or those of ?kms-key=ARN
//
// All but /livez, /readyz and /metrics take no requests of strangers' web pages: see adminOrigins. With admin.token all but /livez
// and /readyz need it; with admin.health_only there is no more than these and /metrics.
func newAdmin(c *config.Config, p *parts, r *reloader) *admin {
	a := &admin{history: status.NewHistory(p.metrics.Snapshot, nil)}
	health := newHealth(c, p)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		why := []string{"draining, or not started yet"}
		if a.ready.Load() {
			why = health.missing(r.Context())
		}
		if len(why) > 0 {
			http.Error(w, "not ready: "+strings.Join(why, "; "), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	origins := newAdminOrigins(c)
	guarded := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, origins.guard(withToken(c.Admin.Token, h)))
	}
	metrics := promhttp.HandlerFor(p.metrics.Registry, promhttp.HandlerOpts{})
	if c.Admin.HealthOnly {
		mux.Handle("GET /metrics", metrics)
	} else {
		mux.HandleFunc("GET /metrics", withToken(c.Admin.Token, metrics.ServeHTTP))
		guarded("GET /debug/pprof/", pprof.Index)
		guarded("GET /debug/pprof/cmdline", pprof.Cmdline)
		guarded("GET /debug/pprof/profile", pprof.Profile)
		guarded("GET /debug/pprof/symbol", pprof.Symbol)
		guarded("GET /debug/pprof/trace", pprof.Trace)
		guarded("GET /explain", explainHandler(p.gateway))
		guarded("GET /keys", p.showKeys)
		guarded("POST /keys/drop", p.dropKeys)
		sources := p.statusSources(c, a, health, r)
		guarded("GET /status", sources.ServeJSON)
		guarded("GET /{$}", sources.ServePage)
	}
	a.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	return a
}

// withToken asks for the admin token, as a bearer token or as the password that a browser asks its user for.
func withToken(token string, h http.HandlerFunc) http.HandlerFunc {
	if token == "" {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) {
		given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok {
			_, given, _ = r.BasicAuth()
		}
		if subtle.ConstantTimeCompare([]byte(given), []byte(token)) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="Sealfront admin token as password"`)
			http.Error(w, "the admin token is missing or wrong", http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

// dropKeys answers POST /keys/drop.
func (p *parts) dropKeys(w http.ResponseWriter, r *http.Request) {
	key := r.URL.Query().Get("kms-key")
	if key == "" {
		key = state.AllKeys
	}
	if err := p.state.Revoke(r.Context(), key); err != nil {
		// This replica has nothing to wait for; the others hear of it when the store is back and the call is repeated.
		p.dropKey(key)
		http.Error(w, "dropped here, but other replicas can't be told: "+err.Error()+"; try again", http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// adminTLS is the TLS configuration of the admin address; nil for HTTP.
func adminTLS(c *config.Config) (*tls.Config, error) {
	if c.Admin.Cert == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Admin.Cert, c.Admin.Key)
	if err != nil {
		return nil, config.Faults{{Path: "admin.cert", Why: err.Error()}}
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if c.Admin.ClientCA != "" {
		if t.ClientCAs, err = readPool(c.Admin.ClientCA); err != nil {
			return nil, config.Faults{{Path: "admin.client_ca", Why: err.Error()}}
		}
		t.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return t, nil
}

func (a *admin) serve(ln net.Listener) error {
	if err := a.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin address: %w", err)
	}
	return nil
}

func (a *admin) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = a.http.Shutdown(ctx)
}
