package proxytest

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// What makes a test binary the program, or the shared store.
const (
	programVariable = "SEALFRONT_TEST_PROGRAM"
	hooksVariable   = "SEALFRONT_TEST_HOOKS" // JSON of hooks
	storeVariable   = "SEALFRONT_TEST_STORE" // the store's directory
)

// Main is the TestMain of a package whose tests start the program as a process: the test binary, started again. run is
// the program, and returns its exit status.
func Main(m *testing.M, run func(ctx context.Context, h *Hooks, args []string, stdout, stderr io.Writer) int) {
	if os.Getenv(programVariable) != "" {
		var h Hooks
		if text := os.Getenv(hooksVariable); text != "" {
			if err := json.Unmarshal([]byte(text), &h); err != nil {
				panic(err)
			}
		}
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		status := run(ctx, &h, os.Args[1:], os.Stdout, os.Stderr)
		stop()
		os.Exit(status)
	}
	if dir := os.Getenv(storeVariable); dir != "" {
		fmt.Fprintln(os.Stderr, serveStore(dir))
		os.Exit(1)
	}
	for _, name := range []string{"AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_PROFILE", "AWS_ENDPOINT_URL"} {
		_ = os.Unsetenv(name)
	}
	runMoreAtOnce()
	status := m.Run()
	stopSharedStore()
	os.Exit(status)
}

// runMoreAtOnce sets -parallel where it isn't given: most of a test's time is waiting for the programs that it has started, so
// more of them run at once than there are processors. Under the race detector it isn't waiting any more.
func runMoreAtOnce() {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && !RaceEnabled {
		_ = flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0)))
	}
}
