package main

import (
	"context"
	"io"
	"os"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// The tests of this package run the real program: the test binary, started again as main.
func TestMain(m *testing.M) {
	if os.Getenv(goClientVariable) != "" {
		os.Exit(exitStatus(goClient(context.Background()), os.Stderr))
	}
	proxytest.Main(m, func(ctx context.Context, h *proxytest.Hooks, args []string, stdout, stderr io.Writer) int {
		clock = func() time.Time { return time.Now().Add(h.Ahead) }
		recordLife, claimAge, storeCopyLimit, putLimit = h.RecordLife, h.ClaimAge, h.CopyLimit, h.PutLimit
		return exitStatus(run(ctx, args, stdout, stderr), stderr)
	})
}
