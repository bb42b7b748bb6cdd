package status

import (
	"context"
	"sync"
	"time"
)

// A bucketList is what was listed last. Whoever wants it waits a moment for the first one, and for no other: the page
// must come while the store hangs.
type bucketList struct {
	mu      sync.Mutex
	list    []Bucket
	more    bool
	why     string // it couldn't be listed
	at      time.Time
	listing chan struct{} // closed when the listing that is under way ends; nil: none is
}

const (
	bucketsLife   = 10 * time.Second
	bucketsMoment = 300 * time.Millisecond
	beingListed   = "they are being listed"
)

func (b *bucketList) get(ctx context.Context, list func(context.Context, int) ([]Bucket, bool, error)) (
	[]Bucket, bool, string,
) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listing == nil && time.Since(b.at) >= bucketsLife {
		b.listing = make(chan struct{})
		go b.read(context.WithoutCancel(ctx), list)
	}
	if b.at.IsZero() && b.listing != nil {
		listing := b.listing
		b.mu.Unlock()
		moment := time.NewTimer(bucketsMoment)
		select {
		case <-listing:
		case <-moment.C:
		}
		moment.Stop()
		b.mu.Lock()
		if b.at.IsZero() {
			return nil, false, beingListed
		}
	}
	return b.list, b.more, b.why
}

func (b *bucketList) read(ctx context.Context, list func(context.Context, int) ([]Bucket, bool, error)) {
	found, more, err := list(ctx, shownBuckets)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.why = ""; err != nil {
		b.why = err.Error()
	} else {
		b.list, b.more = found, more
	}
	b.at = time.Now()
	close(b.listing)
	b.listing = nil
}
