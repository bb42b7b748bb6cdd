package keyservice

import (
	"context"
	"strings"
	"sync"
	"time"
)

// A view is the part of the state that some names are about. It owns the secrets in it.
type view struct {
	*state
	snapshots map[string]*snapshot // by record
}

func (v *view) wipe() {
	for _, s := range v.snapshots {
		s.wipe()
	}
	for _, k := range v.Keys {
		k.wipe()
	}
}

// read returns what keys and aliases that are named in any of the four ways are, no older than maxAge.
func (c *recordCache) read(ctx context.Context, maxAge time.Duration, names ...string) (_ *view, err error) {
	v := &view{state: newState(), snapshots: make(map[string]*snapshot)}
	defer func() {
		if err != nil {
			v.wipe()
		}
	}()
	for _, name := range names {
		id, alias := recordsOf(name)
		if alias != "" {
			s, err := v.add(ctx, c, aliasRecord(alias), maxAge)
			if err != nil {
				return nil, err
			}
			if s.body.Alias != nil {
				id = s.body.Alias.KeyID
			}
		}
		if keyIDForm.MatchString(id) {
			if _, err := v.add(ctx, c, keyRecord(id), maxAge); err != nil {
				return nil, err
			}
		}
	}
	v.dropDangling()
	return v, nil
}

// recordsOf returns what a name in a request may be about: the id of a key, or the name of an alias.
func recordsOf(name string) (id, alias string) {
	if strings.HasPrefix(name, "arn:") {
		fields := strings.SplitN(name, ":", 6)
		name = fields[len(fields)-1]
	}
	if strings.HasPrefix(name, "alias/") {
		return "", name
	}
	return strings.TrimPrefix(name, "key/"), ""
}

// add reads a record into v, unless it is there.
func (v *view) add(ctx context.Context, c *recordCache, record string, maxAge time.Duration) (*snapshot, error) {
	if s := v.snapshots[record]; s != nil {
		return s, nil
	}
	s, err := c.get(ctx, record, maxAge)
	if err != nil {
		return nil, err
	}
	v.take(s)
	return s, nil
}

func (v *view) take(s *snapshot) {
	v.snapshots[s.name] = s
	if k := s.body.Key; k != nil {
		v.Keys[k.ID] = k.clone()
	}
	if a := s.body.Alias; a != nil {
		copied := a.alias
		v.Aliases[a.Name] = &copied
	}
}

// dropDangling leaves out the aliases of keys that are gone.
func (v *view) dropDangling() {
	for name, a := range v.Aliases {
		if v.Keys[a.KeyID] == nil {
			delete(v.Aliases, name)
		}
	}
}

// readersAtOnce bounds how many records are read at once for a listing.
const readersAtOnce = 16

// readAll returns everything, as it is now. Records in memory are read again only when a listing shows another tag.
func (c *recordCache) readAll(ctx context.Context) (_ *view, err error) {
	type listed struct{ name, tag string }
	var list []listed
	for _, prefix := range []string{aliasPrefix, keyPrefix} { // so that a listed alias's key is there
		if err := c.records.List(ctx, prefix, func(name, tag string) { list = append(list, listed{name, tag}) }); err != nil {
			return nil, err
		}
	}
	v := &view{state: newState(), snapshots: make(map[string]*snapshot)}
	defer func() {
		if err != nil {
			v.wipe()
		}
	}()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var all sync.WaitGroup
	turns := make(chan struct{}, readersAtOnce)
	for _, l := range list {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			s := c.listed(l.name, l.tag)
			if s == nil {
				var err error
				if s, err = c.get(ctx, l.name, 0); err != nil {
					cancel(err)
					return
				}
			}
			mu.Lock()
			defer mu.Unlock()
			v.take(s)
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	v.dropDangling()
	return v, nil
}

// listed returns a record in memory, if it is warm and has a tag.
func (c *recordCache) listed(name, tag string) *snapshot {
	c.mu.Lock()
	e := c.entries[name]
	c.mu.Unlock()
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.body == nil || tag == "" || e.tag != tag || !c.now().Before(e.until) {
		return nil
	}
	return e.snapshot()
}
