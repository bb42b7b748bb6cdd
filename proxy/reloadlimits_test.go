package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Limits of memory and of failed logins follow a reload, and what was counted stays counted.
func TestLimitsOfMemoryAndLoginsAreReloaded(t *testing.T) {
	t.Parallel()
	text := proxytest.EmbeddedWith(t, "reload_every: 0s\nlimits: {memory: 1GiB, failed_logins: {rate: 0.001, burst: 2}}")
	file := proxytest.WriteConfig(t, text)
	p := proxytest.Start(t, "serve", "--config", file)
	p.Env["AWS_REGION"] = "us-west-2"
	dir, _, _ := strings.Cut(text[strings.Index(text, "data: ")+6:], "\n")
	p.Env["AWS_CA_BUNDLE"] = dir + "/tls/ca.pem"
	wrong := func() string {
		a := p.Do(&proxytest.Request{Method: "HEAD", Path: proxytest.DemoPath + "x", Credentials: &sigv4.Credentials{AccessKeyID: "AKIATEST", SecretAccessKey: "wrong"}})
		return map[int]string{403: "refused", 503: "slowed down"}[a.StatusCode]
	}
	expect := func(when string, want ...string) {
		t.Helper()
		for i, w := range want {
			if got := wrong(); got != w {
				t.Errorf("%s, failed login %d: %s, want %s", when, i+1, got, w)
			}
		}
	}
	limits := func() [2]int {
		return [2]int{p.Metric("sealfront_memory_limit_bytes"), p.Metric("sealfront_active_requests_limit")}
	}
	reload := func(from, to string) {
		t.Helper()
		text = strings.Replace(text, from, to, 1)
		before := p.Metric("sealfront_reloads_total", `outcome="ok"`)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.HangUp()
		proxytest.Eventually(t, "the reload", func() bool { return p.Metric("sealfront_reloads_total", `outcome="ok"`) > before })
	}
	first := limits()
	if first != [2]int{1 << 30, (1<<30 - baseMemory) / requestMemory} {
		t.Fatalf("at the start: %v", first)
	}
	expect("at the start", "refused", "refused", "slowed down")
	reload("memory: 1GiB", "memory: 512MiB")
	if got := limits(); got != [2]int{512 << 20, (512<<20 - baseMemory) / requestMemory} {
		t.Errorf("after the reload: %v", got)
	}
	expect("a reload that leaves logins alone", "slowed down")
	reload("burst: 2", "burst: 20, entries: 10")
	expect("a larger burst, of which nothing is left", "slowed down")
	reload("rate: 0.001", "rate: 0")
	expect("without limit", "refused", "refused", "refused", "refused")
	reload("rate: 0", "rate: 0.001")
	expect("with a limit again", "refused")
	if log := p.Stderr.String(); strings.Contains(log, "take effect at the next start") {
		t.Errorf("the log says that limits wait for a start:\n%s", log)
	}
}

// Every setting is either put into force by a reload, or named by it as waiting for the next start: none is passed over.
func TestAReloadNamesWhatItLeaves(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(at []int, typ reflect.Type, path string, covered bool)
	walk = func(at []int, typ reflect.Type, path string, covered bool) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
			here, reloaded := append(at[:len(at):len(at)], i), covered
			for _, r := range reloadable {
				reloaded = reloaded || r == name
			}
			if f.Type.Kind() == reflect.Struct {
				walk(here, f.Type, name, reloaded)
				continue
			}
			seen++
			a, b := config.Default(), config.Default()
			other(t, name, reflect.ValueOf(b).Elem().FieldByIndex(here))
			named := strings.Join(changes(a, b), " ")
			if reloaded && named != "" || !reloaded && named != name {
				t.Errorf("%s was changed, and the reload names %q as waiting; reloadable: %t", name, named, reloaded)
			}
		}
	}
	walk(nil, reflect.TypeFor[config.Config](), "", false)
	if seen < 60 {
		t.Errorf("only %d settings were looked at", seen)
	}
}

// other gives a setting another value.
func other(t *testing.T, name string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + int64(time.Second))
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.Zero(v.Type().Elem()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		t.Fatalf("%s is of a kind that this test doesn't know: %v", name, v.Kind())
	}
}
