package admin

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealfront/proxy/config"
	"sealfront/proxy/health"
	"sealfront/proxy/metrics"
	"sealfront/proxy/status"
)

// Options are what the admin address shows and does. All functions are called by several goroutines at once.
type Options struct {
	Config  *config.Config // what the program started with
	Metrics *metrics.Metrics
	Health  *health.Model // of what the program needs

	// Explain decides about the request that the parameters of GET /explain describe. It returns a BadQuestion for
	// parameters that can't be understood.
	Explain func(ctx context.Context, q url.Values) (any, error)
	// Held are the bucket keys in this replica's memory, and Drop forgets those of a KMS key, or all with "": here, and at
	// every replica. If its error says that the others could not be reached, they are forgotten here nevertheless.
	Held func() []HeldKey
	Drop func(ctx context.Context, keyARN string) error

	// Attestation shows the public key of signed statements and where the audit log stands; RecordAttestation notes a
	// statement in the audit log. Its error is a BadQuestion for what isn't a statement of this installation.
	Attestation       func() Attestation
	RecordAttestation func(line []byte) (Attestation, error)

	// Row says what a row of the behaviour reference is about.
	Row       func(row string) string
	Buckets   func(ctx context.Context, limit int) (list []status.Bucket, more bool, err error)
	Situation func() Situation
	// Replicas are those before the same store, this one first; nil where no other can be.
	Replicas func(ctx context.Context) ([]Replica, error)
	Failures *status.Failures // the last ones of requests; nil: they aren't kept
	ErrorLog *log.Logger      // takes what is said of connections, see ErrorLog; nil is log's own
}

// A Replica is one as the status page shows it.
type Replica = status.Replica

// A Server answers at the admin address.
type Server struct {
	*Readiness

	http    *http.Server
	history *status.History
}

// New serves a proxy to the operator.
//
//	GET  /livez            200 while the process runs
//	GET  /readyz           200 while requests are answered; otherwise 503 and why. With ?verbose how everything stands
//	GET  /metrics          Prometheus
//	GET  /                 a page for people; GET /status is the same as JSON
//	GET  /debug/pprof/     Go profiles
//	GET  /explain?…        which rule decides about a request
//	GET  /keys             bucket keys in this replica's memory, in JSON, without their bytes
//	GET  /attestation      the public key of signed statements, and where the audit log's chain stands
//	POST /attestation      note a signed statement in the audit log
//	POST /keys/drop        forget cached bucket keys, at every replica, all or those of ?kms-key=ARN
//
// All but /livez, /readyz and /metrics refuse requests from foreign web pages: see Protection. With admin.token all but
// /livez and /readyz need it; with admin.health_only only these and /metrics are served.
func New(o Options) *Server {
	c := o.Config
	s := &Server{
		Readiness: NewReadiness(o.Health, slices.Concat(c.Admin.ReadyNeeds, readyNeeds)...),
		history:   status.NewHistory(o.Metrics.Snapshot, nil),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /readyz", s.Readiness)
	protection := NewProtection(c.Listen.Admin, c.Admin.Hosts, c.Admin.Token)
	handle := func(pattern string, h http.HandlerFunc) {
		mux.HandleFunc(pattern, protection.Guard(h))
	}
	prometheus := promhttp.HandlerFor(o.Metrics.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
	if c.Admin.HealthOnly {
		mux.Handle("GET /metrics", prometheus)
	} else {
		mux.HandleFunc("GET /metrics", WithToken(c.Admin.Token, prometheus.ServeHTTP))
		handle("GET /debug/pprof/", pprof.Index)
		handle("GET /debug/pprof/cmdline", pprof.Cmdline)
		handle("GET /debug/pprof/profile", pprof.Profile)
		handle("GET /debug/pprof/symbol", pprof.Symbol)
		handle("GET /debug/pprof/trace", pprof.Trace)
		handle("GET /explain", o.explain)
		handle("GET /attestation", o.showAttestation)
		handle("POST /attestation", o.recordAttestation)
		handle("GET /keys", o.showKeys)
		handle("POST /keys/drop", o.dropKeys)
		sources := &status.Sources{
			History: s.history, Health: s.Standings, Row: o.Row, Ready: s.Ready, Buckets: o.Buckets, Facts: o.facts,
			Replicas: o.Replicas, Failures: o.Failures, Token: c.Admin.Token != "",
		}
		// Browsers ask for it, and say so when there is none.
		handle("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		handle("GET /status", sources.ServeJSON)
		handle("GET /{$}", sources.ServePage)
	}
	s.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: o.ErrorLog,
	}
	return s
}

// Serve answers on ln until Close.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin address: %w", err)
	}
	return nil
}

// SetReady says whether the program has started and doesn't drain.
func (s *Server) SetReady(ready bool) { s.Set(ready) }

// Record records the history of metrics that the status page shows, until ctx ends.
func (s *Server) Record(ctx context.Context) { s.history.Run(ctx) }

// Close stops the server; requests in flight have a second to end.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = s.http.Shutdown(ctx)
}
