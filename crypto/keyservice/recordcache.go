package keyservice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// recordCache keeps opened records in memory: an entry for as long as its record key is warm, that is for the lifetime
// after its last unwrap. Before a use it is compared with the records' store, as often as freshness says.
type recordCache struct {
	records  Records
	tags     tagger // nil: the records have none
	roots    *roots
	lifetime time.Duration
	now      func() time.Time

	mu         sync.Mutex
	entries    map[string]*entry // by the record's name
	closed     bool
	background sync.WaitGroup
}

func newRecordCache(o *Options) *recordCache {
	c := &recordCache{
		records: o.Records, lifetime: o.Lifetime, now: o.Now, entries: make(map[string]*entry),
		roots: &roots{
			list: o.Roots, timeout: o.RootTimeout, now: o.Now, observe: o.Observer.Root, failed: make(map[string]rootFailure),
		},
	}
	c.tags, _ = o.Records.(tagger)
	return c
}

// An entry is one record in memory.
type entry struct {
	name string
	turn chan struct{} // held by who reads, unwraps or writes the record

	mu         sync.Mutex
	record     *sealedRecord // the newest that was seen, also when nothing is warm; nil: none
	tag        string
	read       time.Time           // when the read that it is from began; zero: it must be read
	secret     *[materialSize]byte // nil: it must be unwrapped
	body       *body               // opened; nil: it must be
	until      time.Time           // the secret and the body are wiped then
	wiper      *time.Timer         // nil: none
	refreshing bool                // an unwrap ahead of until is in progress
}

// A snapshot is a record as it was read, opened; its secrets are the caller's to wipe.
type snapshot struct {
	name   string
	tag    string
	record *sealedRecord // nil: there is none
	secret [materialSize]byte
	body   body
}

func (s *snapshot) wipe() {
	clear(s.secret[:])
	if s.body.Key != nil {
		s.body.Key.wipe()
	}
}

func (c *recordCache) entry(name string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[name]
	if e == nil {
		e = &entry{name: name, turn: make(chan struct{}, 1)}
		c.entries[name] = e
	}
	return e
}

// adopt puts an entry that was forgotten back.
func (c *recordCache) adopt(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[e.name] == nil {
		c.entries[e.name] = e
	}
}

// forget drops an entry about which nothing is known: names that callers invent take no memory.
func (c *recordCache) forget(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[e.name] == e {
		delete(c.entries, e.name)
	}
}

func (e *entry) acquire(ctx context.Context) error {
	select {
	case e.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *entry) release() { <-e.turn }

// get returns a record that is no older than maxAge: with 0, one that is read after the call.
func (c *recordCache) get(ctx context.Context, name string, maxAge time.Duration) (*snapshot, error) {
	e := c.entry(name)
	if s := c.current(ctx, e, maxAge); s != nil {
		return s, nil
	}
	if err := e.acquire(ctx); err != nil {
		return nil, err
	}
	defer e.release()
	if maxAge > 0 || c.tags != nil {
		if s := c.current(ctx, e, maxAge); s != nil { // somebody else has just read it
			return s, nil
		}
	}
	return c.load(ctx, e)
}

// current returns what is in memory, if it is warm and fresh.
func (c *recordCache) current(ctx context.Context, e *entry, maxAge time.Duration) *snapshot {
	now, tag := c.now(), ""
	if c.tags != nil {
		tag, _ = c.tags.Tag(ctx, e.name) // an error is met again by load
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.body == nil || !now.Before(e.until) {
		return nil
	}
	if c.tags != nil && tag != e.tag || c.tags == nil && (e.read.IsZero() || now.Sub(e.read) >= maxAge) {
		return nil
	}
	if !e.refreshing && now.After(e.until.Add(-c.lifetime/4)) {
		e.refreshing = c.refreshAhead(e)
	}
	return e.snapshot()
}

// snapshot copies what is in memory; e.mu is held.
func (e *entry) snapshot() *snapshot {
	s := &snapshot{name: e.name, tag: e.tag, record: e.record, secret: *e.secret, body: *e.body}
	if k := s.body.Key; k != nil {
		s.body.Key = k.clone()
	}
	return s
}

// refreshAhead unwraps a record key that is in use before its life ends, so that no request waits for the root; without
// success it ends then. It reports whether that has begun.
func (c *recordCache) refreshAhead(e *entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.background.Go(func() {
		e.turn <- struct{}{}
		defer e.release()
		e.mu.Lock()
		record := e.record
		e.mu.Unlock()
		var secret [materialSize]byte
		err := c.roots.unwrap(context.Background(), e.name, record, &secret)
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.refreshing = false; err == nil && e.secret != nil && e.record == record {
			*e.secret = secret
			c.warm(e)
		}
		clear(secret[:])
	})
	return true
}

// warm begins the life of an entry anew; e.mu is held, or nobody else knows e.
func (c *recordCache) warm(e *entry) {
	e.until = c.now().Add(c.lifetime)
	if e.wiper != nil {
		e.wiper.Reset(c.lifetime)
		return
	}
	e.wiper = time.AfterFunc(c.lifetime, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if left := e.until.Sub(c.now()); left > 0 {
			e.wiper.Reset(left)
			return
		}
		e.wipe()
	})
}

// wipe ends the life of what is in memory; e.mu is held.
func (e *entry) wipe() {
	if e.secret != nil {
		clear(e.secret[:])
	}
	if e.body != nil && e.body.Key != nil {
		e.body.Key.wipe()
	}
	e.secret, e.body = nil, nil
}

// load reads a record, and unwraps its key unless that is warm. The turn is held.
func (c *recordCache) load(ctx context.Context, e *entry) (*snapshot, error) {
	began := c.now()
	data, tag, err := c.records.Get(ctx, e.name)
	e.mu.Lock()
	known := e.record
	e.mu.Unlock()
	if errors.Is(err, fs.ErrNotExist) {
		if known != nil {
			return nil, fmt.Errorf("%s is missing: %w", e.name, ErrRolledBack)
		}
		c.forget(e)
		return &snapshot{name: e.name}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.name, err)
	}
	record, err := parseRecord(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", e.name, err)
	}
	if known != nil && (record.counter < known.counter || record.counter == known.counter && record.salt != known.salt) {
		return nil, fmt.Errorf("%s is in state %d, not %d: %w", e.name, record.counter, known.counter, ErrRolledBack)
	}
	return c.open(ctx, e, record, tag, began)
}

