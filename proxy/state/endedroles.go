package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"sync"
	"time"
)

// endedName is the one record of the roles whose sessions were ended.
const endedName = "ended-roles"

// mostEnded bounds how many roles the record names.
const mostEnded = 4096

// endings says how often the sessions of each role were ended, by the role's name. A session carries the count that it
// began under, and is over when there is another: no clock is in it, since those of two machines differ.
type endings struct {
	Roles map[string]EndedRole `json:"roles"`
}

// An EndedRole is a role whose sessions were ended.
type EndedRole struct {
	Times uint64    `json:"times"`
	Last  time.Time `json:"last"` // for people
}

// endedRoles is what this replica knows of the record.
type endedRoles struct {
	mu    sync.RWMutex
	read  time.Time // when reading it began
	roles map[string]EndedRole
}

// knownEnded is how fresh Ended is at least where credentials are issued.
const knownEnded = time.Second

// Ended returns how often the sessions of a role were ended, as of less than Options.CacheLife ago; to issue
// credentials, of less than a second. An error means that this replica can't know: it must not take the role's
// credentials then.
func (s *State) Ended(ctx context.Context, role string, issuing bool) (times uint64, err error) {
	e, life := &s.ended, s.o.CacheLife
	if issuing {
		life = min(life, knownEnded)
	}
	e.mu.RLock()
	fresh, times := s.o.Now().Sub(e.read) < life, e.roles[role].Times
	e.mu.RUnlock()
	if fresh {
		return times, nil
	}
	_, err, _ = s.flight.Do(endedName, func() (any, error) {
		return nil, s.readEnded(context.WithoutCancel(ctx)) // one caller's end isn't the others'
	})
	if err != nil {
		return 0, err
	}
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.roles[role].Times, nil
}

// EndedRoles returns the roles whose sessions were ended, by name.
func (s *State) EndedRoles(ctx context.Context) (map[string]EndedRole, error) {
	if err := s.readEnded(ctx); err != nil {
		return nil, err
	}
	s.ended.mu.RLock()
	defer s.ended.mu.RUnlock()
	return maps.Clone(s.ended.roles), nil
}

// EndSessions ends all sessions of a role, and those that were begun through them: at this replica at once, at the
// others within Options.CacheLife.
func (s *State) EndSessions(ctx context.Context, role string) error {
	return whileRaced(ctx, "the ended roles", func() error {
		var r endings
		etag, err := s.read(ctx, endedName, &r)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// The record may have been set back: what this replica has seen counts, too.
		r.Roles = s.ended.merge(r.Roles)
		if _, known := r.Roles[role]; !known && len(r.Roles) >= mostEnded {
			return fmt.Errorf("the sessions of %d roles were ended, which is as many as are remembered", mostEnded)
		}
		r.Roles[role] = EndedRole{Times: r.Roles[role].Times + 1, Last: s.o.Now().UTC()}
		if _, err = s.write(ctx, endedName, &r, etag); err == nil {
			s.ended.merge(r.Roles)
		}
		return err
	})
}

func (s *State) readEnded(ctx context.Context) error {
	began := s.o.Now()
	var r endings
	if _, err := s.read(ctx, endedName, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.ended.merge(r.Roles)
	s.ended.mu.Lock()
	defer s.ended.mu.Unlock()
	s.ended.read = began
	return nil
}

// merge takes over what a reading says and returns all that is known, which is the caller's. Counts never go back: a
// store that shows an earlier record brings no session back to life here.
func (e *endedRoles) merge(roles map[string]EndedRole) map[string]EndedRole {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.roles == nil {
		e.roles = make(map[string]EndedRole)
	}
	for name, r := range roles {
		if r.Times > e.roles[name].Times {
			e.roles[name] = r
		}
	}
	return maps.Clone(e.roles)
}
