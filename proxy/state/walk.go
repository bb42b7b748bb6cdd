package state

import (
	"context"
	"time"
)

// A listed is one object of the state bucket as a listing shows it.
type listed struct {
	name, etag string
	size       int64
	modified   time.Time
}

// A walk goes over the objects below a prefix in the order of their names, a listing a thousand. Objects may be removed
// or added behind its back.
type walk struct {
	objects Objects
	prefix  string
	start   string   // the last name that was asked for
	page    []listed // what is left of it
	over    bool     // no page follows
}

// walk begins one behind the name start; "" for all.
func (s *State) walk(prefix, start string) *walk {
	return &walk{objects: s.objects, prefix: prefix, start: start}
}

// peek returns the object that next would return, nil at the end.
func (w *walk) peek(ctx context.Context) (*listed, error) {
	for len(w.page) == 0 && !w.over {
		more, err := w.objects.List(ctx, w.prefix, w.start, func(name, etag string, size int64, modified time.Time) {
			w.page = append(w.page, listed{name, etag, size, modified})
		})
		if err != nil {
			return nil, err
		}
		w.over = !more || len(w.page) == 0
		if n := len(w.page); n > 0 {
			w.start = w.page[n-1].name
		}
	}
	if len(w.page) == 0 {
		return nil, nil
	}
	return &w.page[0], nil
}

// next returns the next object, nil at the end. It is valid until the next call.
func (w *walk) next(ctx context.Context) (*listed, error) {
	o, err := w.peek(ctx)
	if o != nil {
		w.page = w.page[1:]
	}
	return o, err
}

// skip passes over all names up to this one; what isn't on the page at hand isn't listed.
func (w *walk) skip(name string) {
	for len(w.page) > 0 && w.page[0].name <= name {
		w.page = w.page[1:]
	}
	if len(w.page) == 0 && w.start < name {
		w.start = name
	}
}

// each calls f for every object below prefix.
func (s *State) each(ctx context.Context, prefix string, f func(o *listed) error) error {
	w := s.walk(prefix, "")
	for {
		o, err := w.next(ctx)
		if o == nil || err != nil {
			return err
		}
		if err := f(o); err != nil {
			return err
		}
	}
}

// removeAll removes the objects below prefix that f chooses, nil for all, a request a thousand.
func (s *State) removeAll(ctx context.Context, prefix string, f func(o *listed) bool) error {
	var names []string
	err := s.each(ctx, prefix, func(o *listed) error {
		if f != nil && !f(o) {
			return nil
		}
		if names = append(names, o.name); len(names) < removedAtOnce {
			return nil
		}
		batch := names
		names = nil
		return s.objects.DeleteAll(ctx, batch)
	})
	if err == nil && len(names) > 0 {
		err = s.objects.DeleteAll(ctx, names)
	}
	return err
}

// removedAtOnce is how many names one DeleteAll gets: what one request may name.
const removedAtOnce = 1000
