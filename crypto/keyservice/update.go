package keyservice

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"time"
)

// changesInVain is how often a change is begun anew because others have changed the same record meanwhile.
const changesInVain = 30

// update changes what the names are about: change gets it as it is now, and what it leaves is written before update
// returns. When change fails nothing is written. Keys that are due are removed first, and rotations that are due
// carried out. change is called again where another service was faster. Each record changes at once; a change of
// several is no transaction, and written so that any beginning of it is a state that may be.
func (c *recordCache) update(ctx context.Context, change func(*state) *Error, names ...string) (*view, error) {
	for n := range changesInVain {
		v, err := c.read(ctx, 0, names...)
		if err != nil {
			return nil, err
		}
		err = c.change(ctx, v, change)
		if err == nil {
			return v, nil
		}
		v.wipe()
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		pause := time.Duration(rand.Int64N(int64(n+1) * int64(5*time.Millisecond)))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return nil, fmt.Errorf("the record was changed by others %d times while it was to be changed here", changesInVain)
}

func (c *recordCache) change(ctx context.Context, v *view, change func(*state) *Error) error {
	now := c.now()
	v.removeDue(now)
	v.rotateDue(now)
	if failure := change(v.state); failure != nil {
		return failure
	}
	list, err := v.changes(now)
	if err != nil {
		return err
	}
	for _, w := range list {
		if err := c.put(ctx, w.snapshot, w.body); err != nil {
			return err
		}
	}
	return nil
}

// A changed record with what it becomes.
type changed struct {
	*snapshot
	body *body
}

// changes are the differences between a view's records and its state: keys first, since aliases point to them.
func (v *view) changes(now time.Time) ([]changed, error) {
	next := make(map[string]*body)
	for name := range v.snapshots {
		next[name] = &body{}
	}
	for id, k := range v.Keys {
		next[keyRecord(id)] = &body{Key: k}
	}
	for name, a := range v.Aliases {
		next[aliasRecord(name)] = &body{Alias: &nameAlias{Name: name, alias: *a}}
	}
	var list []changed
	for name, b := range next {
		s := v.snapshots[name]
		if s == nil {
			s = &snapshot{name: name}
		}
		gone := b.Key == nil && b.Alias == nil
		if was := s.body.Key == nil && s.body.Alias == nil; gone && was {
			continue
		}
		if gone {
			b.Gone = &now
		}
		same, err := equal(&s.body, b)
		if err != nil {
			return nil, err
		}
		if !same {
			list = append(list, changed{s, b})
		}
	}
	slices.SortFunc(list, func(a, b changed) int { return -bytes.Compare([]byte(a.name), []byte(b.name)) }) // keys/ first
	return list, nil
}

func equal(a, b *body) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	defer clear(x)
	y, err := json.Marshal(b)
	if err != nil {
		return false, err
	}
	defer clear(y)
	return bytes.Equal(x, y), nil
}
