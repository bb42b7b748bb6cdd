package deploy_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestTheDashboardIsOfTheChosenReplicas holds every expression to the choices of namespace and instance, and the
// dashboard to rows whose first are tiles.
func TestTheDashboardIsOfTheChosenReplicas(t *testing.T) {
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Targets     []struct{ Expr string }
		}
		Annotations struct{ List []struct{ Name, Expr string } }
		Templating  struct{ List []struct{ Name string } }
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	chosen := func(where, expr string) {
		for _, m := range metricName.FindAllStringIndex(expr, -1) {
			selector, _, _ := strings.Cut(expr[m[1]:], "}")
			if !strings.HasPrefix(selector, "{") ||
				!strings.Contains(selector, `namespace=~"$namespace",instance=~"$instance"`) {
				t.Errorf("%s: %s is of all replicas", where, expr[m[0]:m[1]])
			}
		}
	}
	var variables, notes []string
	for _, v := range dashboard.Templating.List {
		variables = append(variables, v.Name)
	}
	for _, a := range dashboard.Annotations.List {
		notes = append(notes, a.Name)
		chosen(a.Name, a.Expr)
	}
	if got := strings.Join(variables, " "); got != "datasource namespace instance" {
		t.Errorf("variables %s", got)
	}
	if got := strings.Join(notes, ", "); got != "Start, Configuration loaded" {
		t.Errorf("annotations %s", got)
	}
	rows, tiles, below := 0, 0, 0
	for _, p := range dashboard.Panels {
		if p.Type == "row" {
			rows++
		} else if rows == 0 {
			t.Errorf("%q is in no row", p.Title)
		}
		if p.Type == "stat" {
			if tiles++; rows != 1 {
				t.Errorf("the tile %q isn't on top", p.Title)
			}
		}
		if p.GridPos.Y < below || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%q is at %+v", p.Title, p.GridPos)
		}
		if below = p.GridPos.Y; p.Type == "row" {
			below++
		}
		for _, target := range p.Targets {
			chosen(p.Title, target.Expr)
		}
	}
	if rows < 5 || tiles < 3 {
		t.Errorf("%d rows, %d tiles", rows, tiles)
	}
}
