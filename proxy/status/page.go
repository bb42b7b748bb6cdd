package status

import (
	_ "embed"
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
	nonce := newNonce()
	setHeaders(w.Header(), "style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; connect-src 'self'")
	_ = page.Execute(w, pageParts{nonce, style, script}) // the operator went away
}
