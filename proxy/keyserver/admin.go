package keyserver

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sealfront/proxy/health"
)

// missing says why the service isn't ready; nothing when it is. It waits for nobody.
func (s *Site) missing() (why []string) {
	if !s.admin.Load() {
		return []string{"draining, or not started yet"}
	}
	var needs []string
	for _, need := range s.config.Admin.ReadyNeeds {
		if need == "records" {
			needs = append(needs, need)
			continue
		}
		for _, r := range s.roots {
			needs = append(needs, rootPrefix+r.name)
		}
	}
	for _, d := range s.Health.Missing(needs) {
		why = append(why, fmt.Sprintf("%s: %s", d.Name, said(&d)))
	}
	return why
}

func said(d *health.Standing) string {
	if d.Why == "" {
		return string(d.State)
	}
	return fmt.Sprintf("%s: %s", d.State, strings.ReplaceAll(d.Why, "\n", "; "))
}

// Admin is the admin address.
//
//	GET /livez      200 while the process runs
//	GET /readyz     200 while requests are answered; otherwise 503 and why. With ?verbose how everything stands
//	GET /metrics    Prometheus
//	GET /status     how everything stands, as JSON
func (s *Site) Admin(version string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.serveReady)
	mux.Handle("GET /metrics", s.guard(promhttp.HandlerFor(s.Metrics.Registry, promhttp.HandlerOpts{})))
	mux.Handle("GET /status", s.guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.serveStatus(w, version)
	})))
	return mux
}

// guard requires the token, if there is one.
func (s *Site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := []byte("Bearer " + s.config.Admin.Token)
		if s.config.Admin.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "the admin token is needed: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func (s *Site) serveReady(w http.ResponseWriter, r *http.Request) {
	why := s.missing()
	text, code := "ok", http.StatusOK
	if len(why) > 0 {
		text, code = "not ready: "+strings.Join(why, "; "), http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	fmt.Fprintln(w, text)
	if !r.URL.Query().Has("verbose") {
		return
	}
	for _, d := range s.Health.Report() {
		fmt.Fprintf(w, "%s %s, since %s\n", d.Name, said(&d), d.Since.UTC().Format(time.RFC3339))
		if d.State.Bad() && d.Works != "" {
			fmt.Fprintf(w, "  meanwhile: %s\n", d.Works)
		}
	}
}

// A shownRoot is a root as /status shows it.
type shownRoot struct {
	Name     string `json:"name"`
	Identity string `json:"identity"`
	Wraps    bool   `json:"wraps"`
}

type shownStanding struct {
	Name  string    `json:"name"`
	State string    `json:"state"`
	Why   string    `json:"why,omitempty"`
	Since time.Time `json:"since"`
	Works string    `json:"works,omitempty"`
}

func (s *Site) serveStatus(w http.ResponseWriter, version string) {
	out := struct {
		Version string          `json:"version"`
		Since   time.Time       `json:"since"`
		Ready   bool            `json:"ready"`
		Why     []string        `json:"why,omitempty"`
		Region  string          `json:"region"`
		Account string          `json:"account"`
		Roots   []shownRoot     `json:"roots"`
		Health  []shownStanding `json:"health"`
	}{
		Version: version, Since: s.started.UTC(), Why: s.missing(), Region: s.config.Region, Account: s.config.Account,
	}
	out.Ready = len(out.Why) == 0
	for i, r := range s.roots {
		out.Roots = append(out.Roots, shownRoot{r.name, r.Identity(), i == 0})
	}
	for _, d := range s.Health.Report() {
		one := shownStanding{Name: d.Name, State: string(d.State), Why: d.Why, Since: d.Since.UTC()}
		if d.State.Bad() {
			one.Works = d.Works
		}
		out.Health = append(out.Health, one)
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(out) // a client that has gone away needs no answer
}
