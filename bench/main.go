package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
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

type usageError struct{ error }

// A plan is what to run.
type plan struct {
	targets     []*target
	sizes       []int
	concurrency []int
	time        time.Duration
	rounds      int
}

// run is the program. Progress and results go to out.
func run(ctx context.Context, args []string, env func(string) string, out io.Writer) error {
	p, err := parse(args, env)
	if err != nil {
		return err
	}
	cells, err := p.measure(ctx, out)
	if cleanErr := p.clean(context.WithoutCancel(ctx)); err == nil {
		err = cleanErr
	}
	if err != nil {
		return err
	}
	return report(out, p.targets, cells)
}

// parse reads the command line; defaults come from the exported environment.
func parse(args []string, env func(string) string) (*plan, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	sizes := flags.String("sizes", "4KiB,1MiB,64MiB", "object sizes")
	concurrency := flags.String("concurrency", "1,16", "workers at once")
	duration := flags.Duration("time", 3*time.Second, "of a cell")
	rounds := flags.Int("rounds", 1, "of every cell; the median counts")
	region := env("AWS_REGION")
	if region == "" {
		region = "us-west-2"
	}
	first := options{name: "sealfront", region: region}
	second := options{name: "against", region: region}
	for _, t := range []struct {
		prefix string
		o      *options
		env    func(string) string
	}{{"", &first, env}, {"against-", &second, func(string) string { return "" }}} {
		flags.StringVar(&t.o.name, t.prefix+"name", t.o.name, "name in the report")
		flags.StringVar(&t.o.bucket, t.prefix+"bucket", t.env("SEALFRONT_BUCKET"), "bucket; it must exist")
		flags.StringVar(&t.o.accessKey, t.prefix+"access-key", t.env("AWS_ACCESS_KEY_ID"), "access key id")
		flags.StringVar(&t.o.secretKey, t.prefix+"secret-key", t.env("AWS_SECRET_ACCESS_KEY"), "secret access key")
		flags.StringVar(&t.o.region, t.prefix+"region", t.o.region, "region of signatures")
		flags.StringVar(&t.o.ca, t.prefix+"ca", t.env("AWS_CA_BUNDLE"), "PEM file of the certificate authority")
		flags.IntVar(&t.o.pid, t.prefix+"pid", 0, "process whose CPU and memory are measured")
	}
	flags.StringVar(&first.endpoint, "endpoint", env("AWS_ENDPOINT_URL"), "URL of the Sealfront")
	flags.StringVar(&second.endpoint, "against", "", "URL of a second target, such as the store itself or bareproxy")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	p := &plan{time: *duration, rounds: *rounds}
	var err error
	if p.sizes, err = numbers(*sizes); err != nil {
		return nil, usageError{fmt.Errorf("-sizes: %w", err)}
	}
	if p.concurrency, err = numbers(*concurrency); err != nil {
		return nil, usageError{fmt.Errorf("-concurrency: %w", err)}
	}
	if p.time <= 0 || p.rounds <= 0 || flags.NArg() > 0 {
		return nil, usageError{errors.New("-time and -rounds must be positive, and there are no arguments")}
	}
	for _, o := range []options{first, second} {
		if o.endpoint == "" && o == second {
			continue
		}
		t, err := newTarget(o)
		if err != nil {
			return nil, usageError{fmt.Errorf("%s: %w", o.name, err)}
		}
		p.targets = append(p.targets, t)
	}
	return p, nil
}

// numbers reads a list of positive numbers, with KiB and MiB.
func numbers(list string) ([]int, error) {
	var result []int
	for _, text := range strings.Split(list, ",") {
		digits, factor := text, 1
		for i, unit := range []string{"KiB", "MiB"} {
			if d, ok := strings.CutSuffix(text, unit); ok {
				digits, factor = d, 1<<(10*(i+1))
			}
		}
		n, err := strconv.Atoi(digits)
		if err != nil || n <= 0 || n > (1<<31)/factor {
			return nil, fmt.Errorf("%q is not a number such as 16 or 1MiB, up to 2048MiB", text)
		}
		result = append(result, n*factor)
	}
	return result, nil
}
