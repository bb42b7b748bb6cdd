package admin

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"sealfront/proxy/health"
	"sealfront/proxy/status"
)

// readyNeeds is what the proxy always needs to be ready, besides admin.ready_needs: clients refuse an expired
// certificate, whatever else works.
var readyNeeds = []string{"certificates"}

// Readiness is whether a program is ready, and how what it needs stands. It waits for nobody.
type Readiness struct {
	started atomic.Bool
	health  *health.Model
	needs   []string
}

// NewReadiness makes that of a program that isn't ready yet. needs are the dependencies without which it isn't.
func NewReadiness(model *health.Model, needs ...string) *Readiness {
	return &Readiness{health: model, needs: needs}
}

// Set says whether the program has started and doesn't drain.
func (s *Readiness) Set(started bool) { s.started.Store(started) }

// Ready reports whether /readyz answers 200.
func (s *Readiness) Ready() bool { return len(s.Missing()) == 0 }

// Missing says why the program isn't ready; nothing when it is.
func (s *Readiness) Missing() (why []string) {
	if !s.started.Load() {
		return []string{"draining, or not started yet"}
	}
	for _, d := range s.health.Missing(s.needs) {
		why = append(why, fmt.Sprintf("%s: %s", d.Name, said(&d)))
	}
	return why
}

// said is a standing in words.
func said(d *health.Standing) string {
	if d.Why == "" {
		return string(d.State)
	}
	return fmt.Sprintf("%s: %s", d.State, strings.ReplaceAll(d.Why, "\n", "; "))
}

// ServeHTTP answers GET /readyz; with ?verbose a line for each dependency, too.
func (s *Readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	why := s.Missing()
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
	for _, d := range s.health.Report() {
		fmt.Fprintf(w, "%s %s, since %s\n", d.Name, said(&d), d.Since.UTC().Format(time.RFC3339))
		if d.State.Bad() && d.Works != "" {
			fmt.Fprintf(w, "  meanwhile: %s\n", d.Works)
		}
	}
}

// Standings are the dependencies as a status page shows them.
func (s *Readiness) Standings() []status.Standing {
	var list []status.Standing
	for _, d := range s.health.Report() {
		list = append(list, status.Standing{
			Name: d.Name, State: string(d.State), Bad: d.State.Bad(), Why: d.Why, Since: d.Since, Works: d.Works,
			Millis: float64(d.Took.Microseconds()) / 1000,
		})
	}
	return list
}
