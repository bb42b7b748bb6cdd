package drills_test

import (
	"cmp"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

var (
	drillsFlag = flag.String("drills", "", "`programs` to be drilled, separated by commas, or all; default a quick one")
	kindFlag   = flag.String("kind", general, "`kind` of the buckets: general or directory")
	updateFlag = flag.Bool("update", false, "write testdata/results.json and deploy/PROGRAMS.md")
)

// The kinds of buckets.
const (
	general   = "general"
	directory = "directory"
)

// quickDrill is the program that every `go test ./...` drills.
const quickDrill = "restic"

// A drill is what a program does. Its steps are scripts of bash, run in the program's folder with the variables of
// [desk.environment]; a step that ends with another status than 0 has failed. A step may start servers: they end with
// it.
type drill struct {
	needs   []string // programs: names for proxytest.ProgramPath, or paths
	version string   // script that prints it
	write   string   // through the proxy
	destroy string   // what the program itself keeps on its disk
	restore string   // by a new proxy
	compare string   // what was restored with what was written
	user    string   // that runs it, where the tests' user is root; "" for the tests' own
	readsCA bool     // the program trusts what the system trusts, and nothing else: it runs with a file system of its own
	// clear is how often the program's markers must occur in what it wrote, as the proxy serves it: 0 for programs that
	// encrypt or compress.
	clear int
}

// played says how a drill over a store went.
type played struct {
	Program  string  `json:"program"`
	Version  string  `json:"version"`
	Store    string  `json:"store"`
	Restored bool    `json:"restored"`
	Refused  string  `json:"-"`       // the header for which it was refused, as it must be; "" for none
	Seconds  float64 `json:"seconds"` // of all
	Again    float64 `json:"again"`   // until the new proxy served, adoption included
	Restore  float64 `json:"restore"` // of the program's restore
}

func TestMain(m *testing.M) {
	for _, name := range []string{
		"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "AWS_PROFILE", "AWS_ENDPOINT_URL",
	} {
		_ = os.Unsetenv(name)
	}
	status := m.Run()
	removeProgram()
	os.Exit(status)
}

// chosen are the programs to be drilled.
func chosen(t *testing.T) (list []*program) {
	t.Helper()
	names := strings.Split(cmp.Or(*drillsFlag, quickDrill), ",")
	for _, p := range programs {
		if p.drill != nil && (*drillsFlag == "all" || slices.Contains(names, p.name)) {
			list = append(list, p)
		}
	}
	if len(list) == 0 || *drillsFlag != "all" && len(list) < len(names) {
		t.Fatalf("-drills %s: not all are programs with a drill", *drillsFlag)
	}
	return list
}

// TestRestoresFromNothing plays the drills, and prints their table.
func TestRestoresFromNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("drills take a while")
	}
	var mu sync.Mutex
	var results []played
	t.Run("drills", func(t *testing.T) {
		for _, p := range chosen(t) {
			for _, s := range stores {
				t.Run(p.name+" over "+s.name, func(t *testing.T) {
					t.Parallel()
					r := p.play(t, s)
					mu.Lock()
					defer mu.Unlock()
					results = append(results, r)
				})
			}
		}
	})
	slices.SortFunc(results, byProgram)
	t.Logf("\n%s", tableOf(results))
	if *updateFlag && !t.Failed() && *kindFlag == general {
		updateResults(t, results)
	}
}

// play plays the drill of a program over a store.
func (p *program) play(t *testing.T, s storeKind) (r played) {
	began := time.Now()
	for _, name := range p.drill.needs {
		programPath(t, name)
	}
	if p.drill.readsCA && exec.Command("unshare", "-m", "true").Run() != nil {
		t.Skip(p.name + " trusts the system's authorities alone: its drill needs a mount namespace of its own, so root")
	}
	i := newInstallation(t, s)
	d := newDesk(t, i, p)
	if refusal := p.directory; *kindFlag == directory && refusal != works {
		d.mustBeRefused(refusal)
		return played{Program: p.name, Store: s.name, Refused: refusal}
	}
	r = played{Program: p.name, Store: s.name, Version: strings.TrimSpace(d.run("version", p.drill.version))}
	d.run("write", p.drill.write)
	d.mustHoldNothingPlain()

	lost := time.Now()
	i.destroy()
	d.run("destroy", p.drill.destroy)
	i.setUpAgain()
	r.Again = time.Since(lost).Seconds()
	began2 := time.Now()
	d.run("restore", p.drill.restore)
	r.Restore = time.Since(began2).Seconds()
	d.run("compare", p.drill.compare)
	i.verify()
	r.Restored, r.Seconds = !t.Failed(), time.Since(began).Seconds()
	return r
}

// programPath finds a program that a drill needs.
func programPath(t *testing.T, name string) string {
	t.Helper()
	if strings.HasPrefix(name, "/") {
		if _, err := os.Stat(name); err == nil {
			return name
		}
		proxytest.Missing(t, name+" isn't installed")
	}
	return proxytest.ProgramPath(t, name)
}
