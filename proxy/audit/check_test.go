package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"sealfront/proxy/audit"
)

// files are the names in a directory, with what the files hold.
func files(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		all.WriteString(e.Name() + "\n")
		if e.Type().IsRegular() {
			all.Write(read(t, filepath.Join(dir, e.Name())))
		}
	}
	return all.String()
}

// Check says what Open would, and leaves everything as it was.
func TestCheckSaysWhatOpenWould(t *testing.T) {
	for name, c := range map[string]struct {
		make func(t *testing.T, dir string) (file string)
		want string // "": it can be opened
	}{
		"no file yet": {func(_ *testing.T, dir string) string { return filepath.Join(dir, "audit.log") }, ""},
		"a log": {func(t *testing.T, dir string) string {
			name := filepath.Join(dir, "audit.log")
			l := open(t, name, audit.Options{})
			add(l, 3)
			closed(t, l)
			return name
		}, ""},
		"no directory": {
			func(_ *testing.T, dir string) string { return filepath.Join(dir, "none", "audit.log") },
			"make ",
		},
		"another file": {
			func(t *testing.T, dir string) string { return written(t, dir, "audit.log", "hello\n") },
			"isn't an audit log",
		},
		"a long line that is no record": {func(t *testing.T, dir string) string {
			return written(t, dir, "audit.log", `{"hash":"`+strings.Repeat("x", 64)+`",{}`+"\n")
		}, "its hash"},
		"a hash without a record": {func(t *testing.T, dir string) string {
			return written(t, dir, "audit.log", `{"hash":"`+strings.Repeat("0", 64)+`",what`+"\n")
		}, "its record"},
		"a record whose predecessor is no hash": {func(t *testing.T, dir string) string {
			return written(t, dir, "audit.log", `{"hash":"`+strings.Repeat("0", 64)+`","seq":1,"previous":"00"}`+"\n")
		}, "not a hash"},
		"a head that is none": {func(t *testing.T, dir string) string {
			written(t, dir, "audit.log.head", "{")
			return filepath.Join(dir, "audit.log")
		}, "it can't be read"},
		"a head that is a directory": {func(t *testing.T, dir string) string {
			if err := os.Mkdir(filepath.Join(dir, "audit.log.head"), 0o700); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(dir, "audit.log")
		}, "audit.log.head"},
		"no regular file": {func(*testing.T, string) string { return os.DevNull }, "isn't a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := c.make(t, dir)
			before := files(t, dir)
			err := audit.Check(file)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("Check: %v, want %q", err, c.want)
			}
			if after := files(t, dir); after != before {
				t.Errorf("it has changed files:\n%s\nwere\n%s", after, before)
			}
			if file == os.DevNull {
				return // its head would lie beside it
			}
			l, err := audit.Open(file, audit.Options{})
			if (err == nil) != (c.want == "") {
				t.Errorf("Open: %v", err)
			}
			if err == nil {
				closed(t, l)
			}
		})
	}
}

