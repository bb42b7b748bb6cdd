package status

import (
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

// The page's own parts, and uPlot 1.6.32 (MIT), which draws its charts, as its authors publish it.
var (
	//go:embed page.html
	pageText string
	//go:embed page.css
	pageStyle string
	//go:embed page.js
	pageScript string

	//go:embed uplot/uPlot.iife.min.js
	chartScript string
	//go:embed uplot/uPlot.min.css
	chartStyle string
	//go:embed uplot/LICENSE
	chartLicence string
)

var page = template.Must(template.New("page").Parse(pageText))

// pageParts fill the page. The licence goes with what it is about; the comment before it in the file is an address.
type pageParts struct {
	Nonce  string
	Style  template.CSS
	Script template.JS
}

var (
	style  = template.CSS(chartStyle + "\n" + pageStyle)
	script = template.JS("/* uPlot 1.6.32\n" + chartLicence + "\n*/\n" + withoutHead(chartScript) + "\n" + pageScript)
)

// withoutHead cuts off the comment that a script begins with.
func withoutHead(script string) string {
	if _, rest, ok := strings.Cut(script, "*/"); ok && strings.HasPrefix(script, "/*") {
		return rest
	}
	return script
}

// ServePage answers GET /. It has what the page will show first read from the store, behind its back.
func (s *Sources) ServePage(w http.ResponseWriter, r *http.Request) {
	s.readBehind(r.Context(), new(Report))
	var random [16]byte
	rand.Read(random[:])
	nonce := base64.RawStdEncoding.EncodeToString(random[:])
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+
		"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_ = page.Execute(w, pageParts{nonce, style, script}) // the operator went away
}
