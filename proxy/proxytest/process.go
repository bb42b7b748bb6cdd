package proxytest

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Command is the program as a process, not started.
func Command(args ...string) *exec.Cmd {
	mustBeAbleToRun()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), programVariable+"=1", "GORACE=halt_on_error=1",
		"TZ=Asia/Kolkata") // what is logged and signed must be UTC wherever it runs
	return cmd
}

// mustBeAbleToRun panics where the test binary, started again, would run the tests again.
func mustBeAbleToRun() {
	if !processes {
		panic("proxytest: the package needs a TestMain that calls Main: its test binary can't be the program, or a store")
	}
}

// WithOptions gives a command of the program, not started, these options, and returns it.
func WithOptions(cmd *exec.Cmd, options ...Option) *exec.Cmd {
	s := setupOf(options)
	text, err := json.Marshal(&s.hooks)
	if err != nil {
		panic(err)
	}
	cmd.Env = append(append(cmd.Env, hooksVariable+"="+string(text)), s.env...)
	return cmd
}

// process is the program as a process.
type process struct{ *exec.Cmd }

func startProcess(args []string, options []Option, stderr io.Writer) (runner, io.Reader, error) {
	cmd := WithOptions(Command(args...), options...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return process{cmd}, out, cmd.Start()
}

func (p process) signal(s syscall.Signal) error { return p.Process.Signal(s) }

func (p process) pid() int { return p.Process.Pid }

func (p process) wait() int {
	_ = p.Wait()
	return p.ProcessState.ExitCode()
}
