package gateway

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"sealfront/policy"
)

var update = flag.Bool("update", false, "write testdata/operations.txt")

// TestOperationsInOneTable holds together what is said of each operation: policy's row, the gateway's function, and
// what that needs. Those without a function are answered 501.
func TestOperationsInOneTable(t *testing.T) {
	const golden = "testdata/operations.txt"
	var b strings.Builder
	row := func(columns ...any) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-44s %-20s %-9s %-8s %-24s %s", columns...), " ") + "\n")
	}
	row("operation", "buckets", "endpoint", "about", "needs", "function")
	served := 0
	for op := policy.Operation(1); op.String() != ""; op++ {
		var kinds []string
		for kind, name := range map[policy.Kind]string{policy.Directory: "directory", policy.General: "general"} {
			if op.Supports(kind) {
				kinds = append(kinds, name)
			}
		}
		if len(kinds) == 2 {
			kinds = []string{"both"}
		}
		endpoint, about := "regional", "bucket"
		if op.Zonal() {
			endpoint = "zonal"
		}
		if op.OnObject() {
			about = "object"
		}
		o, ok := operations[op]
		function := "501"
		if ok {
			served++
			if o.serve == nil || o.needs == "" {
				t.Errorf("%v has no function, or needs nothing that has a name", op)
				continue
			}
			name := runtime.FuncForPC(reflect.ValueOf(o.serve).Pointer()).Name()
			function = name[strings.LastIndexByte(name, '.')+1:]
		}
		row(op, strings.Join(kinds, ""), endpoint, about, string(o.needs), function)
	}
	if served != len(operations) {
		t.Errorf("%d of the table's %d operations have a name in policy", served, len(operations))
	}
	want, err := os.ReadFile(golden)
	if err == nil && string(want) == b.String() {
		return
	}
	if !*update {
		t.Fatalf("%s isn't what the tables say (%v); go test ./proxy/gateway -run TestOperationsInOneTable -update "+
			"writes:\n%s", golden, err, b.String())
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
