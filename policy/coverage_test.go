package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryRowIsCovered holds the tests to the reference: each id of sections 2.4 to 2.10, 4.1 and 4.2, and
// of the sessions' rows that are decided here, occurs in a table or in the name of a case.
func TestEveryRowIsCovered(t *testing.T) {
	var all strings.Builder
	for _, pattern := range []string{"testdata/*.txt", "*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if name == "coverage_test.go" {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	for _, family := range []struct {
		name        string
		first, last int
	}{
		{"PBE", 1, 22},
		{"DBE", 1, 1},
		{"GBE", 1, 2},
		{"H", 1, 17},
		{"CS", 1, 10},
		{"PUT", 1, 13},
		{"CP", 1, 10},
		{"UP", 1, 3},
		{"UC", 1, 4},
		{"CM", 1, 3},
		{"AP", 1, 3},
		{"RN", 1, 2},
		{"DL", 1, 1},
		{"G", 1, 5},
		{"T", 1, 4},
		{"REG", 1, 4},
		{"GP", 1, 6},
	} {
		for i := family.first; i <= family.last; i++ {
			id := fmt.Sprintf("%s-%d", family.name, i)
			if !regexp.MustCompile(`\b` + id + `\b`).MatchString(all.String()) {
				t.Errorf("no test names row %s", id)
			}
		}
	}
}
