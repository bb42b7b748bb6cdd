package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"sealfront/proxy/metrics"
)

// shownMetrics are the metrics that /metrics shows, with their labels: those of OPERATING.md's list, which package
// proxy's TestMetricsAreThoseOfTheList holds against the running program, and those of the Go runtime and the process.
func shownMetrics(t *testing.T) map[string][]string {
	t.Helper()
	manual, err := os.ReadFile("OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string][]string)
	for _, m := range regexp.MustCompile("(?m)^\\| `(sealfront_\\w+)` \\| ([a-z, ]*)\\| (histogram)?").FindAllStringSubmatch(string(manual), -1) {
		labels := strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' })
		show(shown, m[1], labels, m[3] != "")
	}
	if len(shown) < 20 {
		t.Fatalf("OPERATING.md lists %d metrics", len(shown))
	}
	families, err := metrics.New().Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if name := f.GetName(); !strings.HasPrefix(name, "sealfront_") {
			shown[name] = nil
		}
	}
	return shown
}

// show adds a metric, with a histogram's series.
func show(shown map[string][]string, name string, labels []string, histogram bool) {
	shown[name] = labels
	if histogram {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			shown[name+suffix] = append(slices.Clone(labels), "le")
		}
	}
}

// expressions are those of the alerts and of the dashboard, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	found := make(map[string]string)
	for _, rule := range rules(t) {
		found[fmt.Sprint("alerts.yaml: ", rule["alert"], rule["record"])] = rule["expr"].(string)
	}
	var dashboard struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Name, Expr string } }
	}
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	choices := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$namespace", ".*")
	for _, a := range dashboard.Annotations.List {
		found["dashboard.json: "+a.Name] = choices.Replace(a.Expr)
	}
	places := make(map[string]string)
	for _, panel := range dashboard.Panels {
		for _, place := range []string{fmt.Sprint("id ", panel.ID), fmt.Sprint(panel.GridPos)} {
			if other, taken := places[place]; taken {
				t.Errorf("dashboard.json: %q and %q share %s", panel.Title, other, place)
			}
			places[place] = panel.Title
		}
		for i, target := range panel.Targets {
			found[fmt.Sprintf("dashboard.json: %s %d", panel.Title, i)] = choices.Replace(target.Expr)
		}
	}
	return found
}

// rules are those of alerts.yaml: what has a name at "record", and alerts, which have one at "alert".
func rules(t *testing.T) (list []map[string]any) {
	t.Helper()
	for _, group := range documents(t, "alerts.yaml")[0]["groups"].([]any) {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			list = append(list, rule.(map[string]any))
		}
	}
	return list
}

// alerts are the rules that alert, by name.
func alerts(t *testing.T) map[string]map[string]any {
	t.Helper()
	found := make(map[string]map[string]any)
	for _, rule := range rules(t) {
		if name, ok := rule["alert"].(string); ok {
			found[name] = rule
		}
	}
	return found
}

var (
	metricName = regexp.MustCompile(`\b(?:sealfront|process|go)_[a-z0-9_]+\b`)
	selector   = regexp.MustCompile(`\b((?:sealfront|process|go)_[a-z0-9_]+)\{([^}]*)\}`)
	matcher    = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)"`)
	grouping   = regexp.MustCompile(`\b(?:by|on|without)\s*\(([^)]*)\)`)
)

// addKeyService adds the metrics of the key service, which have a chapter of their own. Series come with the first
// request, so they are known by their descriptions.
func addKeyService(shown map[string][]string) {
	described := make(chan *prometheus.Desc, 100)
	metrics.NewKeyService().Registry.Describe(described)
	close(described)
	for d := range described {
		m := regexp.MustCompile(`fqName: "(sealfront_\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		if m != nil && shown[m[1]] == nil {
			show(shown, m[1], strings.Split(m[2], ","), strings.HasSuffix(m[1], "_duration_seconds"))
		}
	}
}

// TestMetricsAndLabelsExist holds alerts, dashboard and manuals to what the program shows.
func TestMetricsAndLabelsExist(t *testing.T) {
	shown := shownMetrics(t)
	addKeyService(shown)
	added := []string{"instance", "job", "namespace", "alertname"} // by Prometheus
	for where, expr := range expressions(t) {
		labels := slices.Clone(added)
		for _, name := range metricName.FindAllString(expr, -1) {
			labels = append(labels, shown[name]...)
			if _, ok := shown[name]; !ok {
				t.Errorf("%s: %s doesn't exist", where, name)
			}
		}
		for _, m := range selector.FindAllStringSubmatch(expr, -1) {
			for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(shown[m[1]], l[1]) && !slices.Contains(added, l[1]) {
					t.Errorf("%s: %s has no label %s", where, m[1], l[1])
				}
			}
		}
		for _, m := range grouping.FindAllStringSubmatch(expr, -1) {
			for l := range strings.SplitSeq(m[1], ",") {
				if !slices.Contains(labels, strings.TrimSpace(l)) {
					t.Errorf("%s: no metric here has the label %s", where, l)
				}
			}
		}
	}
	for _, name := range []string{
		"dashboard.json", "alerts_test.yaml", "alerts_hours_test.yaml", "OPERATING.md", "COMPATIBILITY.md", "../README.md",
	} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, metric := range metricName.FindAllString(string(text), -1) {
			if _, ok := shown[metric]; !ok {
				t.Errorf("%s names %s, which doesn't exist", name, metric)
			}
		}
	}
}

// TestEveryMetricIsOnTheDashboard keeps new metrics from being forgotten. Those of tools are of jobs, which come and
// go: the dashboard is of servers.
func TestEveryMetricIsOnTheDashboard(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	shown := shownMetrics(t)
	addKeyService(shown)
	for name := range shown {
		if strings.HasPrefix(name, "sealfront_") && !strings.HasPrefix(name, "sealfront_tool_") &&
			!strings.Contains(string(text), name) &&
			!strings.HasSuffix(name, "_sum") && !strings.HasSuffix(name, "_count") {
			t.Errorf("%s isn't on the dashboard", name)
		}
	}
}

// TestAlertsInPrometheusOwnTool has promtool read all expressions and try the alerts.
func TestAlertsInPrometheusOwnTool(t *testing.T) {
	promtool := toolPath(t, "promtool")
	type rule struct {
		Record string `json:"record"`
		Expr   string `json:"expr"`
	}
	var rules []rule
	for where, expr := range expressions(t) {
		if strings.HasPrefix(where, "dashboard.json") {
			rules = append(rules, rule{fmt.Sprint("panel:", len(rules)), expr})
		}
	}
	text, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": rules}}})
	if err != nil {
		t.Fatal(err)
	}
	panels := filepath.Join(t.TempDir(), "panels.yaml")
	write(t, panels, string(text))
	for _, args := range [][]string{
		{"check", "rules", "--lint-fatal", "alerts.yaml"},
		{"check", "rules", panels},
		{"test", "rules", "alerts_test.yaml"},
		{"test", "rules", "alerts_hours_test.yaml"},
	} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}

// toolPath is where a program is that a test needs; the test is skipped without it, or fails when all are required.
func toolPath(t *testing.T, name string) string {
	t.Helper()
	if tools := os.Getenv("SEALFRONT_TOOLS"); tools != "" {
		if path, err := exec.LookPath(filepath.Join(tools, "bin", name)); err == nil {
			return path
		}
	}
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	what := name + " is neither in PATH nor in $SEALFRONT_TOOLS/bin"
	if os.Getenv("SEALFRONT_E2E") == "require" {
		t.Fatal(what)
	}
	t.Skip(what + "; .ci/run installs it")
	return ""
}
