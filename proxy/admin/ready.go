package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"sealfront/proxy/health"
	"sealfront/proxy/status"
)

// readyNeeds is what the program always needs to be ready, besides admin.ready_needs: clients refuse an expired
// certificate, whatever else works.
var readyNeeds = []string{"certificates"}

// missing says why the program isn't ready; nothing when it is. It waits for nobody.
func (s *Server) missing() (why []string) {
	if !s.ready.Load() {
		return []string{"draining, or not started yet"}
	}
	for _, d := range s.health.Missing(slices.Concat(s.needs, readyNeeds)) {
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

// serveReady answers GET /readyz; with ?verbose a line for each dependency, too.
func (s *Server) serveReady(w http.ResponseWriter, r *http.Request) {
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
	for _, d := range s.health.Report() {
		fmt.Fprintf(w, "%s %s, since %s\n", d.Name, said(&d), d.Since.UTC().Format(time.RFC3339))
		if d.State.Bad() && d.Works != "" {
			fmt.Fprintf(w, "  meanwhile: %s\n", d.Works)
		}
	}
}

// standings are the dependencies as the status page shows them.
func (s *Server) standings() []status.Standing {
	var list []status.Standing
	for _, d := range s.health.Report() {
		list = append(list, status.Standing{
			Name: d.Name, State: string(d.State), Bad: d.State.Bad(), Why: d.Why, Since: d.Since, Works: d.Works,
			Millis: float64(d.Took.Microseconds()) / 1000,
		})
	}
	return list
}
