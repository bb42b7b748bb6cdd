package certificates_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sealfront/proxy/certificates"
	"sealfront/proxy/health"
	"sealfront/proxy/metrics"
)

// lasting is a certificate of one name, valid until a time.
func lasting(t *testing.T, name string, from, until time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func writeChain(t *testing.T, file string, chain ...[]byte) string {
	t.Helper()
	var text []byte
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The log warns of a certificate at the start and at a reload, when it is about to expire, daily, and when it has; its
// end is a metric by the setting that names it. A chain ends with its first certificate to end, authorities with the
// last.
func TestCertificatesAreWatched(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	start := now
	end := func(days int) time.Time { return start.Add(time.Duration(days) * day) }
	began := now.Add(-day)
	dir := t.TempDir()
	known := func(c certificates.Certificate, ok bool) certificates.Certificate {
		t.Helper()
		if !ok {
			t.Fatal("no certificate is found")
		}
		return c
	}
	others := []certificates.Certificate{
		known(certificates.Authorities("store.ca",
			writeChain(t, filepath.Join(dir, "store"), lasting(t, "ca", began, end(-1))))),
		known(certificates.Read("admin.cert",
			writeChain(t, filepath.Join(dir, "admin"), lasting(t, "admin", now.Add(day), end(400))))),
	}
	clients := known(certificates.Authorities("tls.client_ca", writeChain(t, filepath.Join(dir, "client"),
		lasting(t, "a", began, end(-1)), lasting(t, "b", began, end(60)))))
	for _, file := range []string{"", filepath.Join(dir, "none")} {
		if c, ok := certificates.Authorities("kms.ca", file); ok {
			t.Errorf("%q: %+v", file, c)
		}
	}
	served := func(one, two [][]byte) []certificates.Certificate {
		return []certificates.Certificate{
			known(certificates.OfChain("tls.cert", "one.pem", one)),
			known(certificates.OfChain("tls.certificates[0]", "two.pem", two)), clients,
		}
	}
	core, logs := observer.New(zap.DebugLevel)
	m := metrics.New()
	k := certificates.NewWatcher(others, zap.New(core), m.Certificates, func() time.Time { return now })
	said := func() (lines []string) {
		for _, e := range logs.TakeAll() {
			f := e.ContextMap()
			lines = append(lines, fmt.Sprintf("%s %s: %s, %v days", e.Level, f["setting"], e.Message, f["days_left"]))
			if f["cure"] == "" || f["file"] == nil {
				t.Errorf("%v", f)
			}
		}
		slices.Sort(lines)
		return lines
	}
	want := func(when string, lines ...string) {
		t.Helper()
		if got := said(); !slices.Equal(got, lines) {
			t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	unwell := []string{
		"error admin.cert: a certificate is not valid yet, and connections are refused, 400 days",
		"error store.ca: a certificate has expired, and connections are refused, -1 days",
	}
	k.Serve(served(
		[][]byte{lasting(t, "one", began, end(300)), lasting(t, "intermediate", began, end(16))},
		[][]byte{lasting(t, "two", began, end(13))}))
	want("at the start", append(slices.Clone(unwell),
		"warn tls.certificates[0]: a certificate expires soon, 13 days")...)
	var shown bytes.Buffer
	families, err := m.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "sealfront_certificate_not_after_timestamp_seconds" {
			if _, err := expfmt.MetricFamilyToText(&shown, f); err != nil {
				t.Fatal(err)
			}
		}
	}
	for source, days := range map[string]int{
		"tls.cert": 16, "tls.certificates[0]": 13, "tls.client_ca": 60, "store.ca": -1, "admin.cert": 400,
	} {
		if line := fmt.Sprintf("{source=%q} %s\n", source,
			fmt.Sprint(float64(end(days).Unix()))); !strings.Contains(shown.String(),
			line) {
			t.Errorf("no %sin\n%s", line, &shown)
		}
	}
	k.Check()
	want("at once again")
	if f := k.Finding(); f.State != health.Due || !strings.HasPrefix(f.Why, "tls.certificates[0] is ending") {
		t.Errorf("%+v", f)
	}
	now = now.Add(day + time.Hour)
	k.Check()
	want("a day later", "error store.ca: a certificate has expired, and connections are refused, -2 days",
		"warn tls.certificates[0]: a certificate expires soon, 11 days")
	now = now.Add(time.Hour + day)
	k.Check()
	want("with 14 days left", "error store.ca: a certificate has expired, and connections are refused, -3 days",
		"warn tls.cert: a certificate expires soon, 13 days",
		"warn tls.certificates[0]: a certificate expires soon, 10 days")
	now = end(13).Add(time.Minute)
	k.Check()
	want("at its end", "error store.ca: a certificate has expired, and connections are refused, -14 days",
		"error tls.certificates[0]: a certificate has expired, and connections are refused, 0 days",
		"warn tls.cert: a certificate expires soon, 2 days")
	if f := k.Finding(); f.State != health.Refusing || !strings.Contains(f.Why, "tls.certificates[0] is expired") {
		t.Errorf("%+v", f)
	}
	states := map[string]certificates.State{}
	for _, one := range k.List() {
		states[one.Source] = one.State(now)
	}
	if states["tls.cert"] != certificates.Ending || states["tls.certificates[0]"] != certificates.Expired ||
		states["tls.client_ca"] != certificates.Valid || states["admin.cert"] != certificates.Valid {
		t.Errorf("%v", states)
	}
	k.Serve(served([][]byte{lasting(t, "one", began, end(300))}, [][]byte{lasting(t, "two", began, end(300))}))
	want("after the renewal", "error store.ca: a certificate has expired, and connections are refused, -14 days")
	if len(k.List()) != 5 {
		t.Errorf("%v", k.List())
	}
}
