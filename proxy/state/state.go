package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"sealfront/crypto"
)

// Options for Open. ServiceKey is required.
type Options struct {
	ServiceKey string        // KMS key that wraps the state key
	CacheLife  time.Duration // of bucket records; default 5 s
	CacheSize  int           // bucket records held; default 65,536, but no more than 96 MiB of them
	// ConditionalDelete says that the store holds conditions of deletions: records of names that are free are removed.
	ConditionalDelete bool
	// Alone says that no other replica works on these records: claims are held in memory, and a deleted bucket's name
	// is free at once.
	Alone bool
	// ClaimAge is after which time without a change a claim is taken over, ClaimPatience how long Claim waits; defaults
	// 12 s and 20 s. Tests make them short; replicas of one store must agree.
	ClaimAge, ClaimPatience time.Duration
	// SweepEvery is how often the janitor sweeps, after which time what looks like a leftover is one, and a 24th of how
	// long the record of an upload that has ended stays; default an hour.
	SweepEvery time.Duration
	Now        func() time.Time
	// Damaged, if set, is called with the name of each record that does not open.
	Damaged func(name string)
	// Revoked, if set, is called with each KMS key that was revoked, here or at another replica; AllKeys stands for
	// all.
	Revoked func(keyARN string)
}

// A State is the view of one replica. It is safe for concurrent use.
type State struct {
	o       Options
	objects Objects
	key     [crypto.KeySize]byte // the state key, never changed after Open

	buckets *recordCache
	absent  *lru.Cache[string, time.Time] // buckets that don't exist, and when reading that began
	rereads *rereadLimit
	uploads *lru.Cache[string, cachedUpload]
	flight  singleflight.Group
	claims  claims
	changes atomic.Uint64 // of bucket records by this replica; see FreshBucket

	tombstones *lru.Cache[string, tombstone]
	compared   *lru.Cache[string, time.Time] // when the names of a bucket's uploads were compared with their records
	removals   *removals

	revoking chan struct{} // held by the one Revoke of this replica that is at work
	acted    *acted        // has a lock of its own

	mu         sync.Mutex // guards what follows
	unnamed    bool       // no sweep has named the records of earlier releases yet
	mixedUntil time.Time  // an earlier release may be at work until then; zero: none is
	sessions   *lru.Cache[[16]byte, sessionKey]
	current    sessionKey

	ended endedRoles // has a lock of its own

	revoked         map[string]string // the last revocation of each KMS key that this replica has acted on
	revocationsRead time.Time
}

// stateKeyName is the one record that is not sealed under the state key.
const stateKeyName = "state-key"

// stateContext is the KMS encryption context of the state key.
var stateContext = map[string]string{"sealfront": "state"}

// Open reads the state key, or makes it when the bucket has none.
func Open(ctx context.Context, objects Objects, kms KMS, o Options) (*State, error) {
	if o.CacheLife <= 0 {
		o.CacheLife = 5 * time.Second
	}
	if o.CacheSize <= 0 {
		o.CacheSize = 65_536
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.SweepEvery <= 0 {
		o.SweepEvery = time.Hour
	}
	if o.ClaimAge <= 0 {
		o.ClaimAge = claimAge
	}
	if o.ClaimPatience <= 0 {
		o.ClaimPatience = claimPatience
	}
	s := &State{
		o: o, objects: objects, revoking: make(chan struct{}, 1), revoked: make(map[string]string), acted: newActed(),
	}
	var err error
	if s.buckets, err = newRecordCache(o.CacheSize, recordCacheBytes); err != nil {
		return nil, fmt.Errorf("make the bucket cache: %w", err)
	}
	if s.absent, err = lru.New[string, time.Time](rereadNames); err != nil {
		return nil, fmt.Errorf("make the cache of absent buckets: %w", err)
	}
	if s.rereads, err = newRereadLimit(); err != nil {
		return nil, fmt.Errorf("make the limit of repeated reads: %w", err)
	}
	if s.tombstones, err = lru.New[string, tombstone](o.CacheSize); err != nil {
		return nil, fmt.Errorf("make the list of tombstones: %w", err)
	}
	if s.uploads, err = lru.New[string, cachedUpload](min(o.CacheSize, 4096)); err != nil {
		return nil, fmt.Errorf("make the upload cache: %w", err)
	}
	if s.sessions, err = lru.New[[16]byte, sessionKey](maxSessionKeys); err != nil {
		return nil, fmt.Errorf("make the session key cache: %w", err)
	}
	if s.compared, err = lru.New[string, time.Time](o.CacheSize); err != nil {
		return nil, fmt.Errorf("make the list of compared buckets: %w", err)
	}
	key, made, err := openStateKey(ctx, objects, kms, o.ServiceKey)
	if err != nil {
		return nil, err
	}
	copy(s.key[:], key)
	clear(key)
	if made {
		err = s.writeLayout(ctx, time.Time{})
	} else {
		err = s.readLayout(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.removals = newRemovals()
	return s, nil
}

// wrappedStateKey is the state key's object. The KMS key's name is here for whoever reads the bucket by hand;
// it is never used.
type wrappedStateKey struct {
	Format int    `json:"format"`
	KeyARN string `json:"kmsKey"`
	Blob   []byte `json:"blob"`
}

func openStateKey(ctx context.Context, objects Objects, kms KMS, serviceKey string) (key []byte, made bool, err error) {
	for {
		key, err := readStateKey(ctx, objects, kms, serviceKey)
		if !errors.Is(err, fs.ErrNotExist) {
			return key, false, err
		}
		key, blob, err := kms.GenerateDataKey(ctx, serviceKey, stateContext)
		if err != nil {
			return nil, false, &ServiceKeyError{"make a state key", serviceKey, "", err}
		}
		body, err := json.Marshal(wrappedStateKey{Format: 1, KeyARN: serviceKey, Blob: blob})
		if err != nil {
			return nil, false, fmt.Errorf("write the state key: %w", err)
		}
		_, err = objects.Put(ctx, stateKeyName, body, "")
		if err == nil {
			return key, true, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, false, fmt.Errorf("write the state key: %w", err)
		}
		// Another replica was first: its key counts.
	}
}

// read opens the record of this name into v. The error matches fs.ErrNotExist or ErrRecord.
func (s *State) read(ctx context.Context, name string, v any) (etag string, err error) {
	sealed, etag, err := s.objects.Get(ctx, name)
	if err != nil {
		return "", fmt.Errorf("read the record %q: %w", name, err)
	}
	plain, err := crypto.OpenRecord(&s.key, name, sealed)
	if err == nil {
		err = json.Unmarshal(plain, v)
	}
	if err != nil {
		return "", s.damaged(name)
	}
	return etag, nil
}

// write seals v as the record of this name; ifMatch is Objects.Put's.
func (s *State) write(ctx context.Context, name string, v any, ifMatch string) (etag string, err error) {
	plain, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write the record %q: %w", name, err)
	}
	return s.writePlain(ctx, name, plain, ifMatch)
}

// writePlain is write for what has been marshalled.
func (s *State) writePlain(ctx context.Context, name string, plain []byte, ifMatch string) (etag string, err error) {
	etag, err = s.objects.Put(ctx, name, crypto.SealRecord(&s.key, name, plain), ifMatch)
	if err != nil {
		return "", fmt.Errorf("write the record %q: %w", name, err)
	}
	return etag, nil
}
