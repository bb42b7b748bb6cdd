package command

import (
	"bytes"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealthAsksWhetherAReplicaIsReady(t *testing.T) {
	t.Parallel()
	answer := func(ready bool) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/readyz" || !ready {
				http.Error(w, "not ready: store: away\n", http.StatusServiceUnavailable)
			}
		}
	}
	serve := func(s *httptest.Server) *httptest.Server {
		t.Cleanup(s.Close)
		return s
	}
	ready, unready := serve(httptest.NewServer(answer(true))), serve(httptest.NewServer(answer(false)))
	encrypted := serve(httptest.NewTLSServer(answer(true)))
	ca := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw})
	if err := os.WriteFile(ca, text, 0o600); err != nil {
		t.Fatal(err)
	}
	host := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	for _, c := range []struct {
		args   []string
		says   string
		fails  string // ""; part of the error otherwise
		status int
	}{
		{[]string{ready.URL}, host(ready) + ": ready\n", "", StatusOK},
		{[]string{ready.URL + "/"}, host(ready) + ": ready\n", "", StatusOK},
		{
			[]string{unready.URL},
			host(unready) + ": 503: not ready: store: away\n",
			"of 1 replicas, 1 are not ready", StatusError,
		},
		{[]string{"--ca", ca, encrypted.URL}, host(encrypted) + ": ready\n", "", StatusOK},
		{[]string{encrypted.URL}, "no answer: tls: failed to verify certificate", "1 are not ready", StatusError},
		{[]string{"http://127.0.0.1:1"}, "127.0.0.1:1: no answer: dial tcp", "1 are not ready", StatusError},
		{[]string{"http://absent.invalid:9090"}, "", "find the replicas: lookup absent.invalid", StatusError},
		{[]string{"--ca", ca + ".absent", encrypted.URL}, "", "read --ca: ", StatusError},
		{[]string{"127.0.0.1:9090"}, "", "is not a URL of an admin address", StatusUsage},
		{[]string{ready.URL + "/readyz"}, "", "is not a URL of an admin address", StatusUsage},
	} {
		var out, errs bytes.Buffer
		err := run(t, append([]string{"health"}, c.args...), &out, &errs)
		if status := ExitStatus(err, &errs); status != c.status || !strings.Contains(out.String(), c.says) ||
			!strings.Contains(errs.String(), c.fails) {
			t.Errorf("%q: status %d, %s%s", c.args, status, out.String(), errs.String())
		}
	}
}
