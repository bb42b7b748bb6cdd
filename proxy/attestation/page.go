package attestation

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"short": func(s string) string { return s[:min(16, len(s))] },
}).Parse(pageText))

// Page is a statement as a page for people: one file that needs no scripts, fonts or images, and prints. sum is the
// SHA-256 of the statement's line. The page proves nothing by itself: the signature is over the statement.
func Page(s *Statement, sum string) ([]byte, error) {
	var b bytes.Buffer
	if err := page.Execute(&b, struct {
		*Statement
		Sum    string
		Chi    float64
		Window int
	}{s, sum, ChiSquareBound, LeastWindow}); err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	return b.Bytes(), nil
}
