package store

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// A probe is one run of the probe, in a bucket of ours, below a prefix of its own.
type probe struct {
	objects *Objects
	prefix  string

	mu    sync.Mutex
	made  []string
	tries int

	troubled atomic.Bool // the store answered a name with a fault of its own
}

// fresh is a name that nobody has tried yet, which sweep removes.
func (p *probe) fresh(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries++
	name = p.prefix + "/" + strconv.Itoa(p.tries) + "/" + name
	p.made = append(p.made, name)
	return name
}

func (p *probe) put(ctx context.Context, name, body, ifMatch string) (string, error) {
	p.mu.Lock()
	p.made = append(p.made, name)
	p.mu.Unlock()
	return p.objects.Put(ctx, name, []byte(body), ifMatch)
}

func (p *probe) sweep(ctx context.Context) {
	slices.Sort(p.made)
	_ = inParallel(slices.Compact(p.made), func(name string) error {
		return p.objects.Delete(ctx, name) // what stays is empty and harmless
	})
}

// refused turns an outcome into "the condition held": the store said no.
func refused(err error) (bool, error) {
	var f *Fault
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, ErrExists):
		return true, nil
	case errors.As(err, &f) && f.Status < 500 || errors.As(err, &f) && f.Status == 501:
		return false, nil
	}
	return false, err
}

// unlessRefused is for a step that must succeed: a client error means that the ability is missing.
func unlessRefused(err error) (bool, error) {
	if held, err := refused(err); err != nil {
		return held, err
	}
	return false, nil
}

func second(_ string, err error) error { return err }

// exceptRefusal drops errors by which the store answers.
func exceptRefusal(err error) error {
	_, err = refused(err)
	return err
}

// probeRequests is how many requests the probe sends at once.
const probeRequests = 8

// inParallel calls f for each of list, several at a time, and returns the first error.
func inParallel[T any](list []T, f func(T) error) error {
	var group sync.WaitGroup
	slots := make(chan struct{}, probeRequests)
	errs := make([]error, len(list))
	for i, x := range list {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			errs[i] = f(x)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
