package proxytest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"sealfront/proxy/command"
	"sealfront/proxy/instance"
	"sealfront/proxy/localstore"
)

// goroutine is the program within the test's process.
type goroutine struct {
	cancel  context.CancelFunc // what SIGTERM is to a process
	hangUps chan os.Signal
	status  chan int
}

func startGoroutine(t testing.TB, args []string, s *Setup, stderr io.Writer) (runner, io.Reader, error) {
	if len(s.env) > 0 {
		return nil, nil, errors.New("the environment is the process's: start the program by StartProcess")
	}
	o := s.inProcess(t)
	ctx, cancel := context.WithCancel(context.Background())
	g := &goroutine{cancel: cancel, hangUps: make(chan os.Signal, 1), status: make(chan int, 1)}
	out, stdout := io.Pipe()
	hangUps := func() (<-chan os.Signal, func()) { return g.hangUps, func() {} }
	go func() {
		err := command.Run(ctx, args, stdout, stderr, command.Options{Instance: o, HangUps: hangUps})
		g.status <- command.ExitStatus(err, stderr)
		_ = stdout.Close()
	}()
	return g, out, nil
}

// inProcess are the options of a program that isn't alone in its process.
func (s *Setup) inProcess(t testing.TB) instance.Options {
	o := s.hooks.options()
	o.Shared = true
	if s.mode == OverFiles {
		o.EmbeddedStore = storeOverFiles
	} else {
		o.EmbeddedStore = storeInMemory(t)
	}
	return o
}

func storeOverFiles(_ context.Context, l localstore.Options) (instance.EmbeddedStore, error) {
	return startStoreProcess(&l)
}

func (g *goroutine) signal(s syscall.Signal) error {
	switch s {
	case syscall.SIGTERM:
		g.cancel()
		return nil
	case syscall.SIGHUP:
		g.hangUps <- s
		return nil
	}
	return fmt.Errorf("%v ends the test's process: start the program by StartProcess", s)
}

func (g *goroutine) pid() int { return os.Getpid() }

func (g *goroutine) wait() int { return <-g.status }

// run runs a subcommand within the test's process.
func (s *Setup) run(t testing.TB, args []string, stdout, stderr io.Writer) (status int) {
	o := s.inProcess(t)
	err := command.Run(t.Context(), args, stdout, stderr, command.Options{Instance: o})
	return command.ExitStatus(err, stderr)
}
