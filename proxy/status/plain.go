package status

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"time"
)

// The page of a program that keeps no history: it has no script, and is read anew every five seconds.
//
//go:embed plain.html
var plainText string

var plain = template.Must(template.New("plain").Parse(plainText))

// A Plain is what that page shows. Values that clients choose are text in it, never HTML.
type Plain struct {
	Title    string // of the program
	Ready    bool
	NotReady string // why
	Health   []Standing
	About    string // what Failure.Bucket holds here, as the head of a column
	Failures *Failures
	Facts    []Fact
}

// plainFailures is one of the two lists of failures.
type plainFailures struct {
	Title, About string
	List         []Failure
}

// headline says what is wrong, the worst first, or that nothing is.
func (p *Plain) headline(now time.Time) (lines []Line) {
	if !p.Ready {
		lines = append(lines, Line{Level: levelBad, Text: p.Title + " isn't ready", Why: p.NotReady})
	}
	for _, d := range p.Health {
		if d.Bad {
			lines = append(lines, Line{
				Level: levelBad, Text: d.Name + ": " + d.State + sinceWords(d.Since, now), Why: d.Why, Works: d.Works,
			})
		}
	}
	if lines == nil {
		lines = append(lines, Line{Level: levelWell, Text: "All is well"})
	}
	return lines
}

// ServeHTTP answers GET /.
func (p *Plain) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	nonce, now := newNonce(), time.Now()
	setHeaders(w.Header(), "style-src 'nonce-"+nonce+"'")
	failed, refused := p.Failures.Last()
	_ = plain.Execute(w, struct { // the operator went away
		Title, Nonce, At string
		Style            template.CSS
		Ready            bool
		Headline         []Line
		Health           []Standing
		Failures         []plainFailures
		Facts            []Fact
	}{
		p.Title, nonce, now.UTC().Format("2006-01-02 15:04:05 UTC"), template.CSS(pageStyle), p.Ready, p.headline(now),
		p.Health,
		[]plainFailures{{"Last failures", p.About, failed}, {"Last refusals", p.About, refused}},
		p.Facts,
	})
}

// newNonce is a page's for its own style and script.
func newNonce() string {
	var random [16]byte
	rand.Read(random[:])
	return base64.RawStdEncoding.EncodeToString(random[:])
}

// setHeaders are those of a page, which may have only these parts, and send nothing elsewhere.
func setHeaders(h http.Header, parts string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; "+parts+"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}
