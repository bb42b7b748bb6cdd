package proxytest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"

	"sealfront/proxy/command"
)

// Environment variables that make a test binary the program, or the shared store.
const (
	programVariable = "SEALFRONT_TEST_PROGRAM"
	hooksVariable   = "SEALFRONT_TEST_HOOKS" // JSON of Hooks
	storeVariable   = "SEALFRONT_TEST_STORE" // JSON of localstore.Options
)

// A Mode is how a package's tests start the program.
type Mode int

const (
	// InProcess makes Start and the functions like it start the program within the test's process, where coverage sees it.
	// Embedded stores are in memory.
	InProcess Mode = iota
	// OverFiles is InProcess whose embedded stores are those of the program, over files, each a process of its own.
	OverFiles
	// Processes makes them start the program as a process: the test binary, started again.
	Processes
)

// mode is that of this test binary. Only Main sets it, before any test runs.
var mode = InProcess

// processes reports whether the test binary can be the program: its TestMain calls Main.
var processes bool

// Main is the TestMain of a package whose tests start processes: all programs with Processes, all embedded stores with
// OverFiles, and the shared store and what StartProcess starts with any mode. A package that starts none needs no
// TestMain.
func Main(m *testing.M, how Mode) {
	if os.Getenv(programVariable) != "" {
		os.Exit(beProgram())
	}
	if text := os.Getenv(storeVariable); text != "" {
		fmt.Fprintln(os.Stderr, serveStore(text))
		os.Exit(command.StatusError)
	}
	mode, processes = how, true
	for _, name := range []string{
		"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_PROFILE", "AWS_ENDPOINT_URL",
	} {
		_ = os.Unsetenv(name)
	}
	runMoreAtOnce()
	status := m.Run()
	stopSharedStore()
	os.Exit(status)
}

// beProgram is the program, in a process of its own.
func beProgram() (status int) {
	var h Hooks
	if text := os.Getenv(hooksVariable); text != "" {
		if err := json.Unmarshal([]byte(text), &h); err != nil {
			panic(err)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	stderr := os.Stderr // the embedded store replaces the variable
	err := command.Run(ctx, os.Args[1:], os.Stdout, stderr, command.Options{Instance: h.options()})
	return command.ExitStatus(err, stderr)
}

// runMoreAtOnce sets -parallel where it isn't given: most of a test's time is waiting for the programs that it has
// started, so more of them run at once than there are processors. Under the race detector it isn't waiting any more.
func runMoreAtOnce() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && !RaceEnabled {
		_ = flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
	}
}
