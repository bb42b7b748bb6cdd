package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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

func prepareServe(v *invocation) action {
	file := v.String("config", "", "configuration `FILE`; excludes the other flags, whose settings are in it")
	data := v.String("data", "", "`DIR` of the embedded store and key service; default ./sealfront-data")
	region := v.String("region", "", "`REGION` of new buckets and keys, and of signatures; default that of the last start, at first us-west-2")
	listen := v.String("listen", "", "`ADDRESS` for HTTPS; default 127.0.0.1:8443. Port 0 picks a free one")
	plain := v.String("http", "", "`ADDRESS` for plain HTTP; default none. SSE-KMS objects are served over TLS only")
	admin := v.String("admin", "", "`ADDRESS` for health, metrics, status page and profiles; default 127.0.0.1:9090")
	return func(ctx context.Context, _ []string) error {
		if *file != "" {
			if *data != "" || *region != "" || *listen != "" || *plain != "" || *admin != "" {
				return usagef("--config excludes the other flags: set data, region and listen in the file")
			}
			c, err := config.Load(*file)
			if err != nil {
				return configError(err)
			}
			return serve(ctx, c, *file, v.stdout, v.stderr)
		}
		c, err := embeddedConfig(*data, *region, *listen, *plain, *admin)
		if err != nil {
			return configError(err)
		}
		return serve(ctx, c, "", v.stdout, v.stderr)
	}
}

// embeddedConfig is config.Embedded for the region that is named, or that the data directory was served for last.
func embeddedConfig(data, region, https, http, admin string) (*config.Config, error) {
	c, err := config.Embedded(data, region, https, http, admin)
	if err != nil || region != "" {
		return c, err
	}
	c.Region = or(lastRegion(c.Data), c.Region)
	return c, nil
}

// configError makes a configuration that can't be read exit status 2, as one with faults is.
func configError(err error) error {
	var faults config.Faults
	if errors.As(err, &faults) {
		return err
	}
	return usageError{err}
}

func prepareConfigCheck(v *invocation) action {
	return func(ctx context.Context, operands []string) error {
		c, err := config.Load(operands[0])
		if err != nil {
			return configError(err)
		}
		return check(ctx, c, v.stderr)
	}
}

func prepareConfigSchema(v *invocation) action {
	return func(context.Context, []string) error { return writeJSON(v.stdout, config.Schema()) }
}
