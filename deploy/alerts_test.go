package deploy_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"sealfront/proxy/metrics"
)

// TestEveryAlertIsRaisedAndNotRaised looks for each alert in what promtool tries: one test raises it, and in ordinary
// traffic, which raises nothing, there is what it is about.
func TestEveryAlertIsRaisedAndNotRaised(t *testing.T) {
	var raised, ordinary strings.Builder
	for _, file := range []string{"alerts_test.yaml", "alerts_hours_test.yaml"} {
		for _, test := range documents(t, file)[0]["tests"].([]any) {
			test := test.(map[string]any)
			if strings.HasPrefix(test["name"].(string), "ordinary traffic") {
				for _, series := range test["input_series"].([]any) {
					ordinary.WriteString(series.(map[string]any)["series"].(string) + "\n")
				}
			}
			for _, tried := range test["promql_expr_test"].([]any) {
				tried := tried.(map[string]any)
				samples, _ := tried["exp_samples"].([]any)
				for _, sample := range samples {
					if sample := sample.(map[string]any); sample["value"] == 1 {
						raised.WriteString(tried["expr"].(string) + sample["labels"].(string) + "\n")
					}
				}
			}
		}
	}
	recorded := make(map[string]string)
	for _, rule := range rules(t) {
		if name, ok := rule["record"].(string); ok {
			recorded[name] = rule["expr"].(string)
		}
	}
	for name, rule := range alerts(t) {
		if !strings.Contains(raised.String(), `alertname="`+name+`"`) {
			t.Errorf("no test raises %s", name)
		}
		expr := rule["expr"].(string)
		for _, other := range regexp.MustCompile(`sealfront:[a-z0-9_:]+`).FindAllString(expr, -1) {
			if recorded[other] == "" {
				t.Errorf("%s: no rule records %s", name, other)
			}
			expr += recorded[other]
		}
		for _, metric := range metricName.FindAllString(expr, -1) {
			if !strings.Contains(ordinary.String(), metric+"{") {
				t.Errorf("%s: ordinary traffic has no %s", name, metric)
			}
		}
	}
}

// TestAlertsHaveChapters follows each alert's runbook_url to a heading of OPERATING.md.
func TestAlertsHaveChapters(t *testing.T) {
	manual, err := os.ReadFile("OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	anchors := make(map[string]int)
	for _, m := range regexp.MustCompile(`(?m)^#{2,} (.+)$`).FindAllStringSubmatch(string(manual), -1) {
		anchors[anchor(m[1])]++
	}
	for name, rule := range alerts(t) {
		annotations := rule["annotations"].(map[string]any)
		url, _ := annotations["runbook_url"].(string)
		file, to, _ := strings.Cut(url, "#")
		if file != "OPERATING.md" || anchors[to] != 1 {
			t.Errorf("%s: %q leads to %d chapters", name, url, anchors[to])
		}
		if summary, _ := annotations["summary"].(string); summary == "" {
			t.Errorf("%s has no summary", name)
		}
		switch severity := rule["labels"].(map[string]any)["severity"]; severity {
		case "critical", "warning", "info":
		default:
			t.Errorf("%s has the severity %v", name, severity)
		}
	}
}

// anchor is how a heading is linked to, as GitHub and GitLab make it.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

// TestDrillsHaveChapters holds OPERATING.md to a chapter for each drill, which says what is seen, what still works and
// what to do.
func TestDrillsHaveChapters(t *testing.T) {
	manual, err := os.ReadFile("OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	chapters := make(map[string]string)
	for _, part := range strings.Split(string(manual), "\n### ")[1:] {
		heading, text, _ := strings.Cut(part, "\n")
		text, _, _ = strings.Cut(text, "\n## ")
		chapters[heading] = text
	}
	for _, drill := range []string{
		"KMS refuses", "KMS hangs", "A KMS key is disabled", "The store is away", "The store hangs", "The store fails",
		"The store is slow", "The store is full", "A certificate expires", "The audit disk is full", "A replica was killed",
		"The configuration vanishes", "A clock is wrong", "Many requests fail", "No replica answers", "No traffic",
		"Many requests are denied",
	} {
		for _, part := range []string{"**You see.**", "**What still works.**", "**What to do.**"} {
			if !strings.Contains(chapters[drill], part) {
				t.Errorf("the chapter %q has no %q", drill, part)
			}
		}
	}
}

// TestAlertsNameSeriesThatExist looks up each value of a label that an alert names among the series that a program has
// from its start: one that nobody counts is a fault in the alert, and one that comes up with its first event would have
// no rate.
func TestAlertsNameSeriesThatExist(t *testing.T) {
	families, err := metrics.New().Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string][]string) // of a metric's label, as metric{label}
	for _, f := range families {
		for _, metric := range f.GetMetric() {
			for _, l := range metric.GetLabel() {
				values[f.GetName()+"{"+l.GetName()+"}"] = append(values[f.GetName()+"{"+l.GetName()+"}"], l.GetValue())
			}
		}
	}
	positive := regexp.MustCompile(`(\w+)(=~?)"([^"]*)"`)
	looked := 0
	for _, rule := range rules(t) {
		for _, s := range selector.FindAllStringSubmatch(rule["expr"].(string), -1) {
			for _, m := range positive.FindAllStringSubmatch(s[2], -1) {
				of, ok := values[s[1]+"{"+m[1]+"}"]
				if !ok {
					continue // a gauge of the program's, or a label of Prometheus's
				}
				for want := range strings.SplitSeq(m[3], "|") {
					looked++
					pattern := regexp.MustCompile("^(?:" + want + ")$")
					if !slices.ContainsFunc(of, pattern.MatchString) {
						t.Errorf("%v%v: no series %s{%s=%q} exists from the start", rule["alert"], rule["record"], s[1], m[1], want)
					}
				}
			}
		}
	}
	if looked < 40 {
		t.Errorf("only %d values were found", looked)
	}
}
