package main

import (
	"context"
	"os"
	"testing"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
)

// The tests of this package run the real program: the test binary, started again as main.
func TestMain(m *testing.M) {
	if os.Getenv(goClientVariable) != "" {
		os.Exit(command.ExitStatus(goClient(context.Background()), os.Stderr))
	}
	proxytest.Main(m, proxytest.Processes)
}
