package keyservice

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"sealfront/crypto/keyroot"
)

// A Keeper looks after records: it verifies, backs up, restores and moves them to another root. Services may run on the
// same records meanwhile.
type Keeper struct {
	records Records
	cache   *recordCache
}

// NewKeeper makes a keeper of records that are wrapped by roots; the first wraps what is moved. None are needed to back
// up and to restore.
func NewKeeper(records Records, roots []keyroot.Root, rootTimeout time.Duration) *Keeper {
	o := Options{Records: records, Roots: roots, RootTimeout: rootTimeout}.withDefaults()
	return &Keeper{records: records, cache: newRecordCache(&o)}
}

// Close wipes what the keeper has in memory.
func (k *Keeper) Close() { k.cache.close() }

// A Finding is what there is to say of a record.
type Finding struct {
	Record string
	Bad    bool
	What   string
}

// A Tally counts records.
type Tally struct {
	Keys, Aliases, Deleted, Bad int
	Moved                       int            // to another root
	Roots                       map[string]int // records by the identity of the root that they need
}

// each calls do for every record.
func (k *Keeper) each(ctx context.Context, do func(name string) error) error {
	var names []string
	for _, prefix := range []string{keyPrefix, aliasPrefix} {
		if err := k.records.List(ctx, prefix, func(name, _ string) { names = append(names, name) }); err != nil {
			return fmt.Errorf("list the records: %w", err)
		}
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(name); err != nil {
			return err
		}
	}
	return nil
}

// Verify opens every record and reports what is wrong with it. A root that can't say ends it, since nothing is known
// then. With a backup, records that are older than in it, or missing, are found, too.
func (k *Keeper) Verify(ctx context.Context, backup *Backup, report func(Finding)) (*Tally, error) {
	t := &Tally{Roots: make(map[string]int)}
	keys, targets := make(map[string]bool), make(map[string]string)
	bad := func(name, format string, args ...any) {
		t.Bad++
		report(Finding{Record: name, Bad: true, What: fmt.Sprintf(format, args...)})
	}
	seen := make(map[string]bool)
	err := k.each(ctx, func(name string) error {
		seen[name] = true
		s, err := k.cache.get(ctx, name, 0)
		switch {
		case errors.Is(err, ErrDamaged), errors.Is(err, ErrUnknownRoot), errors.Is(err, ErrRolledBack):
			bad(name, "%v", err)
			return nil
		case err != nil:
			return err
		case s.record == nil:
			bad(name, "is listed and can't be read")
			return nil
		}
		defer s.wipe()
		t.Roots[s.record.root]++
		switch {
		case s.body.Key != nil:
			t.Keys++
			keys[s.body.Key.ID] = true
		case s.body.Alias != nil:
			t.Aliases++
			targets[name] = s.body.Alias.KeyID
		default:
			t.Deleted++
		}
		if kept := backup.counter(name); kept > s.record.counter {
			bad(name, "is in state %d, and was in state %d when the backup was made: an old state was brought back",
				s.record.counter, kept)
		}
		return nil
	})
	if err != nil {
		return t, err
	}
	for name, target := range targets {
		if !keys[target] {
			report(Finding{Record: name, What: "is an alias of a key that was deleted"})
		}
	}
	for _, name := range backup.names() {
		if !seen[name] {
			bad(name, "is missing, and was there when the backup was made")
		}
	}
	return t, nil
}

// Reroot moves every record to the first root, under a new record key; those that are there already are passed over, so
// an interrupted run goes on when it is repeated. All services must have both roots before. It returns what there is.
func (k *Keeper) Reroot(ctx context.Context, progress func(Tally)) (*Tally, error) {
	t := &Tally{Roots: make(map[string]int)}
	to := k.cache.roots.list[0].Identity()
	err := k.each(ctx, func(name string) error {
		for range changesInVain {
			s, err := k.cache.get(ctx, name, 0)
			if err != nil {
				return err
			}
			moved, err := k.move(ctx, s, to)
			if errors.Is(err, fs.ErrExist) { // it was changed meanwhile
				continue
			}
			if err != nil {
				return err
			}
			if moved {
				t.Moved++
			}
			t.Roots[to]++
			progress(*t)
			return nil
		}
		return fmt.Errorf("%s is changed all the time", name)
	})
	return t, err
}

func (k *Keeper) move(ctx context.Context, s *snapshot, to string) (moved bool, err error) {
	defer s.wipe()
	if s.record == nil || s.record.root == to {
		return false, nil
	}
	counter := s.record.counter
	record, err := k.cache.roots.wrap(ctx, s.name, &s.secret)
	if err != nil {
		return false, err
	}
	record.counter = counter
	s.record = record
	return true, k.cache.put(ctx, s, &s.body)
}
