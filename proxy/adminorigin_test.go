package main

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// A browser sends what any page asks it to, to any address: the page gets nothing done and sees nothing, with a token
// and without.
func TestNoWebPageReachesTheAdminAddress(t *testing.T) {
	t.Parallel()
	open := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "admin: {hosts: [Admin.Example.com]}"))
	withToken := proxytest.StartWith(t, proxytest.EmbeddedWith(t, "admin: {token: tok, hosts: admin.example.com}"))
	admin, err := url.Parse(open.Env["SEALFRONT_ADMIN"])
	if err != nil {
		t.Fatal(err)
	}
	port := ":" + admin.Port()
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, host string
		header     []string
		drops      bool // POST /keys/drop is carried out
		reads      bool // GET /status is answered where there is no token
	}{
		{"curl", "", nil, true, true},
		{"curl by localhost", "localhost" + port, nil, true, true},
		{"curl by the machine's name", machine + port, nil, true, true},
		{"curl by an IPv6 address", "[::1]" + port, nil, true, true},
		{"curl by a service's name", "sealfront-admin" + port, nil, true, true},
		{"curl by a configured name", "admin.EXAMPLE.com." + port, nil, true, true},
		{"another name", "rebound.example.org" + port, nil, false, false},
		{"a name that ends like a configured one", "evil-admin.example.com", nil, false, false},
		{"a name that ends like localhost", "evil.notlocalhost.org", nil, false, false},
		{"an address within a name", "127.0.0.1.example.org" + port, nil, false, false},
		{
			"the page itself", "localhost" + port,
			[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://localhost" + port},
			true, true,
		},
		{
			"a page of another site", "",
			[]string{"Sec-Fetch-Site", "cross-site", "Origin", "https://example.org"},
			false,
			false,
		},
		{"a link on another site", "", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, false, true},
		{
			"a page of another port", "localhost" + port,
			[]string{"Sec-Fetch-Site", "same-site", "Origin", "http://localhost:1"},
			false, true,
		},
		{"an old browser, another origin", "", []string{"Origin", "https://example.org"}, false, true},
		{"a page without an origin", "", []string{"Origin", "null"}, false, true},
		{
			"a rebound name, one origin", "rebound.example.org" + port,
			[]string{"Origin", "http://rebound.example.org" + port},
			false, false,
		},
		{
			"a rebound name, one origin, a new browser", "rebound.example.org" + port,
			[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://rebound.example.org" + port},
			false, false,
		},
	} {
		check := func(what string, p *proxytest.Program, method, path string, header []string, done bool) {
			t.Helper()
			resp, body := p.DoAdmin(t, method, path, c.host, header...)
			if ok := resp.StatusCode/100 == 2; ok != done || !ok && resp.StatusCode != 403 {
				t.Errorf("%s, %s: %d %s", c.name, what, resp.StatusCode, strings.TrimSpace(body))
			}
		}
		bearer := append([]string{"Authorization", "Bearer tok"}, c.header...)
		check("drop", open, "POST", "/keys/drop", c.header, c.drops)
		check("drop with the token", withToken, "POST", "/keys/drop", bearer, c.drops)
		for _, path := range []string{"/status", "/keys", "/debug/pprof/cmdline", "/"} {
			check(path, open, "GET", path, c.header, c.reads)
		}
		for _, path := range []string{"/livez", "/readyz", "/metrics"} {
			check(path, open, "GET", path, nil, true)
		}
	}
	if resp, _ := withToken.DoAdmin(t, "GET", "/status", "any.example.org", "Authorization",
		"Bearer tok"); resp.StatusCode != 200 {
		t.Errorf("a read with the token under another name: %d", resp.StatusCode)
	}
}
