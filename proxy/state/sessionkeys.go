package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"time"
)

// Current returns the key for new sessions, making one when there is none of today.
func (s *State) Current(ctx context.Context) (id [16]byte, key []byte, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if s.current.key != nil && now.Sub(s.current.made) < sessionKeyLife {
		return s.current.id, s.current.key, nil
	}
	k := sessionKey{key: make([]byte, 32), made: now}
	rand.Read(k.id[:])
	rand.Read(k.key)
	if _, err := s.write(ctx, sessionPrefix+hex.EncodeToString(k.id[:]), sessionRecord{Key: k.key, Made: now.UTC()},
		""); err != nil {
		return id, nil, fmt.Errorf("make a session key: %w", err)
	}
	s.current = k
	s.sessions.Add(k.id, k)
	return k.id, k.key, nil
}

// Find returns the session key with this id.
func (s *State) Find(ctx context.Context, id [16]byte) (key []byte, ok bool, err error) {
	now := s.o.Now()
	if k, ok := s.sessions.Get(id); ok && (k.key != nil || now.Sub(k.made) < unknownLife) {
		return k.key, k.key != nil, nil
	}
	var r sessionRecord
	_, err = s.read(ctx, sessionPrefix+hex.EncodeToString(id[:]), &r)
	if errors.Is(err, fs.ErrNotExist) {
		s.sessions.Add(id, sessionKey{id: id, made: now})
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if len(r.Key) != 32 {
		return nil, false, fmt.Errorf("%w: a session key of %d bytes", ErrRecord, len(r.Key))
	}
	s.sessions.Add(id, sessionKey{id: id, key: r.Key, made: r.Made})
	return r.Key, true, nil
}

// credentialLife is how long the longest credentials live that a session key issues: session.LongestTemporary.
const credentialLife = 12 * time.Hour

// SweepSessionKeys removes the records of session keys whose credentials have all expired.
func (s *State) SweepSessionKeys(ctx context.Context) error {
	err := s.removeAll(ctx, sessionPrefix, func(o *listed) bool {
		return s.o.Now().Sub(o.modified) > sessionKeyLife+credentialLife+time.Hour
	})
	if err != nil {
		return fmt.Errorf("remove old session keys: %w", err)
	}
	return nil
}
