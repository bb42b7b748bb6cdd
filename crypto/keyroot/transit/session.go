package transit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// A session has a token ready. Its one goroutine alone logs in, renews and looks tokens up, one after the other:
// however many calls wait or are refused, the server sees one login at a time. What the goroutine finds out is
// published in the fields under mu; whoever waits is woken by changed.
type session struct {
	authority authority
	warn      func(string)
	stop      context.CancelFunc
	done      chan struct{} // closed when the goroutine has ended
	wake      chan struct{} // room for one: suspect was set

	mu      sync.Mutex
	changed chan struct{} // closed and made anew with each change
	now     string        // the token that serves; "": none
	failed  error         // why the last login failed; nil after one that didn't
	suspect string        // a token that the server refused
	verdict verdict       // of the last suspect
	useful  bool          // a call went well since the last login
}

// A verdict is what the server said of a suspected token that isn't dead.
type verdict struct {
	token string
	err   error // nil: it lives; else the server couldn't say
	at    time.Time
}

// errNoToken means that a call wasn't sent, since nobody is logged in.
var errNoToken = errors.New("not logged in")

const (
	verdictLife  = time.Second      // of a verdict on a token, so that a policy that denies calls doesn't double them
	leastWait    = time.Second      // between two calls of the session
	proven       = 10 * time.Second // a token that lived so long was of use, whether a call needed it or not
	longestAway  = 10 * time.Second // between two tries of a server that doesn't answer
	longestDeny  = 2 * time.Minute  // between two logins of one that refuses
	forever      = 100 * 365 * 24 * time.Hour
	leastOfFirst = 3 // a lease shorter than this part of the first nears the token's greatest age
)

func newSession(c Config, calls *client) *session {
	return startSession(&server{config: c, client: calls}, c.Warn)
}

func startSession(a authority, warn func(string)) *session {
	ctx, stop := context.WithCancel(context.Background())
	s := &session{
		authority: a, warn: warn, stop: stop,
		done: make(chan struct{}), wake: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	go s.run(ctx)
	return s
}

// close ends the goroutine, waits for it and revokes the token. Calls that wait are told that nobody is logged in.
func (s *session) close() {
	s.stop()
	<-s.done
	s.mu.Lock()
	token := s.now
	s.now, s.failed = "", errors.New("the root is closed")
	s.publish()
	s.mu.Unlock()
	if token == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.authority.revoke(ctx, token); err != nil {
		s.warn("the token isn't revoked and ends by its own time: " + err.Error())
	}
}

// token returns the token that serves. It waits for the first login, and for none after one that failed.
func (s *session) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.now == "" {
		if s.failed != nil {
			return "", fmt.Errorf("%w: %w", errNoToken, s.failed)
		}
		if err := s.wait(ctx); err != nil {
			return "", fmt.Errorf("%w: the login takes too long: %w", errNoToken, err)
		}
	}
	return s.now, nil
}

// reconsider is called with a token that the server refused. It returns another token, or the same when that lives, so
// that its policy is what denies the call.
func (s *session) reconsider(ctx context.Context, token string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.now != "" && s.now != token:
			return s.now, nil
		case s.failed != nil:
			return "", fmt.Errorf("%w: %w", errNoToken, s.failed)
		case s.judged(token):
			return token, s.verdict.err
		}
		s.suspect = token
		select {
		case s.wake <- struct{}{}:
		default:
		}
		if err := s.wait(ctx); err != nil {
			return "", fmt.Errorf("%w: the token was refused, and the login takes too long: %w", errNoToken, err)
		}
	}
}

// worked notes that a call with this token went well.
func (s *session) worked(token string) {
	s.mu.Lock()
	s.useful = s.useful || s.now == token
	s.mu.Unlock()
}

// judged reports whether there is a verdict on token that still counts. It is called with mu.
func (s *session) judged(token string) bool {
	return s.verdict.token == token && time.Since(s.verdict.at) < verdictLife
}

