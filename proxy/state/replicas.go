package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// replicaPrefix is before the records by which replicas know of each other. They are for operators' eyes: nothing that
// a request gets depends on them.
const replicaPrefix = "replicas/"

// How often a replica says that it is there, after which time without a word one counts as silent, and after which one
// is no longer reported. The janitor removes its record within an hour or two.
const (
	BeatEvery     = 30 * time.Second
	ReplicaSilent = 3 * BeatEvery
	ReplicaGone   = 10 * time.Minute
	replicaKept   = time.Hour
)

// mostReplicas is how many others are read.
const mostReplicas = 200

// A Replica is what one says of itself.
type Replica struct {
	ID      string            `json:"-"` // of the process, random
	Host    string            `json:"host"`
	Version string            `json:"version"`
	Started time.Time         `json:"started"`
	Ready   bool              `json:"ready"`
	Health  map[string]string `json:"health,omitempty"` // the state of each dependency, by its name

	// Acted are the last revocations that it has acted on, by KMS key: see State.Revocation. Beat fills them in.
	Acted map[string]string `json:"acted,omitempty"`

	Silent time.Duration `json:"-"` // since it said so, by the store's clock
}

// A Roll is who works on these records, as one replica sees it. It is safe for concurrent use.
type Roll struct {
	state *State
	id    string

	mu    sync.Mutex
	beat  time.Time               // when this replica's record was last written, by its own clock
	known map[string]knownReplica // by the names of the records; swapped whole
}

// knownReplica is a record as it was read.
type knownReplica struct {
	etag    string
	replica Replica
}

// NewRoll returns the roll of a replica that begins now.
func NewRoll(s *State) *Roll {
	var id [8]byte
	rand.Read(id[:])
	return &Roll{state: s, id: hex.EncodeToString(id[:]), known: make(map[string]knownReplica)}
}

// Alone reports whether no other replica works on these records: see Options.Alone.
func (s *State) Alone() bool { return s.o.Alone }

// ID is this replica's.
func (r *Roll) ID() string { return r.id }

// Beat hears the revocations, so that a replica without requests does, too, and writes this replica's record. Call it
// every BeatEvery, and when State.Acted says so: whoever revoked a key waits for that.
func (r *Roll) Beat(ctx context.Context, me Replica) error {
	now := r.state.o.Now()
	unheard := r.state.readRevocations(ctx)
	me.Acted = r.state.acted.copy()
	if _, err := r.state.write(ctx, replicaPrefix+r.id, &me, "*"); err != nil {
		return err
	}
	r.mu.Lock()
	r.beat = now
	r.mu.Unlock()
	return unheard
}

// Leave removes this replica's record.
func (r *Roll) Leave(ctx context.Context) error {
	if err := r.state.objects.Delete(ctx, replicaPrefix+r.id); err != nil {
		return fmt.Errorf("remove the record of this replica: %w", err)
	}
	return nil
}

// Others returns the other replicas that were heard of within ReplicaGone, by their ids, and what is wrong with the
// records that are missing. It costs a listing, and a request for each record that has changed since the last call.
//
// How long one has been silent is what the store's clock says of its record and of this replica's own, so no two
// machines' clocks are compared.
func (r *Roll) Others(ctx context.Context) ([]Replica, error) { return r.others(ctx, ReplicaGone) }

// Recorded is Others with all that have a record, however long they have been silent: one that was cut off may still be
// at work.
func (r *Roll) Recorded(ctx context.Context) ([]Replica, error) { return r.others(ctx, 1<<62) }

func (r *Roll) others(ctx context.Context, gone time.Duration) ([]Replica, error) {
	s := r.state
	var all []listed
	var own time.Time
	err := s.each(ctx, replicaPrefix, func(o *listed) error {
		if o.name == replicaPrefix+r.id {
			own = o.modified
		} else if len(all) < mostReplicas {
			all = append(all, *o)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the replicas: %w", err)
	}
	r.mu.Lock()
	before, storeNow := r.known, own.Add(s.o.Now().Sub(r.beat))
	r.mu.Unlock()
	if own.IsZero() {
		// This one has no record, so the latest of the others says what time it is at least.
		for _, o := range all {
			storeNow = later(storeNow, o.modified)
		}
	}
	known := make(map[string]knownReplica, len(all))
	var others []Replica
	var failed error
	for _, o := range all {
		silent := max(0, storeNow.Sub(o.modified))
		if silent >= gone {
			continue
		}
		k, ok := before[o.name]
		if !ok || k.etag != o.etag {
			k = knownReplica{}
			if k.etag, err = s.read(ctx, o.name, &k.replica); errors.Is(err, fs.ErrNotExist) {
				continue // it has just left
			} else if err != nil {
				failed = errors.Join(failed, err)
				continue
			}
			k.replica.ID = o.name[len(replicaPrefix):]
		}
		known[o.name] = k
		k.replica.Silent = silent
		others = append(others, k.replica)
	}
	r.mu.Lock()
	r.known = known
	r.mu.Unlock()
	return others, failed
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// SweepReplicas removes the records of replicas that ended without a word.
func (s *State) SweepReplicas(ctx context.Context) error {
	err := s.removeAll(ctx, replicaPrefix, func(o *listed) bool {
		return s.o.Now().Sub(o.modified) > replicaKept
	})
	if err != nil {
		return fmt.Errorf("remove the records of replicas: %w", err)
	}
	return nil
}
