package proxytest

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Program is the proxy, started by a test.
type Program struct {
	T      testing.TB
	Env    map[string]string // what it exported
	Stderr *Buffer
	args   []string
	cmd    *exec.Cmd
	Ended  chan struct{} // closed once it has ended
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

// Command is the program as a process, not started.
func Command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), programVariable+"=1", "GORACE=halt_on_error=1",
		"TZ=Asia/Kolkata") // what is told and signed must be UTC wherever it runs
	return cmd
}

// Subcommand runs a subcommand as a process of its own.
func Subcommand(t testing.TB, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := Command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// StartEmbedded starts the program with everything embedded under dir.
func StartEmbedded(t testing.TB, dir string, options ...Option) *Program {
	t.Helper()
	return startCommand(t, options, "--data", dir, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")
}

// StartCounting is startEmbedded of a program that reads no record of a bucket or an upload again because 5 seconds are
// over: tests that count requests to the store would otherwise, on a slow machine, count those.
func StartCounting(t testing.TB, dir string, options ...Option) *Program {
	t.Helper()
	return StartEmbedded(t, dir, append(options, RecordLife(time.Hour))...)
}

// Start starts the program and waits until it is ready. It ends with the test.
func Start(t testing.TB, args ...string) *Program {
	t.Helper()
	return startCommand(t, nil, args...)
}

// startCommand is startProgram with options.
func startCommand(t testing.TB, options []Option, args ...string) *Program {
	t.Helper()
	p := &Program{T: t, Env: make(map[string]string), Stderr: &Buffer{}, args: args, Ended: make(chan struct{})}
	out := p.startProcess(options)
	ready := make(chan bool, 1)
	go func() {
		p.readExports(out, ready)
		_ = p.cmd.Wait()
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
	case <-time.After(60 * time.Second):
		t.Fatalf("the program was not ready in time:\n%s", p.Stderr.String())
	}
	return p
}

// startProcess starts the test binary as the program, and returns its standard output.
func (p *Program) startProcess(options []Option) io.Reader {
	p.T.Helper()
	p.cmd = WithOptions(Command(p.args...), options...)
	p.cmd.Stderr = p.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		p.T.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	return out
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
func (p *Program) ConfigFile() string { return p.args[len(p.args)-1] }

// PID is the process's id.
func (p *Program) PID() int { return p.cmd.Process.Pid }

// Stop ends the program as an operator would and returns its exit status.
func (p *Program) Stop() int {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return p.Wait()
}

// Terminate begins to end the program as an operator would: SIGTERM.
func (p *Program) Terminate() { p.signal(syscall.SIGTERM) }

// HangUp has the program read its configuration again: SIGHUP.
func (p *Program) HangUp() { p.signal(syscall.SIGHUP) }

// Kill ends the program at once, in the middle of whatever it does: SIGKILL.
func (p *Program) Kill() { p.signal(syscall.SIGKILL) }

func (p *Program) signal(s syscall.Signal) {
	p.T.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.T.Error(err)
	}
}

// Wait waits until the program has ended, and returns its exit status.
func (p *Program) Wait() int {
	select {
	case <-p.Ended:
	case <-time.After(60 * time.Second):
		p.T.Errorf("the program did not end in time")
		_ = p.cmd.Process.Kill()
		<-p.Ended
	}
	return p.cmd.ProcessState.ExitCode()
}
