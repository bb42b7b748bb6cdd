package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
)

// config check tries everything that a configuration names, says of each fault what was tried and what to do, and
// changes nothing.
func TestConfigCheckTriesWhatTheConfigurationNames(t *testing.T) {
	t.Parallel()
	ca := proxytest.NewAuthority(t)
	ca.Server(t, "good", "s3.example.com", "*.s3.example.com")
	ca.Server(t, "other", "s3.example.com", "*.s3.example.com")
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	ca.IssueTo(t, "nameless", &x509.Certificate{ExtKeyUsage: server})
	ca.IssueTo(t, "client",
		&x509.Certificate{
			DNSNames:    []string{"s3.example.com", "*.s3.example.com"},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		})
	ca.Lasting(t, "past", -2*time.Hour, -time.Hour)
	ca.Lasting(t, "future", time.Hour, 1000*time.Hour)
	ca.Lasting(t, "long", -time.Hour, 1000*time.Hour)
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	kms := proxytest.StartLocalKMS(t)
	key := kms.CreateKey(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	closed := proxytest.Loopback(t)

	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("garbage.pem", "no PEM", 0o600)
	write("loose.key", string(must(os.ReadFile(ca.Path("long.key")))), 0o644)
	write("no-audit.log", "no record\n", 0o600)
	if err := os.Mkdir(filepath.Join(dir, "damaged"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("damaged/data.json", "{", 0o600)

	right := map[string]string{
		"listen":  `{https: "127.0.0.1:0", admin: "127.0.0.1:0"}`,
		"tls":     fmt.Sprintf("{cert: %s, key: %s}", ca.Path("long.crt"), ca.Path("long.key")),
		"domains": "[s3.example.com]",
		"store": fmt.Sprintf("{endpoint: %q, access_key: storekey, secret_key: storesecret, state_bucket: t%d-check}",
			endpoint, time.Now().UnixNano()),
		"kms": fmt.Sprintf("{endpoint: %q, access_key: %s, secret_key: %s, service_key: %q}", kms.Endpoint,
			kms.AccessKey, kms.SecretKey, key),
		"identities": `[{name: app, access_key: AKIATEST, secret_key: testsecret}]`,
		"log":        fmt.Sprintf("{audit: {file: %s/audit.log}}", dir),
	}
	pair := func(name string) string {
		return fmt.Sprintf("{cert: %s, key: %s}", ca.Path(name+".crt"), ca.Path(name+".key"))
	}
	store := func(endpoint, secret string) string {
		return fmt.Sprintf("{endpoint: %q, access_key: storekey, secret_key: %s, state_bucket: t%d-check}", endpoint, secret,
			time.Now().UnixNano())
	}
	keys := func(endpoint, secret, key string) string {
		return fmt.Sprintf("{endpoint: %q, access_key: %s, secret_key: %s, service_key: %q, timeout: 5s}", endpoint,
			kms.AccessKey, secret, key)
	}
	for _, test := range []struct {
		name    string
		change  map[string]string
		faults  []string // each in a line of its own, with these words in this order; ~: it may pass by itself
		warning []string
	}{
		{name: "all is right"},
		{
			"a key of another certificate",
			map[string]string{"tls": fmt.Sprintf("{cert: %s, key: %s}", ca.Path("long.crt"), ca.Path("good.key"))},
			[]string{"tls.cert: read the pair|does not match|swap back"},
			nil,
		},
		{
			"no PEM",
			map[string]string{"tls": fmt.Sprintf("{cert: %s/garbage.pem, key: %s}", dir, ca.Path("good.key"))},
			[]string{"tls.cert: read the pair|garbage.pem|must be in PEM"},
			nil,
		},
		{"expired", map[string]string{"tls": pair("past")}, []string{"tls.cert:|past.crt has expired|renew it"}, nil},
		{"not yet", map[string]string{"tls": pair("future")}, []string{"tls.cert:|not valid before|clock"}, nil},
		{"soon", map[string]string{"tls": pair("good")}, nil, []string{"tls.cert:|good.crt expires on|renew it"}},
		{
			"no names",
			map[string]string{"tls": pair("nameless"), "domains": "[]"},
			[]string{"tls.cert:|no subject alternative names"},
			[]string{"tls.cert:|expires"},
		},
		{
			"for clients",
			map[string]string{"tls": pair("client")},
			[]string{"tls.cert:|not made for servers"},
			[]string{"tls.cert:|expires"},
		},
		{"a name that isn't covered", map[string]string{"domains": "[s3.example.com, store.example.org]"}, nil, []string{
			"domains[1]: no certificate is for store.example.org|path style",
			"domains[1]: no certificate is for bucket.store.example.org|*.store.example.org",
		}},
		{
			"further pairs",
			map[string]string{
				"tls": fmt.Sprintf("{cert: %s, key: %s, certificates: [%s, {cert: %s, key: %s}]}", ca.Path("long.crt"),
					ca.Path("long.key"), pair("other"), ca.Path("other.crt"), ca.Path("good.key")),
			},
			[]string{"tls.certificates[1]: read the pair|does not match"},
			[]string{"tls.certificates[0]:|other.crt expires", "tls.certificates[0]:|same names|remove one"},
		},
		{
			"no authority of clients",
			map[string]string{
				"tls": fmt.Sprintf("{cert: %s, key: %s, client_ca: %s/garbage.pem}", ca.Path("long.crt"), ca.Path("long.key"), dir),
			},
			[]string{"tls.client_ca: read|no certificate in PEM"},
			nil,
		},
		{
			"authorities of clients that have expired",
			map[string]string{
				"tls": fmt.Sprintf("{cert: %s, key: %s, client_ca: %s}", ca.Path("long.crt"), ca.Path("long.key"),
					ca.Path("past.crt")),
			},
			[]string{"tls.client_ca: all certificates of authorities in|past.crt have expired"},
			nil,
		},
		{
			"authorities of clients that expire soon",
			map[string]string{
				"tls": fmt.Sprintf("{cert: %s, key: %s, client_ca: %s}", ca.Path("long.crt"), ca.Path("long.key"),
					ca.Path("good.crt")),
			},
			nil,
			[]string{"tls.client_ca: the authority in|good.crt expires on|add the next one"},
		},
		{
			"a key that all may read",
			map[string]string{"tls": fmt.Sprintf("{cert: %s, key: %s/loose.key}", ca.Path("long.crt"), dir)},
			nil,
			[]string{"tls.key:|loose.key|chmod"},
		},
		{
			"an address in use",
			map[string]string{"listen": fmt.Sprintf(`{https: %q, admin: "127.0.0.1:0"}`, busy.Addr())},
			nil,
			[]string{"listen.https: tried to listen|another program does already"},
		},
		{
			"an address of another machine",
			map[string]string{"listen": `{https: "192.0.2.1:0", admin: "127.0.0.1:0"}`},
			[]string{"listen.https: tried to listen on 192.0.2.1:0|0.0.0.0"},
			nil,
		},
		{
			"no directory for the audit log",
			map[string]string{"log": fmt.Sprintf("{audit: {file: %s/none/audit.log}}", dir)},
			[]string{"log.audit.file: make|no such file or directory|needs to write"},
			nil,
		},
		{
			"no audit log",
			map[string]string{"log": fmt.Sprintf("{audit: {file: %s/no-audit.log}}", dir)},
			[]string{"log.audit.file: read the last record|isn't an audit log"},
			nil,
		},
		{
			"an audit log's receiver that is away",
			map[string]string{"log": fmt.Sprintf("{audit: {sink: syslog, address: %q}}", "tcp://"+closed)},
			nil,
			[]string{"log.audit.address: tried to connect to tcp://" + closed + "|refused|requests are answered"},
		},
		{
			"one that requests depend on",
			map[string]string{
				"log": fmt.Sprintf("{audit: {sink: socket, address: %q, on_failure: refuse}}", "tls://"+closed),
			},
			[]string{"~log.audit.address: tried to connect to tls://" + closed + "|refused|503 until it is reached"},
			nil,
		},
		{
			"a collector that is away",
			map[string]string{"tracing": fmt.Sprintf("{endpoint: %q}", "http://"+closed+"/v1/traces")},
			nil,
			[]string{"tracing.endpoint: tried to connect to " + closed + "|refused|requests are not"},
		},
		{
			"a collector without a name",
			map[string]string{"tracing": `{endpoint: "http://collector.invalid:4318/v1/traces"}`},
			nil,
			[]string{"tracing.endpoint: tried to connect to collector.invalid"},
		},
		{
			"a store that is away",
			map[string]string{"store": store("http://"+closed, "storesecret")},
			[]string{"~store: tried http://" + closed + "|refused|is it running"},
			nil,
		},
		{
			"a store with another secret",
			map[string]string{"store": store(endpoint, "wrong")},
			[]string{"store: tried|SignatureDoesNotMatch|check access_key"},
			nil,
		},
		{
			"a KMS that is away",
			map[string]string{"kms": keys("http://"+closed, "kms-secret", key)},
			[]string{"~kms.service_key: tried http://" + closed + "|kms:DescribeKey|is it running"},
			nil,
		},
		{
			"a KMS with another secret",
			map[string]string{"kms": keys(kms.Endpoint, "wrong", key)},
			[]string{"kms.service_key: tried|kms:DescribeKey|check access_key"},
			nil,
		},
		{
			"no such key",
			map[string]string{
				"kms": keys(kms.Endpoint, "kms-secret",
					"arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
			},
			[]string{"kms.service_key: tried|kms:DescribeKey|NotFoundException|no such key"},
			nil,
		},
		{
			"all at once",
			map[string]string{
				"tls": pair("past"), "store": store("http://"+closed, "storesecret"), "kms": keys(kms.Endpoint, "wrong", key),
			},
			[]string{"tls.cert:", "store:", "kms.service_key:"},
			nil,
		},
		{
			"a data directory that is damaged",
			map[string]string{"kms": "{kind: embedded}", "data": dir + "/damaged"},
			[]string{"data: read|data.json|backup"},
			nil,
		},
		{
			"a data directory that can't be made",
			map[string]string{"kms": "{kind: embedded}", "data": dir + "/garbage.pem/data"},
			[]string{"data: looked for|garbage.pem"},
			nil,
		},
		{
			"a data directory that is to be made",
			map[string]string{"kms": "{kind: embedded}", "data": dir + "/a/b/c"},
			nil,
			nil,
		},
	} {
		text := ""
		settings := maps.Clone(right)
		maps.Copy(settings, test.change)
		for _, name := range slices.Sorted(maps.Keys(settings)) {
			text += name + ": " + settings[name] + "\n"
		}
		var problems bytes.Buffer
		err := run(t.Context(), []string{"config", "check", proxytest.WriteConfig(t, text)}, io.Discard, &problems)
		want := command.StatusOK
		for i, words := range test.faults {
			words, passes := strings.CutPrefix(words, "~")
			if test.faults[i] = words; !passes {
				want = command.StatusUsage
			}
			want = max(want, command.StatusError)
		}
		if status := command.ExitStatus(err, &problems); status != want {
			t.Errorf("%s: status %d, want %d:\n%s", test.name, status, want, &problems)
		}
		lines := withoutWaiting(strings.Split(strings.TrimSpace(problems.String()), "\n"))
		found := func(words string, warning bool) bool {
			return slices.ContainsFunc(lines, func(line string) bool {
				rest, is := strings.CutPrefix(line, "warning: ")
				return is == warning && inOrder(rest, strings.Split(words, "|"))
			})
		}
		for _, words := range test.faults {
			if !found(words, false) {
				t.Errorf("%s: no fault says %q:\n%s", test.name, words, &problems)
			}
		}
		for _, words := range test.warning {
			if !found(words, true) {
				t.Errorf("%s: no warning says %q:\n%s", test.name, words, &problems)
			}
		}
		if warnings := strings.Count(problems.String(), "warning: "); warnings != len(test.warning) ||
			want != command.StatusOK && len(lines)-warnings != len(test.faults) {
			t.Errorf("%s: more is said than it should be:\n%s", test.name, &problems)
		}
	}
	if left, err := filepath.Glob(dir + "/*check*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q %v", left, err)
	}
	for _, name := range []string{"audit.log", "a"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
	if text := must(os.ReadFile(filepath.Join(dir, "no-audit.log"))); string(text) != "no record\n" {
		t.Errorf("a file was changed: %q", text)
	}
}

// withoutWaiting is what a check says, but for what it waited for on a slow machine.
func withoutWaiting(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "waiting for ") })
}

// inOrder tells whether text begins with the first of words and holds the others after it, in order.
func inOrder(text string, words []string) bool {
	if !strings.HasPrefix(text, words[0]) {
		return false
	}
	for _, w := range words {
		_, rest, ok := strings.Cut(text, w)
		if !ok {
			return false
		}
		text = rest
	}
	return true
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
