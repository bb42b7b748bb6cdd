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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, new(usageError)):
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program. Tables go to out; progress and what was left out go to progress.
func run(ctx context.Context, args []string, env func(string) string, out, progress io.Writer) error {
	command := "load"
	if len(args) > 0 && args[0] != "" && args[0][0] != '-' {
		command, args = args[0], args[1:]
	}
	switch command {
	case "load", "compare":
		p, err := parse(command, args, env, progress)
		if err != nil {
			return err
		}
		return p.run(ctx, out)
	case "slow":
		p, err := parse(command, args, env, progress)
		if err != nil {
			return err
		}
		return p.besiege(ctx, out)
	case "reload":
		u, err := parseUpkeep(args, progress)
		if err != nil {
			return err
		}
		return u.run(ctx, strings.Join(append([]string{"go run ./bench reload"}, args...), " "), out)
	case "memory":
		s, err := parseSurvey(args, progress)
		if err != nil {
			return err
		}
		return s.run(ctx, strings.Join(append([]string{"go run ./bench memory"}, args...), " "), out)
	case "refresh":
		v, err := parseVigil(args, progress)
		if err != nil {
			return err
		}
		return v.run(ctx, strings.Join(append([]string{"go run ./bench refresh"}, args...), " "), out)
	case "conformance":
		e, err := parseExamination(args, progress)
		if err != nil {
			return err
		}
		return e.run(ctx, strings.Join(append([]string{"go run ./bench conformance"}, args...), " "), out)
	case "keys":
		v, err := parseKeyTrial(args, env, progress)
		if err != nil {
			return err
		}
		return v.run(ctx, strings.Join(append([]string{"go run ./bench keys"}, args...), " "), out)
	case "report":
		return reportCommand(args, out, progress)
	}
	return usagef("%q is none of load, compare, slow, reload, memory, refresh, conformance, keys and report", command)
}
