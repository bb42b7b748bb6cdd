package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"sealfront/sigv4"
)

// sessions keeps the credentials of CreateSession for all workers of a target.
type sessions struct {
	signer *sigv4.Signer

	mu      sync.Mutex
	current sigv4.Credentials
	until   time.Time // when to renew
	made    int
}

// renewAhead is how long before its end a session is replaced.
const renewAhead = time.Minute

// A creator calls CreateSession, and returns when the session ends.
type creator func(context.Context) (sigv4.Credentials, time.Time, error)

// get returns a session's credentials, of a session that create makes where none is good any longer.
func (s *sessions) get(ctx context.Context, now time.Time, create creator) (sigv4.Credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.until) {
		return s.current, nil
	}
	next, expires, err := create(ctx)
	if err != nil {
		return s.current, fmt.Errorf("CreateSession: %w", err)
	}
	s.current, s.until = next, expires.Add(-renewAhead)
	s.made++
	return next, nil
}
