package admin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// A Protection stands before everything that shows more than health and numbers, or does something. It requires the
// admin token, if there is one.
//
// A browser sends requests of any web page to any address that its user can reach, loopback included. Two checks
// protect the admin address from a page:
//   - A request that isn't a read must not come from another origin: http.CrossOriginProtection checks Sec-Fetch-Site
//     and Origin.
//   - Its Host must be one whose address an attacker can't change (DNS rebinding makes the page and the address one
//     origin): an IP address, a name of this machine, one without a dot, or one of the configuration's.
//
// Reads that show more than health and numbers need such a Host, too, unless a token is required: a browser doesn't
// have it for another name. Programs send neither Sec-Fetch-Site nor Origin; kubelet and Prometheus read only what is
// open to any Host.
type Protection struct {
	names  []string // lower case, without the root's dot
	token  string
	across *http.CrossOriginProtection
}

// NewProtection makes one of an admin address, by its setting, and the other names by which it may be called.
func NewProtection(listen string, hosts []string, token string) *Protection {
	o := &Protection{token: token, across: http.NewCrossOriginProtection()}
	for _, name := range hosts {
		o.names = append(o.names, hostName(name))
	}
	if host, _, err := net.SplitHostPort(listen); err == nil && host != "" {
		o.names = append(o.names, hostName(host))
	}
	if name, err := os.Hostname(); err == nil {
		o.names = append(o.names, hostName(name))
	}
	return o
}

// hostName is a Host header's name in the form that is compared, without the port.
func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// allows reports whether a Host header can't be an attacker's.
func (o *Protection) allows(host string) bool {
	name := hostName(host)
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return name == "" || !strings.Contains(name, ".") || strings.HasSuffix(name, ".localhost") ||
		slices.Contains(o.names, name)
}

// Guard passes only requests to h that have the token and that no foreign web page can have sent.
func (o *Protection) Guard(h http.HandlerFunc) http.HandlerFunc {
	h = WithToken(o.token, h)
	return func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !(reads && o.token != "") && !o.allows(r.Host) {
			http.Error(w,
				fmt.Sprintf("the admin address is not known as %q: call it by an IP address, or list the name in admin.hosts",
					hostName(r.Host)), http.StatusForbidden)
			return
		}
		// A link to the page may be followed from anywhere; other loads by a foreign page have no use.
		loads := r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
		if err := o.across.Check(r); err != nil || loads {
			http.Error(w, "not from another site", http.StatusForbidden)
			return
		}
		h(w, r)
	}
}
