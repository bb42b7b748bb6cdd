package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"sealfront/proxy/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(exitStatus(err, os.Stderr))
}

// The exit statuses.
const (
	statusOK    = 0
	statusError = 1
	statusUsage = 2
)

// exitStatus says on stderr what went wrong and chooses the exit status.
func exitStatus(err error, stderr io.Writer) int {
	var usage usageError
	var faults config.Faults
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return statusOK
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults.Error())
		return statusUsage
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "sealfront:", err)
		return statusUsage
	}
	fmt.Fprintln(stderr, "sealfront:", err)
	return statusError
}

// A usageError is a command line that can't be understood.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

const usageText = `usage:
  sealfront [serve] [--data DIR] [--listen ADDR] [--http ADDR] [--admin ADDR]   embedded store and key service
  sealfront serve --config FILE                                                 production
  sealfront config check FILE                                                   faults of a configuration, a line each
  sealfront config schema                                                       JSON schema of a configuration, for editors
  sealfront audit verify [--expect HASH] FILE…                                  whether an audit log is whole; the oldest file first
  sealfront explain --operation OP --bucket B [--key K] [--header 'Name: value']… [--session-header …]
                                                                                which rule decides about a request, and why
  sealfront inspect s3://B/KEY                    an object's envelope and layout, and whether it verifies, in JSON
  sealfront verify s3://B[/PREFIX] [--concurrency N] [--rate N] [--resume FILE] [--json]
                                                  reads every object; a line one that isn't whole
  sealfront rewrap s3://B[/PREFIX] [--concurrency N] [--rate N] [--resume FILE]
                                                  wraps every data key anew, after a rotation; a report in JSON
  sealfront migrate s3://STORE-BUCKET[/PREFIX] s3://B[/PREFIX] [--drop-tags] [--concurrency N] [--rate N] [--resume FILE]
                                                  seals what lies in the clear in a store's bucket, and compares; a report in JSON
  sealfront open --bucket B --key K --envelope VALUE RAWFILE [--arn ARN [--kms-key ARN]]
                                                  the plaintext of a stored object's bytes; with --arn KMS alone is needed
  sealfront adopt BUCKET --arn ARN --kms-key ARN  makes a bucket's lost record again
  sealfront keys [drop [--kms-key ARN]] [--admin URL]
                                                  bucket keys in a running replica's memory; drop forgets them everywhere
  sealfront version                               which build this is

Tools take --config FILE or --data DIR and may run beside a running server. 'sealfront COMMAND -h' lists a command's flags.
`

// run is the program. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && (args[0] == "--help" || args[0] == "-help" || args[0] == "-h") {
		args = []string{"help"}
	}
	command := "serve"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	switch command {
	case "serve":
		return runServe(ctx, args, stdout, stderr)
	case "config":
		return runConfig(ctx, args, stdout, stderr)
	case "audit":
		return runAudit(args, stdout, stderr)
	case "explain":
		return runExplain(ctx, args, stdout, stderr)
	case "version":
		return runVersion(args, stdout, stderr)
	case "help":
		_, err := io.WriteString(stdout, manual())
		return err
	}
	if tool, ok := toolCommands[command]; ok {
		return tool(ctx, args, stdout, stderr)
	}
	return usagef("there is no command %q\n%s", command, usageText)
}

func newFlags(command string, stderr io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet("sealfront "+command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	return flags
}

// parseFlags reads flags, and wants this many arguments after them.
func parseFlags(flags *flag.FlagSet, args []string, arguments int) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if flags.NArg() != arguments {
		return usagef("%s takes %d arguments, but got %q", flags.Name(), arguments, flags.Args())
	}
	return nil
}

func runServe(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := newFlags("serve", stderr)
	file := flags.String("config", "", "configuration file")
	data := flags.String("data", "", "directory of the embedded parts (default ./sealfront-data)")
	listen := flags.String("listen", "", "address for HTTPS (default 127.0.0.1:8443)")
	plain := flags.String("http", "", "address for plain HTTP (default none)")
	admin := flags.String("admin", "", "address for health, metrics and profiles (default 127.0.0.1:9090)")
	if err := parseFlags(flags, args, 0); err != nil {
		return err
	}
	if *file != "" {
		if *data != "" || *listen != "" || *plain != "" || *admin != "" {
			return usagef("--config excludes the other flags: set data and listen in the file")
		}
		c, err := config.Load(*file)
		if err != nil {
			return configError(err)
		}
		return serve(ctx, c, *file, stdout, stderr)
	}
	c, err := config.Embedded(*data, *listen, *plain, *admin)
	if err != nil {
		return configError(err)
	}
	return serve(ctx, c, "", stdout, stderr)
}

// configError makes a configuration that can't be read exit status 2, as one with faults is.
func configError(err error) error {
	var faults config.Faults
	if errors.As(err, &faults) {
		return err
	}
	return usageError{err}
}

func runConfig(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 1 && args[0] == "schema" {
		return writeJSON(stdout, config.Schema())
	}
	if len(args) != 2 || args[0] != "check" {
		return usagef("usage: sealfront config check FILE\n       sealfront config schema")
	}
	c, err := config.Load(args[1])
	if err != nil {
		return configError(err)
	}
	return check(ctx, c, stderr)
}
