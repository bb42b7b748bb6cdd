package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealfront/proxy/config"
	"sealfront/proxy/state"
)

// admin is the operator's address: health, metrics, profiles, and dropping keys.
type admin struct {
	http  *http.Server
	ready atomic.Bool
}

// newAdmin serves p to the operator.
//
//	GET  /livez            200 while the process runs
//	GET  /readyz           200 while requests are accepted, 503 before and while draining
//	GET  /metrics          Prometheus
//	GET  /debug/pprof/     Go profiles
//	GET  /                 a page for people
//	GET  /explain?…        which rule decides about a request; needs admin.token when it is set
//	POST /keys/drop        forget cached bucket keys, at every replica, all or those of ?kms-key=ARN; needs admin.token when it is set
func newAdmin(c *config.Config, p *parts) *admin {
	a := &admin{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !a.ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	guarded := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if c.Admin.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+c.Admin.Token)) != 1 {
				http.Error(w, "the admin token is missing or wrong", http.StatusUnauthorized)
				return
			}
			h(w, r)
		}
	}
	mux.HandleFunc("GET /explain", guarded(explainHandler(p.gateway)))
	mux.HandleFunc("POST /keys/drop", guarded(func(w http.ResponseWriter, r *http.Request) {
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
	}))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		condition := "ready"
		if !a.ready.Load() {
			condition = "not ready"
		}
		fmt.Fprintf(w, "<!doctype html><title>Sealfront</title><h1>Sealfront</h1><p>%s<p>Store: %s %s; %s<p>"+
			`<a href="/metrics">metrics</a> <a href="/livez">livez</a> <a href="/readyz">readyz</a> <a href="/debug/pprof/">profiles</a>`,
			condition, html.EscapeString(c.Store.Kind), html.EscapeString(c.Store.Endpoint), html.EscapeString(p.abilities.String()))
	})
	a.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return a
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
