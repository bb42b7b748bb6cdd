package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
)

// checked runs config check, and reports what it says, its exit status and how long it took.
func checked(t *testing.T, file string) (lines []string, status int, took time.Duration) {
	t.Helper()
	var problems bytes.Buffer
	began := time.Now()
	err := run(t.Context(), []string{"config", "check", file}, io.Discard, &problems)
	status = command.ExitStatus(err, &problems)
	return strings.Split(strings.TrimSpace(problems.String()), "\n"), status, time.Since(began)
}

// startEnds runs serve, which must end by itself, and returns its last line that is no log, and its exit status.
func startEnds(t *testing.T, file string) (last string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var problems proxytest.Buffer
	err := run(ctx, []string{"serve", "--config", file}, io.Discard, &problems)
	status = command.ExitStatus(err, &problems)
	for line := range strings.Lines(problems.String()) {
		if !strings.HasPrefix(line, "{") {
			last = strings.TrimSpace(line)
		}
	}
	return last, status
}

// A services is a configuration whose store and key service are right, for a test to change one setting.
type services map[string]string

func newServices(t *testing.T) (_ services, kms proxytest.Service, key string) {
	t.Helper()
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	kms = proxytest.StartLocalKMS(t)
	key = kms.CreateKey(t)
	return services{
		"listen":     `{https: "", http: "127.0.0.1:0", admin: "127.0.0.1:0"}`,
		"identities": `[{name: app, access_key: AKIATEST, secret_key: testsecret}]`,
		"store":      storeAt(endpoint, fmt.Sprintf("t%d-services", time.Now().UnixNano()), ""),
		"kms":        kmsAt(kms.Endpoint, kms.AccessKey, kms.SecretKey, key),
	}, kms, key
}

func storeAt(endpoint, stateBucket, more string) string {
	return fmt.Sprintf("{endpoint: %q, access_key: storekey, secret_key: storesecret, state_bucket: %s%s}", endpoint,
		stateBucket, more)
}

func kmsAt(endpoint, accessKey, secretKey, key string) string {
	return fmt.Sprintf("{endpoint: %q, access_key: %s, secret_key: %s, service_key: %q}", endpoint, accessKey, secretKey,
		key)
}

// file writes the configuration with one section changed.
func (s services) file(t *testing.T, section, text string) string {
	t.Helper()
	return proxytest.WriteConfig(t, s.text(section, text))
}

func (s services) text(section, text string) string {
	all := maps.Clone(s)
	if section != "" {
		all[section] = text
	}
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString(name + ": " + all[name] + "\n")
	}
	return b.String()
}

// What is wrong with store and key service is one line that says what to do, the same in a check and at a start, with
// the same exit status: 2 where the configuration must be changed, otherwise 1.
func TestCheckAndStartSayWhatIsWrongWithTheServices(t *testing.T) {
	t.Parallel()
	right, kms, key := newServices(t)
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "<html>It works!</html>")
		}
	}
	server := func(h http.Handler, encrypted bool) *httptest.Server {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		if encrypted {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		return s
	}
	encrypted, plain := server(page(404), true), server(page(404), false)
	everywhere := server(page(200), false)
	strict := closingTLS(t)
	ca := proxytest.NewAuthority(t)
	address := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	store := func(endpoint, more string) string { return storeAt(endpoint, "some-state", more) }
	otherKey := kms.CreateKey(t)
	// A start makes the state key, with the service key that is right.
	proxytest.StartWith(t, right.text("", "")).Stop()
	for name, c := range map[string]struct {
		section, text string
		want          string // words in their order
		status        int
	}{
		"http to TLS": {
			"store", store("http://"+address(encrypted), ""),
			"store: tried http://" + address(encrypted) + "|it looks like TLS: use https:// in store.endpoint",
			command.StatusUsage,
		},
		"http to TLS that hangs up": {
			"store", store("http://"+strict, ""),
			"store: tried http://" + strict + "|it looks like TLS: use https:// in store.endpoint", command.StatusUsage,
		},
		"https to none": {
			"store", store("https://"+address(plain), ""),
			"store: tried https://" + address(plain) + "|doesn't speak TLS: use http:// in store.endpoint", command.StatusUsage,
		},
		"an authority that isn't known": {
			"store", store("https://"+address(encrypted), ""),
			"store: tried https://|unknown authority: set store.ca to the authority's file", command.StatusUsage,
		},
		"the file of another authority": {
			"store", store("https://"+address(encrypted), ", ca: "+ca.File),
			"store: tried https://|by an authority|that isn't in " + ca.File + ": set store.ca", command.StatusUsage,
		},
		"no S3": {
			"store", store("http://"+address(plain), ""),
			"store: tried http://" + address(plain) + "|doesn't look like S3: check host and port", command.StatusUsage,
		},
		"no S3, and never a refusal": {
			"store", store("http://"+address(everywhere), ""),
			"store: tried http://" + address(everywhere) + "|doesn't look like S3: check host and port", command.StatusUsage,
		},
		"KMS: http to TLS": {
			"kms", kmsAt("http://"+address(encrypted), "A", "S", key),
			"kms.service_key: tried http://" + address(encrypted) + "|it looks like TLS: use https:// in kms.endpoint",
			command.StatusUsage,
		},
		"KMS: an authority that isn't known": {
			"kms", kmsAt("https://"+address(encrypted), "A", "S", key),
			"kms.service_key: tried https://|unknown authority: set kms.ca to the authority's file", command.StatusUsage,
		},
		"KMS: wrong credentials": {
			"kms", kmsAt(kms.Endpoint, kms.AccessKey, "wrong", key),
			"kms.service_key: tried " + kms.Endpoint + "|check access_key", command.StatusUsage,
		},
		"a key that is disabled": {
			"kms", kmsAt(kms.Endpoint, kms.AccessKey, kms.SecretKey, disabledKey(t, kms)),
			"kms.service_key: tried " + kms.Endpoint + "|enable", command.StatusError,
		},
		"another service key": {
			"kms", kmsAt(kms.Endpoint, kms.AccessKey, kms.SecretKey, otherKey),
			"kms.service_key: the state in the store's bucket|was made with the service key " + key + ", and " + otherKey +
				" doesn't open it|set kms.service_key to the former", command.StatusUsage,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := right.file(t, c.section, c.text)
			lines, status, _ := checked(t, file)
			lines = slices.DeleteFunc(withoutWaiting(lines), func(line string) bool {
				return strings.HasPrefix(line, "warning: store.ca: ") // the authority of a test doesn't last
			})
			if len(lines) != 1 || !inOrder(lines[0], strings.Split(c.want, "|")) || status != c.status {
				t.Errorf("check: status %d, want %d:\n%s", status, c.status, strings.Join(lines, "\n"))
			}
			if line, status := startEnds(t, file); !inOrder(line, strings.Split(c.want, "|")) || status != c.status {
				t.Errorf("serve: status %d, want %d:\n%s", status, c.status, line)
			}
		})
	}
}

