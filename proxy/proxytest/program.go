package proxytest

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealfront/proxy/command"
)

// A Program is the proxy, started by a test: a process, or a goroutine of the test's own.
type Program struct {
	T      testing.TB
	Env    map[string]string // what it exported, and what tests add for their clients
	Stderr *Buffer           // its log
	Args   []string
	Ended  chan struct{} // closed once it has ended

	running runner
	status  *int // its exit status, once it has ended
}

// A runner is a program that was started.
type runner interface {
	signal(syscall.Signal) error
	pid() int
	wait() (status int) // called once
}

// Buffer is a buffer that several goroutines may write to and read.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (l *Buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was written until now.
func (l *Buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Subcommand runs a subcommand, as the package's tests start the program.
func Subcommand(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	if s := setupOf(nil); s.mode != Processes {
		status = s.run(t, args, &out, &errs)
		return out.String(), errs.String(), status
	}
	cmd := Command(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// StartEmbedded starts the program with everything embedded under dir.
func StartEmbedded(t testing.TB, dir string, options ...Option) *Program {
	t.Helper()
	return startCommand(t, options, "--data", dir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin",
		"127.0.0.1:0")
}

// Counting are the options of a program whose cached records of buckets and uploads don't expire, and that doesn't check
// the health of store and KMS: on a slow machine, tests that count requests to the store would otherwise count those,
// too.
var Counting = []Option{RecordLife(time.Hour), HealthEvery(time.Hour)}

// StartCounting is StartEmbedded with the options Counting.
func StartCounting(t testing.TB, dir string, options ...Option) *Program {
	t.Helper()
	return StartEmbedded(t, dir, append(options, Counting...)...)
}

// Start starts the program and waits until it is ready. It ends with the test.
func Start(t testing.TB, args ...string) *Program {
	t.Helper()
	return startCommand(t, nil, args...)
}

// StartProcess is Start of a program that is a process, in any mode of the package: one that can be killed, or has an
// environment of its own.
func StartProcess(t testing.TB, args ...string) *Program {
	t.Helper()
	return startCommand(t, []Option{As(Processes)}, args...)
}

// startCommand is Start with options.
func startCommand(t testing.TB, options []Option, args ...string) *Program {
	t.Helper()
	p := &Program{
		T: t, Env: make(map[string]string), Stderr: &Buffer{}, Args: args, Ended: make(chan struct{}), status: new(int),
	}
	var out io.Reader
	var err error
	if s := setupOf(options); s.mode != Processes {
		p.running, out, err = startGoroutine(t, args, s, p.Stderr)
	} else {
		p.running, out, err = startProcess(args, options, p.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		p.readExports(out, ready)
		*p.status = p.running.wait()
		close(p.Ended)
		close(ready)
	}()
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			log := p.Stderr.String()
			t.Logf("the program's log:\n%s", log[max(0, len(log)-8000):])
		}
	})
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("the program ended before it was ready:\n%s", p.Stderr.String())
		}
	case <-time.After(3 * time.Minute):
		t.Fatalf("the program was not ready in time:\n%s", p.Stderr.String())
	}
	return p
}

// readExports reads what the program exports until its standard output ends, and sends true once it is ready.
func (p *Program) readExports(out io.Reader, ready chan<- bool) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if line == "# ready" {
			ready <- true
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			_, _ = p.Stderr.Write([]byte("unexpected on stdout: " + line + "\n"))
		}
		p.Env[name] = strings.Trim(value, "'")
	}
}

// ConfigFile is the configuration file that the program was started with: its last argument.
func (p *Program) ConfigFile() string { return p.Args[len(p.Args)-1] }

// PID is the id of the process that the program is, or is in.
func (p *Program) PID() int { return p.running.pid() }

// Stop ends the program as an operator would and returns its exit status.
func (p *Program) Stop() int {
	_ = p.running.signal(syscall.SIGTERM) // it may have ended already
	return p.Wait()
}

// Terminate begins to end the program as an operator would: SIGTERM.
func (p *Program) Terminate() { p.signal(syscall.SIGTERM) }

// HangUp makes the program read its configuration again: SIGHUP.
func (p *Program) HangUp() { p.signal(syscall.SIGHUP) }

// Kill ends the program at once, in the middle of its work: SIGKILL. It has to be a process.
func (p *Program) Kill() { p.signal(syscall.SIGKILL) }

func (p *Program) signal(s syscall.Signal) {
	p.T.Helper()
	if err := p.running.signal(s); err != nil {
		p.T.Error(err)
	}
}

// Wait waits until the program has ended, and returns its exit status.
func (p *Program) Wait() int {
	p.T.Helper()
	select {
	case <-p.Ended:
		return *p.status
	case <-time.After(3 * time.Minute):
	}
	p.T.Errorf("the program did not end in time")
	if p.running.signal(syscall.SIGKILL) != nil {
		return command.StatusError // a goroutine can't be ended from outside
	}
	<-p.Ended
	return *p.status
}
