package command

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestTheVersionIsThatOfTheBuild(t *testing.T) {
	setting := func(key, value string) debug.BuildSetting { return debug.BuildSetting{Key: key, Value: value} }
	for _, c := range []struct {
		name string
		info debug.BuildInfo
		want string
	}{
		{
			"of a tag",
			debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
				setting("-tags", "noembedded"), setting("vcs.revision", "0123456789abcdef"),
				setting("vcs.time", "2026-11-23T12:00:00Z"), setting("vcs.modified", "false"),
			}},
			"sealfront v1.2.3\nrevision  0123456789abcdef\ndate      2026-11-23T12:00:00Z\n",
		},
		{
			"of a changed tree",
			debug.BuildInfo{Main: debug.Module{Version: "v1.2.3+dirty"}, Settings: []debug.BuildSetting{
				setting("vcs.revision", "0123456789abcdef"), setting("vcs.time", "2026-11-23T12:00:00Z"),
				setting("vcs.modified", "true"),
			}},
			"sealfront v1.2.3+dirty\nrevision  0123456789abcdef, changed\ndate      2026-11-23T12:00:00Z\n",
		},
		{
			"without a repository",
			debug.BuildInfo{Main: debug.Module{Version: "(devel)"}},
			"sealfront development\nrevision  unknown: made by go run, by go build -buildvcs=false, or outside of a " +
				"checkout\ndate      unknown\n",
		},
	} {
		var out bytes.Buffer
		if err := buildOf(&c.info).write(&out); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(out.String(), c.want) || !strings.Contains(out.String(), "go        "+runtime.Version()) {
			t.Errorf("%s: %s", c.name, out.String())
		}
	}
	out, errs, status := ran(t, "version")
	if status != StatusOK || !strings.HasPrefix(out, "sealfront "+thisBuild().Version+"\n") || errs != "" {
		t.Errorf("sealfront version: %d %s%s", status, out, errs)
	}
	if _, errs, status := ran(t, "version", "please"); status != StatusUsage || errs == "" {
		t.Errorf("an argument: status %d %s", status, errs)
	}
}

// ran is what a command writes, and its exit status.
func ran(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = ExitStatus(run(t, args, &out, &errs), &errs)
	return out.String(), errs.String(), status
}