// open makes what was read the entry's.
func (c *recordCache) open(
	ctx context.Context, e *entry, record *sealedRecord, tag string, began time.Time,
) (*snapshot, error) {
	e.mu.Lock()
	var secret *[materialSize]byte
	if known := e.record; e.secret != nil && known != nil && c.now().Before(e.until) && known.root == record.root &&
		bytes.Equal(known.wrapped, record.wrapped) {
		copied := *e.secret
		secret = &copied
	}
	e.mu.Unlock()
	unwrapped := secret == nil
	if unwrapped {
		secret = new([materialSize]byte)
		if err := c.roots.unwrap(ctx, e.name, record, secret); err != nil {
			return nil, fmt.Errorf("open %s: %w", e.name, err)
		}
	}
	b, err := record.open(e.name, secret)
	if err != nil {
		clear(secret[:])
		return nil, fmt.Errorf("open %s: %w", e.name, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !unwrapped && e.secret == nil { // its life has ended meanwhile
		unwrapped = true
		e.until = time.Time{}
	}
	until := e.until
	e.wipe()
	e.record, e.tag, e.read, e.secret, e.body = record, tag, began, secret, b
	if e.until = until; unwrapped {
		c.warm(e)
	}
	return e.snapshot(), nil
}

// put writes the state of a record that follows a snapshot. fs.ErrExist: somebody else has changed it meanwhile. Any
// other error leaves it open whether it was written.
func (c *recordCache) put(ctx context.Context, s *snapshot, b *body) error {
	e := c.entry(s.name)
	if err := e.acquire(ctx); err != nil {
		return err
	}
	defer e.release()
	base, secret := s.record, s.secret
	defer clear(secret[:])
	if base == nil {
		var err error
		if base, err = c.roots.wrap(ctx, s.name, &secret); err != nil {
			return err
		}
	}
	record, data, err := base.next(s.name, &secret, b)
	if err != nil {
		return err
	}
	if err := c.write(ctx, s, record, data); err != nil {
		return err
	}
	e.mu.Lock()
	fresh := s.record == nil || e.secret == nil
	if e.wipe(); fresh {
		c.warm(e)
	}
	copied := secret
	e.record, e.tag, e.read, e.secret = record, "", time.Time{}, &copied
	e.mu.Unlock()
	c.adopt(e)
	return nil
}

// settleTime is how long a write that failed is looked after.
const settleTime = 5 * time.Second

// write puts a record, and after an error looks whether it is there: answers get lost.
func (c *recordCache) write(ctx context.Context, s *snapshot, record *sealedRecord, data []byte) error {
	err := c.records.Put(ctx, s.name, data, s.tag)
	if err == nil {
		return nil
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if now, _, e := c.records.Get(within, s.name); e == nil {
		if found, e := parseRecord(now); e == nil && found.salt == record.salt {
			return nil
		}
	}
	return fmt.Errorf("write %s: %w", s.name, err)
}

// close wipes everything and waits for unwraps in progress.
func (c *recordCache) close() {
	c.mu.Lock()
	c.closed = true
	entries := c.entries
	c.entries = make(map[string]*entry)
	c.mu.Unlock()
	c.background.Wait()
	for _, e := range entries {
		e.mu.Lock()
		if e.wiper != nil {
			e.wiper.Stop()
		}
		e.wipe()
		e.mu.Unlock()
	}
}
