package state

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	chance "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// revocationsName is the one record of KMS keys whose cached bucket keys are to be dropped everywhere.
const revocationsName = "revocations"

// AllKeys stands for every KMS key in a revocation.
const AllKeys = "*"

// mostRevoked is how many KMS keys the record names. One more, and it names all of them instead: a replica that was
// away may then drop too much, never too little.
const mostRevoked = 256

// revocations names each KMS key that was revoked, with the last revocation of it: a random id, which a replica
// compares with the one it has acted on. No clock is in it, since those of two machines differ; the record changes by
// If-Match, so of two revocations the later one stands.
//
// Keys has the same keys with the time, for replicas of an earlier release that run at the same time, which read and
// write nothing else. A key's time is part of what is compared, so that theirs are noticed.
type revocations struct {
	IDs  map[string]string    `json:"ids"`
	Keys map[string]time.Time `json:"keys"`
}

// latest calls f for each key that was revoked, with what stands for its last revocation.
func (r *revocations) latest(f func(keyARN, revocation string)) {
	for key, id := range r.IDs {
		f(key, id+r.Keys[key].String())
	}
	for key, at := range r.Keys {
		if _, ok := r.IDs[key]; !ok {
			f(key, at.String())
		}
	}
}

// add puts a revocation of the key in.
func (r *revocations) add(keyARN string, now time.Time) {
	if r.IDs == nil {
		r.IDs = make(map[string]string)
	}
	if r.Keys == nil {
		r.Keys = make(map[string]time.Time)
	}
	if _, known := r.Keys[keyARN]; !known && len(r.Keys) >= mostRevoked {
		clear(r.IDs)
		clear(r.Keys)
		keyARN = AllKeys
	}
	r.IDs[keyARN], r.Keys[keyARN] = rand.Text(), now.UTC()
}

// Replicas that revoke at the same time race for the record: so often one tries, and after the first loss it waits up
// to this long, by chance, then up to twice as long each time.
const (
	revokeAttempts = 12
	revokePause    = 2 * time.Millisecond
)

// Revoke makes every replica drop what it holds under a KMS key, or under all: this one at once, the others
// with the next bucket record they read, so within Options.CacheLife of their next request.
func (s *State) Revoke(ctx context.Context, keyARN string) error {
	select {
	case s.revoking <- struct{}{}:
		defer func() { <-s.revoking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	return whileRaced(ctx, "the revocations", func() error {
		var r revocations
		etag, err := s.read(ctx, revocationsName, &r)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		r.add(keyARN, s.o.Now())
		if _, err = s.write(ctx, revocationsName, &r, etag); err == nil {
			s.apply(&r)
		}
		return err
	})
}

// whileRaced carries out change, which reads a record and writes it, until no other replica was faster; what is the
// record's name for people.
func whileRaced(ctx context.Context, what string, change func() error) error {
	for attempt := range revokeAttempts {
		if err := change(); !errors.Is(err, fs.ErrExist) {
			return err
		}
		wait := time.NewTimer(chance.N(revokePause << min(attempt, 6)))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		}
	}
	return fmt.Errorf("%w: %s kept changing", ErrAborted, what)
}

// readRevocations reads the record if it was not read within CacheLife. A record that can't be read is an error of the
// request that needs the bucket: a replica that can't hear revocations must not go on.
func (s *State) readRevocations(ctx context.Context) error {
	s.mu.Lock()
	due := s.o.Now().Sub(s.revocationsRead) >= s.o.CacheLife
	s.mu.Unlock()
	if !due {
		return nil
	}
	read := s.o.Now()
	var r revocations
	if _, err := s.read(ctx, revocationsName, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.apply(&r)
	s.mu.Lock()
	s.revocationsRead = read
	s.mu.Unlock()
	return nil
}

// apply reports to Options.Revoked what is new, the earliest first.
func (s *State) apply(r *revocations) {
	type revoked struct{ key, revocation string }
	var news []revoked
	s.mu.Lock()
	r.latest(func(key, revocation string) {
		if s.revoked[key] != revocation {
			news = append(news, revoked{key, revocation})
		}
	})
	s.mu.Unlock()
	slices.SortFunc(news, func(a, b revoked) int {
		return cmp.Or(r.Keys[a.key].Compare(r.Keys[b.key]), strings.Compare(a.key, b.key))
	})
	for _, n := range news {
		s.mu.Lock()
		known := s.revoked[n.key] == n.revocation
		s.revoked[n.key] = n.revocation
		s.mu.Unlock()
		if known {
			continue // another goroutine has
		}
		if s.o.Revoked != nil {
			s.o.Revoked(n.key)
		}
		s.acted.add(n.key, n.revocation)
	}
}

// Revocation returns what stands for the last revocation of a KMS key, as replicas repeat it in Replica.Acted; "": none
// is known.
func (s *State) Revocation(ctx context.Context, keyARN string) (string, error) {
	var r revocations
	if _, err := s.read(ctx, revocationsName, &r); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	found := ""
	r.latest(func(key, revocation string) {
		if key == keyARN || key == AllKeys && found == "" {
			found = revocation
		}
	})
	return found, nil
}

// Acted receives when this replica has acted on a revocation that was new to it.
func (s *State) Acted() <-chan struct{} { return s.acted.news }

// mostActed is how many revocations a replica says that it has acted on: the last ones.
const mostActed = 16

// acted are the last revocations that this replica has acted on: what they stood for was dropped before they are here.
type acted struct {
	news chan struct{} // has room for one

	mu   sync.Mutex
	keys []string // the latest last
	last map[string]string
}

func newActed() *acted {
	return &acted{news: make(chan struct{}, 1), last: make(map[string]string)}
}

func (a *acted) add(key, revocation string) {
	a.mu.Lock()
	a.keys = slices.DeleteFunc(a.keys, func(k string) bool { return k == key })
	a.keys = append(a.keys, key)
	a.last[key] = revocation
	if len(a.keys) > mostActed {
		delete(a.last, a.keys[0])
		a.keys = a.keys[1:]
	}
	a.mu.Unlock()
	select {
	case a.news <- struct{}{}:
	default:
	}
}

func (a *acted) copy() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.last)
}