func written(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The first place where a chain doesn't hold is named, and what is wrong there.
func TestWhereAChainBreaks(t *testing.T) {
	dir := t.TempDir()
	l := open(t, filepath.Join(dir, "one"), audit.Options{})
	closed(t, l)
	l = open(t, filepath.Join(dir, "two"), audit.Options{})
	closed(t, l)
	for name, c := range map[string]struct {
		files  []string
		expect string
		want   string
	}{
		"an empty file": {[]string{written(t, dir, "empty", "")}, "", "/empty: the file is empty"},
		"files that aren't one chain": {
			[]string{filepath.Join(dir, "one"), filepath.Join(dir, "two")},
			"",
			"/two:1: the file doesn't continue where the one before ends",
		},
		"a hash that should be there": {
			[]string{filepath.Join(dir, "one")},
			strings.Repeat("0", 64),
			"/one: no record has the expected hash 000",
		},
		"a line that isn't a record": {
			[]string{written(t, dir, "text", "hello\n")},
			"",
			"/text:1: it isn't a record of an audit log",
		},
		"a head that can't be read": {[]string{func() string {
			written(t, dir, "h.head", "[")
			return written(t,
				dir, "h", "")
		}()}, "", "/h.head: it can't be read"},
		"a line without an end, no head": {[]string{written(t, dir, "cut", "{")}, "", "/cut:1: the line is cut off"},
		"a file that isn't there":        {[]string{filepath.Join(dir, "none")}, "", "no such file"},
		"a directory in a file's place":  {[]string{dir}, "", "is a directory"},
		"a directory in the head's place": {[]string{func() string {
			_ = os.Mkdir(filepath.Join(dir, "d.head"),
				0o700)
			return written(t, dir, "d", "")
		}()}, "", "d.head: is a directory"},
	} {
		v, err := audit.Verify(c.expect, c.files...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v, want %q", name, v, err, c.want)
		}
	}
}

// Room for records is bounded: what is reserved finds room, what isn't is lost when there is none, and counted.
func TestRoomForRecordsIsBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	counts := map[string]int{}
	core, logs := observer.New(zap.InfoLevel)
	counted := make(chan struct{}, 1)
	l := open(t, name, audit.Options{Queue: 2, Log: zap.New(core), Count: func(outcome string, n int) {
		if counts[outcome] += n; outcome == "lost" {
			counted <- struct{}{}
		}
	}})
	for i, want := range []bool{true, true, false} {
		if l.Reserve() != want {
			t.Errorf("a queue of two has room for two; reservation %d", i+1)
		}
	}
	l.Add(audit.Record{Request: "none"}, false)
	<-counted
	l.Add(audit.Record{Request: "one"}, true)
	l.Add(audit.Record{Request: "two"}, true)
	if l.State().Failing {
		t.Error("the file can be written")
	}
	closed(t, l)
	if counts["lost"] != 1 || counts["written"] != 2 || logs.Len() != 0 {
		t.Errorf("%v; logged: %v", counts, logs.All())
	}
	text := string(read(t, name))
	if strings.Contains(text, "none") || !strings.Contains(text, `"request":"two"`) ||
		!strings.Contains(text, `"event":"lost records"`) {
		t.Errorf("%s", text)
	}
	if err := l.Reopen(); err == nil {
		t.Error("a closed log was opened again")
	}
	holds(t, 5, name) // begin, two, one that says what was lost, stop
}

// A log that can't be written says so at once, and at its end how much was lost.
func TestALogThatCannotBeWrittenToItsEnd(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	core, logs := observer.New(zap.InfoLevel)
	lost := 0
	l := open(t, name, audit.Options{Log: zap.New(core), Count: func(outcome string, n int) {
		if outcome == "lost" {
			lost += n
		}
	}})
	if err := audit.Fail(l, "/dev/full"); err != nil {
		t.Skip(err)
	}
	if !l.Reserve() {
		t.Fatal("no room")
	}
	l.Add(audit.Record{Request: "one"}, true)
	if err := l.Close(); err == nil || lost != 1 {
		t.Errorf("%v, %d lost", err, lost)
	}
	if logs.FilterMessageSnippet("can't be written").Len() != 1 ||
		logs.FilterMessageSnippet("lost at the end").Len() != 1 {
		t.Errorf("logged: %v", logs.All())
	}
	if !l.State().Failing || l.Reserve() {
		t.Error("it is said that records can be written")
	}
}

// A file that can't be opened in the place of a moved one leaves the log where it is.
func TestReopeningThatFails(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "audit.log")
	l := open(t, name, audit.Options{})
	if err := os.Rename(name, filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil || !strings.Contains(err.Error(), "open the next audit log") {
		t.Errorf("%v", err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Errorf("when it can be opened: %v", err)
	}
	add(l, 1)
	closed(t, l)
	holds(t, 6, filepath.Join(dir, "moved"), name) // begin, end twice, and begin, the record, stop
}
