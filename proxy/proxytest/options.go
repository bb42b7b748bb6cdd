package proxytest

import (
	"encoding/json"
	"os/exec"
	"time"
)

// Hooks are what tests change of the program that no configuration can.
type Hooks struct {
	Ahead      time.Duration // how far the program's clock is ahead of this machine's
	RecordLife time.Duration // how long a record of a bucket or an upload is believed; 0: as ever
	ClaimAge   time.Duration // after which a claim is another replica's to take; 0: as ever
	CopyLimit  int64         // bytes that the store copies by one request; 0: as ever
	PutLimit   int64         // bytes that a migration writes by one request; 0: as ever
}

// An Option changes how a test's program is started.
type Option func(*Setup)

// A Setup is what the options of a start add up to.
type Setup struct {
	hooks Hooks
	env   []string
}

func setupOf(options []Option) *Setup {
	s := &Setup{}
	for _, o := range options {
		o(s)
	}
	return s
}

// ClockAhead turns the program's clock; a negative time is in the past.
func ClockAhead(by time.Duration) Option { return func(s *Setup) { s.hooks.Ahead = by } }

// RecordLife sets how long the program uses a record of a bucket or an upload that it has read.
func RecordLife(life time.Duration) Option { return func(s *Setup) { s.hooks.RecordLife = life } }

// ClaimAge sets when the claim of a replica that is gone may be taken by another.
func ClaimAge(age time.Duration) Option { return func(s *Setup) { s.hooks.ClaimAge = age } }

// CopyLimit sets how many bytes the store copies by one request.
func CopyLimit(n int64) Option { return func(s *Setup) { s.hooks.CopyLimit = n } }

// PutLimit sets how many bytes a migration writes by one request.
func PutLimit(n int64) Option { return func(s *Setup) { s.hooks.PutLimit = n } }

// Environment sets NAME=VALUE pairs for a program that is a process.
func Environment(pairs ...string) Option {
	return func(s *Setup) { s.env = append(s.env, pairs...) }
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
