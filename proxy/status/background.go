package status

import (
	"context"
	"sync"
	"time"
)

// A background is something from the store. Whoever wants it gets what was read last, at once, and has it read anew
// behind their back when that is older than its life: the page must come while the store hangs. It is safe for
// concurrent use.
type background[T any] struct {
	mu      sync.Mutex
	value   T
	why     string // it couldn't be read the last time
	at      time.Time
	reading bool
}

const beingRead = "it is being read"

// get returns what was read last, and why there is nothing or nothing newer.
func (b *background[T]) get(ctx context.Context, life time.Duration, read func(context.Context) (T, error)) (
	value T, why string,
) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.reading && time.Since(b.at) >= life {
		b.reading = true
		go b.read(context.WithoutCancel(ctx), read)
	}
	if b.at.IsZero() {
		return b.value, beingRead
	}
	return b.value, b.why
}

func (b *background[T]) read(ctx context.Context, read func(context.Context) (T, error)) {
	value, err := read(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why = ""; err != nil {
		b.why = err.Error()
	} else {
		b.value = value
	}
	b.at, b.reading = time.Now(), false
}
