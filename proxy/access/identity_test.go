package access_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/access"
)

func TestIdentitiesHaveNamesAndAccessKeysOfTheirOwn(t *testing.T) {
	t.Parallel()
	id := func(name, key, secret string) *access.Identity {
		return &access.Identity{Name: name, AccessKeyID: key, SecretAccessKey: secret}
	}
	for name, c := range map[string]struct {
		list []*access.Identity
		want string // in the error; "" for none
	}{
		"nobody":                    {nil, ""},
		"two":                       {[]*access.Identity{id("a", "A", "s"), id("b", "B", "s")}, ""},
		"one without a name":        {[]*access.Identity{id("a", "A", "s"), id("", "B", "s")}, "identities[1]"},
		"one without an access key": {[]*access.Identity{id("a", "", "s")}, "identities[0]"},
		"one without a secret":      {[]*access.Identity{id("a", "A", "")}, "identities[0]"},
		"two with the one access key": {
			[]*access.Identity{id("a", "A", "s"), id("b", "A", "s")},
			"identities[1]: the access key A",
		},
		"two with the one name": {
			[]*access.Identity{id("a", "A", "s"), id("a", "B", "s")},
			`identities[1]: the name "a"`,
		},
	} {
		ids, err := access.NewIdentities(c.list)
		if c.want == "" && (err != nil || ids == nil) || c.want != "" &&
			(ids != nil || err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v", name, ids, err)
		}
	}
}

// only makes a room of one identity, which has all permissions.
func only(t *testing.T, change func(id *access.Identity)) *room {
	t.Helper()
	g := newRoom(t, nil)
	id := newIdentity(t, "all", allow("*", "*"))
	change(id)
	g.SetIdentities(newIdentities(t, id))
	return g
}

func TestAnIdentityHasItsRate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rate   float64
		burst  int
		atOnce int
	}{
		"a burst":                      {1, 3, 3},
		"a second's without a burst":   {2, 0, 2},
		"one where a second has less":  {0.5, 0, 1},
		"as many as it wants, at zero": {0, 5, 100},
	} {
		g := only(t, func(id *access.Identity) { id.RequestsPerSecond, id.Burst = c.rate, c.burst })
		for range c.atOnce {
			g.want(name, get("/plain/key"), "")
		}
		if c.rate == 0 {
			continue
		}
		g.want(name+", one more", get("/plain/key"), "SlowDown")
		if len(g.shed) != 1 || g.shed[0] != access.ShedRate {
			t.Errorf("%s: %v were counted", name, g.shed)
		}
		g.now = testStart.Add(time.Duration(float64(time.Second)/c.rate) - time.Millisecond)
		g.want(name+", a little early", get("/plain/key"), "SlowDown")
		g.now = g.now.Add(time.Millisecond)
		g.want(name+", in time", get("/plain/key"), "")
		g.now = g.now.Add(-time.Hour) // a clock that was set back gives nothing
		g.want(name+", by a clock that was set back", get("/plain/key"), "SlowDown")
	}
}

// What fails to authenticate isn't its identity's: nobody uses up another one's share.
func TestOnlyRequestsWithTheRightSignatureCount(t *testing.T) {
	t.Parallel()
	g := only(t, func(id *access.Identity) { id.RequestsPerSecond, id.Burst, id.Concurrency = 1, 1, 1 })
	for range 3 {
		g.want("a wrong secret", &request{method: "GET", path: "/plain/key", who: "all", secret: "wrong"},
			"SignatureDoesNotMatch")
	}
	g.want("the right one", get("/plain/key"), "")
}

func TestAnIdentityHasSoManyRequestsAtOnce(t *testing.T) {
	t.Parallel()
	limited := func(id *access.Identity) { id.Concurrency = 2 }
	g := only(t, limited)
	start := func(code string) (release func()) {
		t.Helper()
		x := g.read(get("/plain/key"))
		got, _ := codeOf(t, x.Check(t.Context()))
		if got != code {
			t.Errorf("%q, want %q", got, code)
		}
		return x.Release
	}
	first, second := start(""), start("")
	third := start("SlowDown")
	if len(g.shed) != 1 || g.shed[0] != access.ShedConcurrency {
		t.Errorf("%v were counted", g.shed)
	}
	third()
	start("SlowDown")()
	first()
	first() // more than once is no more than once
	fourth := start("")
	start("SlowDown")()
	// A reload leaves what is in flight where it is, but for identities that are gone.
	id := newIdentity(t, "all", allow("*", "*"))
	limited(id)
	g.SetIdentities(newIdentities(t, id))
	start("SlowDown")()
	second()
	fourth()
	start("")()
}

