package deploy_test

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"sort"
	"strings"
	"testing"

	"sealfront/policy"
)

var update = flag.Bool("update", false, "write COMPATIBILITY.md's list of operations")

// served reads the names of the operations that the gateway's table has.
func served(t *testing.T) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../proxy/gateway/operations.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		if pair, ok := n.(*ast.KeyValueExpr); ok {
			if key, ok := pair.Key.(*ast.SelectorExpr); ok {
				names[key.Sel.Name] = true
			}
		}
		return true
	})
	// A form is known by its fields, not by its head, so it has its own way in.
	if form, err := os.ReadFile("../proxy/gateway/form.go"); err == nil &&
		strings.Contains(string(form), "\nfunc postObject(") {
		names["PostObject"] = true
	}
	return names
}

// TestCOMPATIBILITYListsTheOperations compares COMPATIBILITY.md's list with the gateway's table.
func TestCOMPATIBILITYListsTheOperations(t *testing.T) {
	const begin, end = "<!-- operations: made by go test ./deploy -update -->\n", "<!-- /operations -->"
	table := served(t)
	var yes, no []string
	for o := policy.Operation(1); o.String() != ""; o++ {
		if table[o.String()] {
			yes = append(yes, o.String())
		} else {
			no = append(no, o.String())
		}
	}
	if len(yes) != len(table) {
		t.Fatalf("the gateway's table has %d operations, of which policy names %d", len(table), len(yes))
	}
	sort.Strings(yes)
	sort.Strings(no)
	want := begin + wrap("Served: "+strings.Join(yes, ", ")+".") + "\n" +
		wrap("Recognised, and answered 501 NotImplemented or as the bucket's kind wants it: "+strings.Join(no, ", ")+".") +
		end
	text, err := os.ReadFile("COMPATIBILITY.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("COMPATIBILITY.md has lost the marks of its list of operations")
	}
	if string(text) == before+want+after {
		return
	}
	if !*update {
		t.Fatal("COMPATIBILITY.md's list of operations is not the gateway's table; run go test ./deploy -update")
	}
	if err := os.WriteFile("COMPATIBILITY.md", []byte(before+want+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// wrap breaks a paragraph into lines of at most 120 characters.
func wrap(paragraph string) string {
	var b strings.Builder
	width := 0
	for i, word := range strings.Fields(paragraph) {
		switch {
		case i == 0:
		case width+1+len(word) > 120:
			b.WriteByte('\n')
			width = -1
		default:
			b.WriteByte(' ')
		}
		b.WriteString(word)
		width += 1 + len(word)
	}
	return b.String() + "\n"
}
