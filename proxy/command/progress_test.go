package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/tools"
)

// shownBy returns what shows the progress of verify by these flags, and what it writes to stderr.
func shownBy(t *testing.T, flags ...string) (*progress, *bytes.Buffer) {
	t.Helper()
	c := verifyCommand()
	var stderr bytes.Buffer
	v := newInvocation(&c, &bytes.Buffer{}, &stderr, Options{})
	c.prepare(v)
	if _, err := v.parse(append(flags, "s3://reports")); err != nil {
		t.Fatal(err)
	}
	p, err := v.newProgress([]string{"s3://reports"})
	if err != nil {
		t.Fatal(err)
	}
	return p, &stderr
}

// at is a walk's progress some seconds after it began, at ten objects of 1 MiB a second.
func at(second int64) *tools.Progress {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &tools.Progress{
		At: began.Add(time.Duration(second) * time.Second), Began: began, Done: 10 * second, Bytes: 10 * second << 20,
		Total: -1, TotalBytes: -1, Rate: 10, ByteRate: 10 << 20, Remaining: -1, Current: "2026/a",
	}
}

// In a job there is a line at the beginning, one a minute, and one at the end with the exit status.
func TestAJobSaysALineAMinute(t *testing.T) {
	t.Parallel()
	p, stderr := shownBy(t, "--shard", "2/4")
	for second := range int64(181) {
		now := at(second)
		if second >= 60 {
			now.Failed, now.Total, now.TotalBytes, now.Remaining = 1, 7200, 7200<<20, 10*time.Minute
		}
		p.Show(now)
	}
	p.Clear()
	if err := p.end(tools.ErrFound); !errors.Is(err, tools.ErrFound) {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("%d lines in three minutes:\n%s", len(lines), stderr)
	}
	for i, line := range lines {
		if len(line) > 400 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err, line)
		}
		want := map[string]any{
			"msg": "progress", "tool": "verify", "target": "s3://reports", "shard": "2/4", "key": "2026/a",
			"done": 600.0 * float64(min(i, 3)), "objects_per_second": 10.0, "bytes_per_second": float64(10 << 20),
		}
		if i > 0 {
			want["failed"], want["total"], want["total_bytes"], want["eta_seconds"] = 1.0, 7200.0, float64(7200<<20), 600.0
		}
		if i == 4 {
			want["msg"], want["exit_status"] = "ended", 1.0
		}
		for name, value := range want {
			if got[name] != value {
				t.Errorf("line %d: %s is %v, want %v: %s", i, name, got[name], value, line)
			}
		}
		if _, ok := got["eta_seconds"]; ok != (i > 0) {
			t.Errorf("line %d: %s", i, line)
		}
	}
}

// On a terminal one line is drawn again, within its width, and no key controls the terminal.
func TestATerminalHasOneLine(t *testing.T) {
	t.Parallel()
	p, stderr := shownBy(t, "--progress", "line")
	now := at(30)
	now.Total, now.Remaining, now.Failed, now.Phase = 7200, 90*time.Minute, 2, "copying"
	now.Current = "\x1b]0;evil\x07" + strings.Repeat("漢", 100)
	p.Show(now)
	const cleared = "\r\x1b[K"
	line, ok := strings.CutPrefix(stderr.String(), cleared)
	if want := `verify: copying: 300 of 7200 done, 2 failed, 10.0/s, 10.0 MiB/s, 1h30m0s left, \x1b`; !ok ||
		!strings.HasPrefix(want, line[:70]) || len(line) > 79 || !strings.HasSuffix(line, "...") ||
		strings.ContainsFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("%q", stderr)
	}
	stderr.Reset()
	p.Clear()
	p.Clear()
	if err := p.end(nil); err != nil || stderr.String() != cleared {
		t.Errorf("%q, %v", stderr, err)
	}
	for width := range 30 {
		p.width = width
		if n := len(p.line(now)); n > max(0, width-1) {
			t.Errorf("%d columns of %d", n, width)
		}
	}
	if p, stderr := shownBy(t, "--progress", "none"); true {
		p.Show(now)
		if err := p.end(nil); err != nil || stderr.Len() > 0 {
			t.Errorf("%q, %v", stderr, err)
		}
	}
}

// The file of metrics is replaced in one step, for others to read, every 15 s and at the end, and its metrics are those
// of OPERATING.md.
func TestMetricsOfATool(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "verify.prom")
	read := func() string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	p, _ := shownBy(t, "--metrics-file", file, "--progress", "none", "--shard", "2/4")
	const labels = `shard="2/4",target="s3://reports",tool="verify"`
	has := func(when string, samples ...string) {
		t.Helper()
		for _, sample := range samples {
			if !strings.Contains(read(), "\nsealfront_tool_"+sample+"\n") {
				t.Errorf("%s there is no %s in\n%s", when, sample, read())
			}
		}
	}
	if err := p.writeMetrics(p.began); err != nil {
		t.Fatal(err)
	}
	has("at first", "running{"+labels+"} 1", "exit_status{"+labels+"} -1", "success_timestamp_seconds{"+labels+"} 0")
	now := at(10)
	now.Phase = "copying"
	p.Show(now)
	const inPhase = `{phase="copying",` + labels + "}"
	has("after 10 s", "objects"+inPhase+" 100", "failed_objects"+inPhase+" 0")
	if strings.Contains(read(), "expected") {
		t.Errorf("a total that isn't known:\n%s", read())
	}
	now = at(20)
	now.Phase, now.Total, now.TotalBytes = "copying", 1000, 2000
	p.Show(now)
	has("after 20 s", "objects"+inPhase+" 100")
	now.At = now.At.Add(5 * time.Second)
	p.Show(now)
	has("after 25 s", "objects"+inPhase+" 200", "expected_objects"+inPhase+" 1000", "expected_bytes"+inPhase+" 2000")
	if err := p.end(nil); err != nil {
		t.Fatal(err)
	}
	has("at the end", "running{"+labels+"} 0", "exit_status{"+labels+"} 0")
	if regexp.MustCompile(`success_timestamp_seconds\{.*\} 0\n`).MatchString(read()) {
		t.Error("no time of success")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v: node_exporter is another user", info.Mode(), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	manual, err := os.ReadFile("../../deploy/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	names := func(pattern, text string) (found []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			found = append(found, m[1])
		}
		slices.Sort(found)
		return slices.Compact(found)
	}
	shown := names(`(?m)^(sealfront_tool_\w+)\{`, read())
	if listed := names("`(sealfront_tool_\\w+)`", string(manual)); !slices.Equal(shown, listed) {
		t.Errorf("the file has %q,\nOPERATING.md %q", shown, listed)
	}

	// A failure has its status in the file.
	for _, c := range []struct {
		err  error
		want string
	}{{tools.ErrFound, "1"}, {usagef("wrong"), "2"}} {
		p, _ := shownBy(t, "--metrics-file", file, "--progress", "none")
		if err := p.end(c.err); !errors.Is(err, c.err) ||
			!strings.Contains(read(), `exit_status{shard="1/1",target="s3://reports",tool="verify"} `+c.want+"\n") {
			t.Errorf("%v: %s", err, read())
		}
	}
}
