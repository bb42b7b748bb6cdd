package keyserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealfront/proxy/admin"
	"sealfront/proxy/certificates"
	"sealfront/proxy/status"
)

// newReadiness is that of the service: only its own certificate, and what admin.ready_needs names.
func (s *Site) newReadiness() *admin.Readiness {
	needs := []string{"certificates"} // clients refuse an expired one
	for _, need := range s.config.Admin.ReadyNeeds {
		if need == "records" {
			needs = append(needs, need)
			continue
		}
		for _, r := range s.roots {
			needs = append(needs, rootPrefix+r.name)
		}
	}
	return admin.NewReadiness(s.Health, needs...)
}

// Admin is the admin address.
//
//	GET /livez      200 while the process runs
//	GET /readyz     200 while requests are answered; otherwise 503 and why. With ?verbose how everything stands
//	GET /metrics    Prometheus
//	GET /           a page for people; GET /status says the same as JSON
//
// With admin.health_only it has the first three only.
func (s *Site) Admin(version string) http.Handler {
	c := s.config
	protection := admin.NewProtection(c.Listen.Admin, nil, c.Admin.Token)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /readyz", s.readiness)
	numbers := promhttp.HandlerFor(s.Metrics.Registry, promhttp.HandlerOpts{})
	if c.Admin.HealthOnly {
		mux.Handle("GET /metrics", numbers)
		return mux
	}
	mux.HandleFunc("GET /metrics", admin.WithToken(c.Admin.Token, numbers.ServeHTTP))
	// Browsers ask for it, and say so when there is none.
	mux.HandleFunc("GET /favicon.ico",
		protection.Guard(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	mux.HandleFunc("GET /{$}", protection.Guard(func(w http.ResponseWriter, r *http.Request) {
		missing := s.readiness.Missing()
		page := &status.Plain{
			Title: "Sealfront key service", Ready: len(missing) == 0, NotReady: strings.Join(missing, "; "),
			Health: s.readiness.Standings(), About: "Key", Failures: &s.failures, Facts: s.facts(version),
		}
		page.ServeHTTP(w, r)
	}))
	mux.HandleFunc("GET /status", protection.Guard(func(w http.ResponseWriter, _ *http.Request) {
		s.serveStatus(w, version)
	}))
	return mux
}

// facts are what the page says of the configuration. They hold no secrets.
func (s *Site) facts(version string) []status.Fact {
	c := s.config
	callers := s.callers.Load()
	records := "folder " + c.Records.Dir
	if c.Records.Bucket != "" {
		records = fmt.Sprintf("bucket %s of %s, at most %s old in memory", c.Records.Bucket, c.Records.Store.Endpoint,
			c.Records.Freshness)
	}
	list := []status.Fact{
		{Name: "Version", Value: version},
		{Name: "Running since", Value: s.started.UTC().Format(time.RFC3339)},
		{Name: "Region, account", Value: c.Region + ", " + c.Account},
		{Name: "Records", Value: records},
		{Name: "Keys in memory", Value: "for " + c.Key.Lifetime.String() + " after their root was called last"},
		{Name: "Callers", Value: fmt.Sprintf("%d identities, %d roles", len(callers.byID), len(callers.roles))},
	}
	for i, r := range s.roots {
		does := ""
		if i == 0 {
			does = ", wraps new records"
		}
		list = append(list, status.Fact{Name: "Root " + r.name, Value: r.Identity() + does})
	}
	for _, one := range s.certificates.List() {
		state := one.State(time.Now())
		list = append(list, status.Fact{
			Name: "Certificate", Bad: state != certificates.Valid,
			Value: fmt.Sprintf("%s, %s, until %s", one.Source, state, one.NotAfter.UTC().Format(time.RFC3339)),
		})
	}
	for _, state := range callers.issuers.States() {
		fact := status.Fact{Name: "Issuer", Value: fmt.Sprintf("%s, %d keys", state.URL, state.Keys)}
		if state.Err != nil {
			fact.Value, fact.Bad = state.URL+": "+state.Err.Error(), true
		}
		list = append(list, fact)
	}
	return list
}

// A shownRoot is a root as /status shows it.
type shownRoot struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
	Wraps    bool   `json:"wraps"`
}

func (s *Site) serveStatus(w http.ResponseWriter, version string) {
	out := struct {
		Version  string            `json:"version"`
		Since    time.Time         `json:"since"`
		Ready    bool              `json:"ready"`
		Why      []string          `json:"why,omitempty"`
		Region   string            `json:"region"`
		Account  string            `json:"account"`
		Roots    []shownRoot       `json:"roots"`
		Health   []status.Standing `json:"health"`
		Failures []status.Failure  `json:"failures"` // the newest first
		Refused  []status.Failure  `json:"refused"`
		Facts    []status.Fact     `json:"facts"`
	}{
		Version: version, Since: s.started.UTC(), Why: s.readiness.Missing(), Region: s.config.Region,
		Account: s.config.Account, Health: s.readiness.Standings(), Facts: s.facts(version),
	}
	out.Ready = len(out.Why) == 0
	out.Failures, out.Refused = s.failures.Last()
	for i, r := range s.roots {
		out.Roots = append(out.Roots, shownRoot{r.name, r.Identity(), i == 0})
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(out) // a client that has gone away needs no answer
}
