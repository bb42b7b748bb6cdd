package proxytest

import (
	"time"

	"sealfront/proxy/instance"
)

// Hooks are what tests change of the program that no configuration can.
type Hooks struct {
	Ahead      time.Duration // how far the program's clock is ahead of this machine's
	RecordLife time.Duration // how long a record of a bucket or an upload is cached; 0: the default
	RoleLife   time.Duration // the longest session of a role; 0: the configuration's
	ClaimAge   time.Duration // after which another replica may take a claim; 0: the default
	SweepEvery time.Duration // of leftovers in the state bucket; 0: the default
	CopyLimit  int64         // bytes that the store copies by one request; 0: the default
	PutLimit   int64         // bytes that a migration writes by one request; 0: the default
	// HealthEvery is how often store and KMS are asked how they are, five times as long as they have to answer; 0: the
	// default
	HealthEvery time.Duration
}

// options are the hooks as the program takes them.
func (h *Hooks) options() instance.Options {
	o := instance.Options{
		RecordLife: h.RecordLife, RoleLife: h.RoleLife, ClaimAge: h.ClaimAge, CopyLimit: h.CopyLimit, PutLimit: h.PutLimit,
		HealthEvery: h.HealthEvery, SweepEvery: h.SweepEvery,
	}
	if ahead := h.Ahead; ahead != 0 {
		o.Now = func() time.Time { return time.Now().Add(ahead) }
	}
	return o
}

// An Option changes how a test's program is started.
type Option func(*Setup)

// A Setup is the sum of the options of a start.
type Setup struct {
	mode  Mode
	hooks Hooks
	env   []string
}

func setupOf(options []Option) *Setup {
	s := &Setup{mode: mode}
	for _, o := range options {
		o(s)
	}
	return s
}

// As starts the program in this mode instead of the package's.
func As(m Mode) Option { return func(s *Setup) { s.mode = m } }

// ClockAhead turns the program's clock; a negative time is in the past.
func ClockAhead(by time.Duration) Option { return func(s *Setup) { s.hooks.Ahead = by } }

// RecordLife sets how long the program uses a record of a bucket or an upload that it has read.
func RecordLife(life time.Duration) Option { return func(s *Setup) { s.hooks.RecordLife = life } }

// RoleLife makes sessions of roles shorter than STS has them.
func RoleLife(life time.Duration) Option { return func(s *Setup) { s.hooks.RoleLife = life } }

// ClaimAge sets when the claim of a replica that is gone may be taken by another.
func ClaimAge(age time.Duration) Option { return func(s *Setup) { s.hooks.ClaimAge = age } }

// SweepEvery sets how often the program sweeps the state bucket, and thereby what it takes for a leftover: see
// state.Options.SweepEvery.
func SweepEvery(every time.Duration) Option { return func(s *Setup) { s.hooks.SweepEvery = every } }

// CopyLimit sets how many bytes the store copies by one request.
func CopyLimit(n int64) Option { return func(s *Setup) { s.hooks.CopyLimit = n } }

// PutLimit sets how many bytes a migration writes by one request.
func PutLimit(n int64) Option { return func(s *Setup) { s.hooks.PutLimit = n } }

// HealthEvery sets how often the program asks store and KMS how they are.
func HealthEvery(every time.Duration) Option { return func(s *Setup) { s.hooks.HealthEvery = every } }

// Environment sets NAME=VALUE pairs for a program that is a process.
func Environment(pairs ...string) Option {
	return func(s *Setup) { s.env = append(s.env, pairs...) }
}
