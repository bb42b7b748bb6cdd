package audit_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/audit"
)

// sent is what a program's start sends: begin, n records, and stop.
func sent(t *testing.T, n int) []string {
	t.Helper()
	b := new(lineBuffer)
	l := audit.OpenWriter(b, audit.Options{})
	add(l, n)
	closed(t, l)
	return strings.SplitAfter(strings.TrimSuffix(b.String(), "\n"), "\n")
}

// What receivers have collected of several replicas is verified chain by chain, in whatever order the chains' lines are
// mixed, with other lines between them, and with batches that were sent twice.
func TestCollectedRecordsAreVerified(t *testing.T) {
	one, two := sent(t, 4), sent(t, 2)
	for _, lines := range [][]string{one, two} {
		lines[len(lines)-1] += "\n"
	}
	dir := t.TempDir()
	syslog := "Nov 30 02:00:00 host sealfront[7]: "
	mixed := one[0] + syslog + two[0] + "another program's line\n" + one[1] + one[2] + one[1] + one[2] +
		syslog + two[1] + one[3] + two[2] + `{"hash":"` // being written
	rest := one[4] + two[3] + one[5]
	for name, c := range map[string]struct {
		files  []string
		expect string
		chains int
		open   int
		broken string
	}{
		"two files":        {files: []string{mixed, rest}, chains: 2},
		"the first of two": {files: []string{mixed}, chains: 2, open: 2},
		"an expected hash": {files: []string{mixed, rest}, expect: one[3][9:73], chains: 2},
		"a hash that never was": {
			files: []string{mixed, rest}, expect: strings.Repeat("0", 64), chains: 2,
			broken: "no record has the expected hash",
		},
		"a record changed": {
			files:  []string{mixed, strings.Replace(rest, `"status":200`, `"status":403`, 1)},
			chains: 2, open: 2, broken: ":1: record 5 continues no chain: it was changed",
		},
		"a record removed": {
			files: []string{mixed, rest[len(one[4]):]}, chains: 2, open: 1, broken: ":2: record 6 continues no",
		},
		"a beginning removed": {
			files: []string{strings.Join(one[1:], "")}, broken: ":1: record 2 continues no chain",
		},
		"records moved": {
			files: []string{one[0] + one[2] + one[1]}, chains: 1, open: 1, broken: ":2: record 3 continues no",
		},
		"something after the end": {
			files: []string{strings.Join(two, "") + two[0]}, chains: 1,
		},
		"no record at all": {files: []string{"hello\n"}, broken: "no chain of an audit log begins in it"},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for i, text := range c.files {
				names = append(names, written(t, dir, strings.ReplaceAll(name, " ", "-")+string(rune('a'+i)), text))
			}
			chains, err := audit.VerifyCollected(c.expect, names...)
			open := 0
			for _, chain := range chains {
				if !chain.Ended {
					open++
				}
			}
			var b *audit.Broken
			if len(chains) != c.chains || open != c.open || errors.As(err, &b) != (c.broken != "") ||
				b != nil && !strings.Contains(b.Error(), c.broken) {
				t.Errorf("%+v, %v", chains, err)
			}
		})
	}
	if _, err := audit.VerifyCollected("", filepath.Join(dir, "absent")); err == nil {
		t.Error("a file that isn't there")
	}
}
