package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/audit"
)

func open(t *testing.T, name string, o audit.Options) *audit.Log {
	t.Helper()
	l, err := audit.Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func add(l *audit.Log, n int) {
	for i := range n {
		l.Add(audit.Record{
			Time: time.Unix(int64(i), 0), Request: fmt.Sprintf("R%d", i), Operation: "GetObject",
			Bucket: "bucket", Key: "a \"key\"\n", Status: 200, Code: "OK",
		}, false)
	}
}

func closed(t *testing.T, l *audit.Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func holds(t *testing.T, want int, files ...string) *audit.Verdict {
	t.Helper()
	v, err := audit.Verify("", files...)
	if err != nil || v.Records != want || v.Open {
		t.Fatalf("%+v, %v; want %d records", v, err, want)
	}
	return v
}

func TestEveryChangeIsFound(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, name, audit.Options{})
	add(l, 20)
	closed(t, l)
	holds(t, 22, name) // with begin and stop
	whole := read(t, name)
	lines := strings.SplitAfter(strings.TrimSuffix(string(whole), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	broken := func(what string, text []byte, line int) {
		t.Helper()
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := audit.Verify("", name)
		var b *audit.Broken
		if !errors.As(err, &b) || line > 0 && b.Line != line {
			t.Errorf("%s: %v, want line %d", what, err, line)
		}
	}
	for i := 0; i < len(whole); i += 7 {
		changed := bytes.Clone(whole)
		changed[i] ^= 1
		broken(fmt.Sprintf("byte %d changed", i), changed, 0)
	}
	one := bytes.Replace(whole, []byte(`"request":"R7"`), []byte(`"request":"R8"`), 1)
	broken("a record changed", one, 9)
	join := func(lines ...string) []byte { return []byte(strings.Join(lines, "")) }
	broken("a line removed", join(append(append([]string{}, lines[:5]...), lines[6:]...)...), 6)
	broken("the first line removed", join(lines[1:]...), 1)
	broken("lines reordered", join(append(append(append([]string{}, lines[:5]...), lines[6], lines[5]),
		lines[7:]...)...), 6)
	broken("a line twice", join(append(append(append([]string{}, lines[:5]...), lines[4]), lines[5:]...)...), 6)
	broken("the last lines removed", join(lines[:15]...), 15)
	broken("the end cut off in a line", whole[:len(whole)-10], 22)
	broken("everything removed", nil, 0)
	// The program goes on after its end was removed, and the break stays visible.
	if err := os.WriteFile(name, join(lines[:15]...), 0o600); err != nil {
		t.Fatal(err)
	}
	l = open(t, name, audit.Options{})
	add(l, 3)
	closed(t, l)
	var b *audit.Broken
	if _, err := audit.Verify("", name); !errors.As(err, &b) || b.Line != 16 ||
		!strings.Contains(b.Why, "lost its end") {
		t.Errorf("after a start: %v", err)
	}
	// Without a head nothing holds the end.
	if err := os.WriteFile(name, join(lines[:15]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(name + ".head"); err != nil {
		t.Fatal(err)
	}
	if v, err := audit.Verify("", name); err != nil || !v.Open {
		t.Errorf("without a head: %+v, %v", v, err)
	}
}

func TestTheChainGoesOn(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "audit.log")
	l := open(t, name, audit.Options{})
	add(l, 3)
	closed(t, l)
	noted := holds(t, 5, name).Hash
	l = open(t, name, audit.Options{})
	add(l, 3)
	if err := l.Reopen(); err != nil { // nothing was moved
		t.Fatal(err)
	}
	old := name + ".1"
	if err := os.Rename(name, old); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	add(l, 4)
	closed(t, l)
	holds(t, 10, old)
	holds(t, 6, name)
	holds(t, 16, old, name)
	if _, err := audit.Verify(noted, old, name); err != nil {
		t.Errorf("a hash that was noted: %v", err)
	}
	if _, err := audit.Verify(strings.Repeat("0", 64), old, name); err == nil {
		t.Error("a hash that never was")
	}
	// A file between two others is missing.
	older := name + ".0"
	if err := errors.Join(os.Rename(old, older), os.Rename(name, old)); err != nil {
		t.Fatal(err)
	}
	l = open(t, name, audit.Options{}) // its head is still there
	add(l, 1)
	closed(t, l)
	holds(t, 19, older, old, name)
	var b *audit.Broken
	if _, err := audit.Verify("", older, name); !errors.As(err, &b) || b.File != name || b.Line != 1 {
		t.Errorf("with a file missing: %v", err)
	}
	// What a crash leaves of a line is cut off.
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"hash":"12`); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	l = open(t, name, audit.Options{})
	add(l, 1)
	closed(t, l)
	holds(t, 6, name)
}

func TestAFailingFile(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("needs /dev/full")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "audit.log")
	var mu sync.Mutex
	counts := map[string]int{}
	l := open(t, name, audit.Options{Queue: 8, Count: func(outcome string, n int) {
		mu.Lock()
		defer mu.Unlock()
		counts[outcome] += n
	}})
	if err := audit.Fail(l, "/dev/full"); err != nil {
		t.Fatal(err)
	}
	add(l, 20) // doesn't wait
	for end := time.Now().Add(10 * time.Second); l.Reserve(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is still room in a log that can't be written")
		}
	}
	if err := audit.Fail(l, ""); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(10 * time.Second); !l.Reserve(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the log isn't written again")
		}
	}
	l.Add(audit.Record{Operation: "HeadObject"}, true)
	closed(t, l)
	if counts["written"]+counts["lost"] != 21 || counts["lost"] != 12 {
		t.Errorf("%v", counts)
	}
	holds(t, 12, name) // begin, 8, lost records, 1, stop
	if text := string(read(t, name)); !strings.Contains(text, `"event":"lost records"`) ||
		!strings.Contains(text, `"records":12`) {
		t.Error("the log doesn't say how many were lost")
	}
}

func TestKeysAreHashed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	l := open(t, name, audit.Options{HashKeys: true})
	l.Add(audit.Record{Bucket: "bucket", Key: "patient/4711", Source: "/bucket/patient/4712"}, false)
	closed(t, l)
	text := string(read(t, name))
	if strings.Contains(text, "patient") ||
		!strings.Contains(text, `"keyHash":"`+audit.HashKey("bucket", "patient/4711")+`"`) {
		t.Error(text)
	}
	holds(t, 3, name)
}

func BenchmarkAdd(b *testing.B) {
	l, err := audit.Open(filepath.Join(b.TempDir(), "audit.log"), audit.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Add(audit.Record{Operation: "GetObject", Bucket: "bucket", Key: "key"}, false)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}