// wait is called with mu, waits for a change without it, and has it again.
func (s *session) wait(ctx context.Context) error {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// publish wakes whoever waits. It is called with mu.
func (s *session) publish() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *session) run(ctx context.Context) {
	defer close(s.done)
	failures := 0
	for ctx.Err() == nil {
		l, err := s.authority.login(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			failures++
			pause := backoff(failures, denied(err))
			err = fmt.Errorf("%w; it is tried again every %s", err, pause.Round(time.Second))
			s.fail(err)
			s.warn("the login failed: " + err.Error())
			sleep(ctx, pause)
			continue
		}
		s.mu.Lock()
		s.now, s.failed, s.useful = l.token, nil, false
		s.publish()
		s.mu.Unlock()
		began := time.Now()
		dead := s.keep(ctx, l)
		s.mu.Lock()
		useful := s.useful || time.Since(began) >= proven
		s.mu.Unlock()
		if !dead || useful {
			failures = 0
			continue
		}
		// A login whose token is soon refused and hasn't served once doesn't help, so the next one waits.
		failures++
		pause := backoff(failures, true)
		s.fail(fmt.Errorf("the server refuses the token that it has just given; the next login is in %s",
			pause.Round(time.Second)))
		s.warn("a new token was refused before it served a call")
		sleep(ctx, pause)
	}
}

// fail publishes that there was no login. A token that still lives goes on serving.
func (s *session) fail(err error) {
	s.mu.Lock()
	s.failed = err
	s.publish()
	s.mu.Unlock()
}

// drop takes a token that is dead out of service.
func (s *session) drop() {
	s.mu.Lock()
	s.now = ""
	s.publish()
	s.mu.Unlock()
}

// keep renews l ahead of its end. It returns when a new login is needed: dead, when the server refuses the token, else
// while the token still serves.
func (s *session) keep(ctx context.Context, l lease) (dead bool) {
	first, retries := l.ttl, 0
	end, due := schedule(l)
	for {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-s.wake:
			timer.Stop()
			if s.isDead(ctx, l.token) {
				s.drop()
				return true
			}
			continue
		case <-timer.C:
		}
		if !time.Now().Before(end) {
			s.drop()
			return false
		}
		if !l.renewable {
			return false
		}
		renewed, err := s.authority.renew(ctx, l.token)
		switch {
		case ctx.Err() != nil:
			return false
		case err == nil:
			l.ttl, l.renewable, retries = renewed.ttl, renewed.renewable, 0
			if l.ttl < first/leastOfFirst {
				return false
			}
			end, due = schedule(l)
		case denied(err):
			s.warn("the token can't be renewed, so a new login follows: " + err.Error())
			return false
		default:
			retries++
			s.warn("the token couldn't be renewed yet: " + err.Error())
			if due = time.Now().Add(backoff(retries, false)); due.After(end) {
				due = end
			}
		}
	}
}

// schedule returns when a lease ends and when it is renewed: after half to three quarters of its time, at random, so
// that replicas that were started together don't call together.
func schedule(l lease) (end, due time.Time) {
	now := time.Now()
	if l.ttl <= 0 {
		return now.Add(forever), now.Add(forever)
	}
	return now.Add(l.ttl), now.Add(max(leastWait, l.ttl/2+rand.N(l.ttl/4+1)))
}

// isDead looks a suspected token up, unless another was meant, and publishes the verdict if it lives.
func (s *session) isDead(ctx context.Context, token string) bool {
	s.mu.Lock()
	meant := s.suspect == token && !s.judged(token)
	s.suspect = ""
	s.mu.Unlock()
	if !meant {
		return false
	}
	_, err := s.authority.lookup(ctx, token)
	if denied(err) {
		return true
	}
	s.mu.Lock()
	s.verdict = verdict{token, err, time.Now()}
	s.publish()
	s.mu.Unlock()
	return false
}

// backoff is how long to wait after so many failures in a row: doubled each time, up to a bound, less up to a quarter
// at random.
func backoff(failures int, refused bool) time.Duration {
	longest := longestAway
	if refused {
		longest = longestDeny
	}
	pause := min(longest, leastWait<<min(failures-1, 16))
	return pause - rand.N(pause/4)
}

func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
