package conformance

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
)

var (
	given     Settings
	storeFlag = flag.String("store", "embedded", "of the program that is started: embedded, versitygw, minio")
	keysFlag  = flag.String("kms", "embedded",
		"of the program that is started: embedded, moto, sealfront (the command kms)")
)

func TestMain(m *testing.M) {
	given.Flags(flag.CommandLine)
	flag.Parse()
	given.FromEnvironment()
	os.Exit(m.Run())
}

// TestConformance runs every row on the endpoint.
func TestConformance(t *testing.T) {
	if testing.Short() && given.Endpoint == "" {
		t.Skip("it builds and starts the program")
	}
	s := given
	if s.Endpoint == "" {
		s = startProgram(t)
	}
	suite, err := Open(s)
	if err != nil {
		t.Fatal(err)
	}
	var results Summary
	var mu sync.Mutex
	t.Cleanup(func() {
		if err := suite.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { fmt.Print(results.String()) }) // both run when the last row has ended
	for _, r := range suite.Rows() {
		t.Run(r.Name(), func(t *testing.T) {
			t.Parallel()
			o := suite.Try(t.Context(), r)
			mu.Lock()
			results.Add(o)
			mu.Unlock()
			for _, line := range o.Lines {
				t.Log(line)
			}
			switch o.What {
			case Failed:
				t.Fail()
			case Skipped:
				t.Skip(o.Reason)
			}
		})
	}
}

// TestEveryRowHasACase compares the cases with the list of the reference's ids.
func TestEveryRowHasACase(t *testing.T) {
	have := make(map[string]bool)
	all, err := Rows()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		have[r.ID] = true
		if r.Source == "" {
			t.Errorf("%s has no source", r.Name())
		}
	}
	listed := make(map[string]bool)
	file, err := os.Open("rows/ids.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		id, _, _ := strings.Cut(strings.TrimSpace(lines.Text()), " | ")
		if id = strings.TrimSpace(id); id == "" || strings.HasPrefix(id, "#") {
			continue
		}
		listed[id] = true
		why := outOfReach[id]
		switch {
		case have[id] && why != "":
			t.Errorf("%s is out of reach (%s), but has a case", id, why)
		case !have[id] && why == "":
			t.Errorf("%s has no case", id)
		}
	}
	for id := range have {
		if !listed[id] {
			t.Errorf("%s has a case, but rows/ids.txt doesn't list it", id)
		}
	}
	for id := range outOfReach {
		if !listed[id] {
			t.Errorf("%s is out of reach, but rows/ids.txt doesn't list it", id)
		}
	}
}