func TestAnIdentityMayNeedACertificate(t *testing.T) {
	t.Parallel()
	spiffe, err := url.Parse("spiffe://example.com/app")
	if err != nil {
		t.Fatal(err)
	}
	subject := pkix.Name{CommonName: "app", Organization: []string{"Example"}}
	certificate := &x509.Certificate{
		Subject: subject, DNSNames: []string{"app.example.com"}, EmailAddresses: []string{"app@example.com"},
		URIs: []*url.URL{spiffe},
	}
	shows := func(verified bool) *peer {
		p := peerAt("192.0.2.1")
		p.tls.PeerCertificates = []*x509.Certificate{certificate}
		if verified {
			p.tls.VerifiedChains = [][]*x509.Certificate{{certificate}}
		}
		return p
	}
	for _, c := range []struct {
		name  string
		needs []string
		from  *peer
		code  string
	}{
		{"none, and shows none", nil, peerAt("192.0.2.1"), ""},
		{"none, and shows one", nil, shows(true), ""},
		{"one by its common name", []string{"cn:app"}, shows(true), ""},
		{"one by its subject", []string{"subject:CN=app,O=Example"}, shows(true), ""},
		{"one by a name of a host", []string{"dns:app.example.com"}, shows(true), ""},
		{"one by an address", []string{"email:app@example.com"}, shows(true), ""},
		{"one by a URI", []string{"uri:spiffe://example.com/app"}, shows(true), ""},
		{"one of two", []string{"cn:other", "cn:app"}, shows(true), ""},
		{"another one", []string{"cn:other", "dns:app", "cn:app.example.com"}, shows(true), "AccessDenied"},
		{"one, and shows none", []string{"cn:app"}, peerAt("192.0.2.1"), "AccessDenied"},
		{"one, and shows one that nobody has verified", []string{"cn:app"}, shows(false), "AccessDenied"},
		{"one, and comes without TLS", []string{"cn:app"}, &peer{address: shows(true).address}, "AccessDenied"},
	} {
		g := only(t, func(id *access.Identity) { id.Certificates = c.needs })
		r := get("/plain/key")
		r.from = c.from
		_, err := g.check(r)
		got, _ := codeOf(t, err)
		if got != c.code {
			t.Errorf("needs %s: %q (%v), want %q", c.name, got, err, c.code)
		}
	}
}

// TLS is known from the connection, or from a proxy that is trusted to say so.
func TestTLSIsKnownHereOrAtATrustedProxy(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.TrustedProxies = trustsTen })
	for _, c := range []struct {
		name, from, forwarded string
		plain, want           bool
	}{
		{"over TLS", "192.0.2.1", "", false, true},
		{"over HTTP", "192.0.2.1", "", true, false},
		{"over HTTP, and says otherwise", "192.0.2.1", "https", true, false},
		{"by a trusted proxy, over TLS in front of it", "10.0.0.1", "https", true, true},
		{"by a trusted proxy, over HTTP in front of it", "10.0.0.1", "http", true, false},
		{"by a trusted proxy that says nothing", "10.0.0.1", "", true, false},
	} {
		r := &request{method: "GET", path: "/plain/key", who: "all", plain: c.plain, from: peerAt(c.from)}
		if c.forwarded != "" {
			r.unsigned = []string{"X-Forwarded-Proto: " + c.forwarded}
		}
		if got := g.read(r).OverTLS(); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
	untrusting := newRoom(t, nil)
	r := &request{
		method: "GET", path: "/plain/key", who: "all", plain: true, from: peerAt("10.0.0.1"),
		unsigned: []string{"X-Forwarded-Proto: https"},
	}
	if untrusting.read(r).OverTLS() {
		t.Error("a proxy is trusted that nobody has named")
	}
}

// Who asks is the other end of the connection, or whom a trusted proxy names last.
func TestTheClientsAddressIsThatOfTheLastTrustedHop(t *testing.T) {
	t.Parallel()
	g := newRoom(t, func(o *access.Options) { o.TrustedProxies = trustsTen })
	for _, c := range []struct {
		name, from, want string
		forwarded        []string
	}{
		{"a client", "192.0.2.1", "192.0.2.1", nil},
		{"a client that claims another address", "192.0.2.1", "192.0.2.1", []string{"192.0.2.9"}},
		{"a trusted proxy", "10.0.0.1", "192.0.2.9", []string{"192.0.2.9"}},
		{"the last of a list", "10.0.0.1", "192.0.2.9", []string{"192.0.2.8, 192.0.2.9"}},
		{"the last of two lines", "10.0.0.1", "192.0.2.9", []string{"192.0.2.8", " 192.0.2.9 "}},
		{"an address with a zone", "10.0.0.1", "fe80::1", []string{"fe80::1%eth0"}},
		{"an IPv4 address written as IPv6", "10.0.0.1", "192.0.2.9", []string{"::ffff:192.0.2.9"}},
		{"no address", "10.0.0.1", "10.0.0.1", []string{"192.0.2.8, unknown"}},
		{"no such header", "10.0.0.1", "10.0.0.1", nil},
		{"an IPv4 client by a socket of IPv6", "::ffff:192.0.2.1", "192.0.2.1", nil},
	} {
		r := get("/plain/key")
		r.from = peerAt(c.from)
		for _, f := range c.forwarded {
			r.unsigned = append(r.unsigned, "X-Forwarded-For: "+f)
		}
		if got := g.read(r).Client().String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	r := get("/plain/key")
	r.from = &peer{address: unixAddr{}, tls: &tls.ConnectionState{}}
	if got := g.read(r).Client().String(); got != "0.0.0.0" {
		t.Errorf("a client without an address is %s", got)
	}
}
