package main

import (
	"context"
	_ "embed"
	"io"
	"os"
	"os/signal"
	"syscall"

	"sealfront/proxy/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	stderr := os.Stderr // the embedded store replaces the variable
	err := run(ctx, os.Args[1:], os.Stdout, stderr)
	stop()
	os.Exit(command.ExitStatus(err, stderr))
}

// manual is this package's comment, which is the manual of the whole program.
//
//go:embed doc.go
var manual string

// run is the program. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return command.Run(ctx, args, stdout, stderr, command.Options{Manual: manual})
}
