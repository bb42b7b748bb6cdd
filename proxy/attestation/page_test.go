package attestation_test

import (
	"regexp"
	"strings"
	"testing"

	"sealfront/proxy/attestation"
)

// The page needs nothing but itself, no scripts, and shows what the statement says; a name can't become markup.
func TestThePageIsSelfContained(t *testing.T) {
	t.Parallel()
	s := newScan(5, 2)
	s.rows[0].Key = `<script>alert("x")</script>`
	s.rows[0].Findings = []attestation.Finding{
		attestation.NewFinding(attestation.InTheClear, "s3://bucket/"+s.rows[0].Key, "it has no envelope"),
	}
	s.rows = append(s.rows, attestation.Row{Seen: attestation.Upload, Key: "<b>", Upload: "id", Parts: 1})
	s.runs = append(s.runs, attestation.Run{Began: began, After: "key/0001"})
	st, line := s.drawn(t).statement(t, signingKey(1))
	page, err := attestation.Page(st, attestation.Sum(line))
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, bad := range []string{"<script", "javascript:", "src=", "href=", "@import", "url(", "<b>", "onload"} {
		if strings.Contains(strings.ToLower(text), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if regexp.MustCompile(`"https?://`).MatchString(text) {
		t.Error("the page loads something")
	}
	for _, want := range []string{
		"@media print", "&lt;script&gt;", "Findings: 1. What follows", attestation.Sum(line), st.PublicKey[:20],
		st.Scope.Seed,
		"it was cut off and continued", "anything else", "what to do", st.List.SHA256, "findings",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page doesn't say %q", want)
		}
	}
	unsigned, line := newScan(1, 0).statement(t, nil)
	if page, err := attestation.Page(unsigned, attestation.Sum(line)); err != nil ||
		!strings.Contains(string(page), "not signed") {
		t.Error(err)
	}
}