// closingTLS is the address of a service that ends connections that don't begin with a handshake.
func closingTLS(t *testing.T) string {
	t.Helper()
	encrypted := httptest.NewUnstartedServer(http.NotFoundHandler())
	encrypted.Config.ErrorLog = log.New(io.Discard, "", 0)
	encrypted.StartTLS()
	t.Cleanup(encrypted.Close)
	return serving(t, func(c net.Conn) {
		first := make([]byte, 1)
		if _, err := io.ReadFull(c, first); err != nil || first[0] != 22 { // a handshake record
			return
		}
		behind, err := net.Dial("tcp", encrypted.Listener.Addr().String())
		if err != nil {
			return
		}
		defer func() { _ = behind.Close() }()
		_, _ = behind.Write(first)
		go func() { _, _ = io.Copy(behind, c) }()
		_, _ = io.Copy(c, behind)
	})
}

// serving is the address of a listener that hands each connection to serve, and closes it afterwards.
func serving(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return ln.Addr().String()
}

// A store or a key service that takes connections and says nothing is waited for shortly, and a line says so meanwhile.
func TestCheckDoesNotWaitForWhoIsSilent(t *testing.T) {
	t.Parallel()
	right, kms, key := newServices(t)
	silent := serving(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for name, c := range map[string]struct{ section, text, waits, want string }{
		"the store": {
			"store", storeAt("http://"+silent, "some-state", ""), "waiting for the store at http://" + silent,
			"store: tried http://" + silent + "|no answer within 4s|whether it hangs",
		},
		"KMS": {
			"kms", strings.Replace(kmsAt("http://"+silent, kms.AccessKey, kms.SecretKey, key), "{", "{timeout: 3s, ", 1),
			"waiting for http://" + silent,
			"kms.service_key: tried http://" + silent + "|kms:DescribeKey|it doesn't answer: check firewalls",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, status, took := checked(t, right.file(t, c.section, c.text))
			if len(lines) < 2 || !slices.Contains(lines, c.waits) ||
				!inOrder(withoutWaiting(lines)[0], strings.Split(c.want, "|")) ||
				status != command.StatusError || took > 20*time.Second {
				t.Errorf("status %d after %v:\n%s", status, took, strings.Join(lines, "\n"))
			}
		})
	}
}

// Without credentials the SDK's report of where it looked is one sentence.
func TestCheckSaysWhereItLookedForCredentials(t *testing.T) {
	right, _, key := newServices(t)
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/none", "AWS_CONFIG_FILE": "/none",
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "", "AWS_ROLE_ARN": "",
		"AWS_WEB_IDENTITY_TOKEN_FILE": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
	} {
		t.Setenv(name, value)
	}
	for section, text := range map[string]string{
		"kms":   fmt.Sprintf("{service_key: %q}", key),
		"store": `{endpoint: "http://127.0.0.1:1", state_bucket: some-state}`,
	} {
		file := right.file(t, section, text)
		want := section + ".access_key: no credentials were found: looked in the environment"
		lines, status, _ := checked(t, file)
		lines = withoutWaiting(lines)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], want) || len(lines[0]) > 350 || status != command.StatusError {
			t.Errorf("check: status %d:\n%s", status, strings.Join(lines, "\n"))
		}
		if line, status := startEnds(t, file); !strings.HasPrefix(line, want) || status != command.StatusError {
			t.Errorf("serve: status %d:\n%s", status, line)
		}
	}
}

// disabledKey is a key that its owner has disabled.
func disabledKey(t *testing.T, s proxytest.Service) string {
	t.Helper()
	key := s.CreateKey(t)
	client := awskms.New(awskms.Options{
		Region: "us-west-2", BaseEndpoint: &s.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
	if _, err := client.DisableKey(t.Context(), &awskms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	return key
}
