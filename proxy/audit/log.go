package audit

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options for a Log. Zero values mean the defaults.
type Options struct {
	HashKeys bool // keys of objects are written as HashKey
	Queue    int  // records that may wait to be written; default 16,384
	// MaxWait is how long a record may wait; default 30 s. Then the log is failing, and the record is lost, unless Keep.
	MaxWait time.Duration
	Keep    bool // records that wait too long are kept, for users that Reserve and have no others meanwhile
	// Patience is how long Close, Reopen and a write to a socket wait for a sink that hangs; default 5 s.
	Patience time.Duration
	Log      *zap.Logger
	// Count is called with how many records were written or lost.
	Count func(outcome string, n int)
	Now   func() time.Time // default time.Now
}

// A Log writes records to a file, a socket or a stream, in a goroutine of its own. It is safe for concurrent use.
type Log struct {
	o       Options
	waiting queue
	unsaid  atomic.Int64          // lost since the log has last said so
	lost    atomic.Int64          // lost since the log was opened
	failing atomic.Pointer[error] // of the last write; nil: it succeeded
	wake    chan struct{}
	do      chan func() // what the writer does in between
	stop    chan struct{}
	done    chan error

	// These belong to the writer.
	sink  sink
	begin string // the event to write before everything else; "" once it is
	eager bool   // begin doesn't wait for the first record
	link  link
	batch []*Record
}

// A State is how a log stands.
type State struct {
	Waiting int           // records that wait to be written
	Oldest  time.Duration // how long the oldest of them has waited
	Failing bool          // the last write failed, or a record has waited too long
	Hanging bool          // failing, and no write failed: one hasn't ended
	Why     string        // of what fails; "" otherwise
	Lost    int64         // records that were given up since the log was opened
}

// Open opens or makes a file and continues its chain, or that of its head file.
func Open(name string, o Options) (*Log, error) {
	o = o.withDefaults()
	l := newLog(&file{name: name, log: o.Log}, o)
	if err := l.start(); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	go l.write()
	return l, nil
}

// withDefaults returns the options with defaults for what is zero.
func (o Options) withDefaults() Options {
	if o.Queue <= 0 {
		o.Queue = 16384
	}
	if o.MaxWait <= 0 {
		o.MaxWait = 30 * time.Second
	}
	if o.Patience <= 0 {
		o.Patience = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Count == nil {
		o.Count = func(string, int) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func newLog(s sink, o Options) *Log {
	return &Log{
		o: o, waiting: queue{limit: o.Queue}, sink: s,
		wake: make(chan struct{}, 1), do: make(chan func()), stop: make(chan struct{}), done: make(chan error, 1),
	}
}

// Reserve reserves room for one record, which Add then fills. It reports false when the log is failing or too many
// records wait: who must not go on without a record doesn't.
func (l *Log) Reserve() bool { return !l.State().Failing && l.waiting.reserve() }

// Add queues a record and never waits. Without room that was reserved it may be lost, and is counted then.
func (l *Log) Add(r Record, reserved bool) {
	now := l.o.Now()
	l.expire(now)
	if !l.waiting.add(&r, now, reserved) {
		l.lose(1)
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// State reports how the log stands.
func (l *Log) State() State {
	now := l.o.Now()
	l.expire(now)
	n, since := l.waiting.waiting()
	s := State{Waiting: n, Lost: l.lost.Load()}
	if n > 0 {
		s.Oldest = now.Sub(since)
	}
	if err := l.failing.Load(); err != nil {
		s.Failing, s.Why = true, (*err).Error()
	} else if s.Oldest > l.o.MaxWait {
		s.Failing, s.Hanging, s.Why = true, true, "a write has not ended"
	}
	return s
}

// expire gives up records that have waited too long.
func (l *Log) expire(now time.Time) {
	if l.o.Keep {
		return
	}
	if n := l.waiting.expire(now.Add(-l.o.MaxWait)); n > 0 {
		l.lose(n)
	}
}

// lose counts records that are given up.
func (l *Log) lose(n int) {
	l.unsaid.Add(int64(n))
	l.lost.Add(int64(n))
	l.o.Count("lost", n)
}

// Reopen ends a file that was moved, and continues in a file of its name. Sockets and streams stay as they are.
func (l *Log) Reopen() error {
	answer := make(chan error, 1)
	late := time.NewTimer(l.o.Patience)
	defer late.Stop()
	select {
	case l.do <- func() { answer <- l.next() }:
	case <-l.stop:
		return errors.New("the audit log is closed")
	case <-late.C:
		return errHangs
	}
	select {
	case err := <-answer:
		return err
	case <-late.C:
		return errHangs
	}
}

var errHangs = errors.New("a write of the audit log hangs")

// Close writes what waits. What a sink that hangs doesn't take is lost.
func (l *Log) Close() error {
	close(l.stop)
	late := time.NewTimer(l.o.Patience)
	defer late.Stop()
	select {
	case err := <-l.done:
		return err
	case <-late.C:
	}
	n, _ := l.waiting.waiting()
	l.loseAtEnd(n)
	return fmt.Errorf("close the audit log: %w, and %d records are lost", errHangs, n)
}

func (l *Log) loseAtEnd(n int) {
	if n > 0 {
		l.lose(n)
		l.o.Log.Error("records of the audit log were lost at the end", zap.Int("records", n))
	}
}
