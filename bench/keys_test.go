package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealfront/sigv4"
)

// All requests that are due are sent and counted, those that fail too, and a failure is what the command says in the
// end.
func TestKeyLoadCountsEveryRequest(t *testing.T) {
	t.Parallel()
	var seen atomic.Int64
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Amz-Target") != "TrentService.GenerateDataKey" ||
			!strings.Contains(string(body), `"KeyId":"key"`) ||
			!strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIA/") {
			t.Errorf("%v %s", r.Header, body)
		}
		if seen.Add(1) == 7 {
			http.Error(w, `{"__type":"KMSInternalException"}`, http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, `{"Plaintext":%q}`, base64.StdEncoding.EncodeToString(make([]byte, 32)))
	}))
	t.Cleanup(service.Close)
	target := &keyTarget{
		name: "stand-in", endpoint: service.URL, key: "key", region: proxyRegion, client: service.Client(),
		credentials: sigv4.Credentials{AccessKeyID: "AKIA", SecretAccessKey: "secret"},
	}
	f := target.load(t.Context(), 500, 4, 200*time.Millisecond)
	if f.requests != 100 || seen.Load() != 100 || f.errors != 1 || f.first == nil || len(f.latencies) != 100 {
		t.Errorf("%d requests, %d seen, %d failed: %v", f.requests, seen.Load(), f.errors, f.first)
	}
	if f.took < 190*time.Millisecond || f.quantile(0.5) > f.quantile(0.99) {
		t.Errorf("%s, p50 %g, p99 %g", f.took, f.quantile(0.5), f.quantile(0.99))
	}
	v := &keyTrial{rate: 500, targets: []*keyTarget{target}, found: [][]*keyFigures{{f}}}
	if err := v.fault(); !errors.Is(err, f.first) {
		t.Errorf("got %v", err)
	}
	v.found[0] = []*keyFigures{{requests: 100, took: time.Second}}
	if err := v.fault(); err == nil || !strings.Contains(err.Error(), "100 data keys a second of 500") {
		t.Errorf("got %v", err)
	}
}

func TestFlagsOfKeys(t *testing.T) {
	t.Parallel()
	env := func(string) string { return "" }
	for _, args := range []string{
		"-rate 0", "more", "-other a -other-endpoint b -other-key c", "-other-endpoint b", "-x",
	} {
		if _, err := parseKeyTrial(strings.Fields(args), env, io.Discard); !errors.As(err, new(usageError)) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
