package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// line waits for the line that the log has of a request.
func line(t *testing.T, p *proxytest.Program, id string) (fields map[string]any) {
	t.Helper()
	proxytest.Eventually(t, "the line of "+id, func() bool {
		for text := range strings.Lines(p.Stderr.String()) {
			if strings.Contains(text, `"id":"`+id+`"`) {
				return json.Unmarshal([]byte(text), &fields) == nil
			}
		}
		return false
	})
	return fields
}

// TestALineSaysWhatItCost reads the line of a request over TLS, and of one without it.
func TestALineSaysWhatItCost(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, ""))
	agent := []sigv4.Field{proxytest.Field("User-Agent", "tool/1.2 lang/go")}
	put := p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + "x", Body: "hello", Header: agent})
	get := p.Do(&proxytest.Request{Method: "HEAD", Path: proxytest.DemoPath + "none", Plain: true})
	for name, c := range map[string]struct {
		answer *proxytest.Answer
		want   map[string]any
	}{
		"PUT": {put, map[string]any{
			"operation": "PutObject", "status": 200., "bytes_in": 5., "bytes_out": 0., "tls": "1.3",
			"user_agent": "tool/1.2 lang/go",
		}},
		"HEAD": {get, map[string]any{"operation": "HeadObject", "bytes_in": 0., "tls": nil}},
	} {
		got := line(t, p, c.answer.Header.Get("x-amz-request-id"))
		for field, want := range c.want {
			if got[field] != want {
				t.Errorf("%s: %s is %v, want %v", name, field, got[field], want)
			}
		}
		if took, _ := got["took_ms"].(float64); took <= 0 || took > 60e3 {
			t.Errorf("%s took %v ms", name, got["took_ms"])
		}
		if attempts, ok := got["store_attempts"].(float64); !ok || name == "PUT" && attempts < 1 || attempts > 10 {
			t.Errorf("%s took %v requests to the store", name, got["store_attempts"])
		}
	}
}

// TestSuccessesCanBeSampled has none of them logged, and then all, by a reload.
func TestSuccessesCanBeSampled(t *testing.T) {
	t.Parallel()
	text := proxytest.EmbeddedWith(t, "log: {sample: 0}\n")
	p := proxytest.StartWith(t, text)
	put := func(key string) string {
		a := p.Do(&proxytest.Request{Method: "PUT", Path: proxytest.DemoPath + key, Body: "hello"})
		return a.Header.Get("x-amz-request-id")
	}
	unlogged := put("x")
	failed := p.Do(&proxytest.Request{Method: "GET", Path: proxytest.DemoPath + "none"}).Header.Get("x-amz-request-id")
	if got := line(t, p, failed); got["code"] != "NoSuchKey" || got["sample"] != nil {
		t.Errorf("%v", got)
	}
	if err := os.WriteFile(p.ConfigFile(), []byte(strings.Replace(text, "sample: 0", "sample: 1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p.HangUp()
	proxytest.Eventually(t, "the reload", func() bool { return strings.Contains(p.Stderr.String(), `"msg":"reloaded`) })
	line(t, p, put("y"))
	if strings.Contains(p.Stderr.String(), unlogged) {
		t.Error("a success was logged")
	}
}
