package supervisor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"
)

// Options for New. Zero values mean the defaults.
type Options struct {
	Log *zap.Logger // default: none
	// Notify sends a state to the manager; default by daemon.SdNotify.
	Notify func(state string) error
}

// A Supervisor is the service manager that started the program, if there is one. It is safe for concurrent use.
type Supervisor struct {
	o        Options
	present  bool
	watchdog time.Duration // 0: none

	mu     sync.Mutex
	status string // sent last
	failed bool   // what was sent last didn't arrive
}

// New finds the service manager in the environment: NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
func New(o Options) *Supervisor {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Notify == nil {
		o.Notify = func(state string) error {
			_, err := daemon.SdNotify(false, state)
			return err
		}
	}
	s := &Supervisor{o: o, present: os.Getenv("NOTIFY_SOCKET") != ""}
	if !s.present {
		return s
	}
	var err error
	if s.watchdog, err = daemon.SdWatchdogEnabled(false); err != nil {
		o.Log.Warn("the service manager's watchdog is not fed", zap.Error(err))
	}
	return s
}

// Ready reports that the program serves, after a start or a reload; status is what it shows about itself.
func (s *Supervisor) Ready(status string) { s.send(daemon.SdNotifyReady, status) }

// Reloading reports that the configuration is being read again. Ready reports its end.
func (s *Supervisor) Reloading() {
	s.send(strings.TrimSpace(daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec()), "reloading")
}

// Stopping reports that the program ends, and that this may take the given time.
func (s *Supervisor) Stopping(status string, within time.Duration) {
	s.send(fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, within.Microseconds()), status)
}

// Status shows a line about the program, as in "systemctl status".
func (s *Supervisor) Status(status string) { s.send("", status) }

// Waiting shows a line about the program while it waits, and reports that it is at work for at least the given time
// more.
func (s *Supervisor) Waiting(status string, within time.Duration) {
	s.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", within.Microseconds()), status)
}

// Shown sends a status if it isn't the one that was sent last.
func (s *Supervisor) Shown(status string) {
	s.mu.Lock()
	known := s.status == oneLine(status)
	s.mu.Unlock()
	if !known {
		s.Status(status)
	}
}

// send sends a state, which may be empty, with a status, which may be too.
func (s *Supervisor) send(state, status string) {
	if !s.present {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if status != "" {
		s.status = oneLine(status)
		state = strings.TrimPrefix(state+"\nSTATUS="+s.status, "\n")
	}
	err := s.o.Notify(state)
	if err != nil && !s.failed {
		s.o.Log.Warn("the service manager can't be reached at NOTIFY_SOCKET", zap.Error(err))
	}
	s.failed = err != nil
}

// oneLine makes one line of a text, since a line's end begins another variable.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// statusEvery is how often a status is looked at where there is no watchdog.
const statusEvery = 10 * time.Second

// Follow shows the status as it changes, and feeds the watchdog while check returns nil, until ctx ends. check must be
// bounded by its context; one that isn't is waited for by nobody, and no other is begun before it has ended.
func (s *Supervisor) Follow(ctx context.Context, check func(context.Context) error, status func() string) {
	if !s.present {
		return
	}
	every := statusEvery
	if s.watchdog > 0 {
		every = s.watchdog / 3
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	checks := make(chan error, 1)
	atWork, well := false, true
	for {
		if s.watchdog > 0 {
			if !atWork {
				atWork = true
				go func() {
					within, cancel := context.WithTimeout(ctx, every)
					defer cancel()
					checks <- check(within)
				}()
			}
			var err error
			select {
			case <-ctx.Done():
				return
			case err = <-checks:
				atWork = false
			case <-tick.C:
				err = fmt.Errorf("the program's check of itself did not end within %v", every)
			}
			if err == nil {
				s.send(daemon.SdNotifyWatchdog, "")
			}
			if well != (err == nil) {
				if well = err == nil; well {
					s.o.Log.Info("the watchdog is fed again")
				} else {
					s.o.Log.Error("the watchdog is not fed", zap.Error(err))
				}
			}
		}
		s.Shown(status())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
