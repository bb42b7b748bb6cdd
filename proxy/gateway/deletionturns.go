package gateway

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"sealfront/proxy/s3"
)

// deletionsAtOnce is how many of a request's conditional deletions are in flight at the store. Each holds one answer
// without a body, so that they take no more memory than a body's pipeline.
const deletionsAtOnce = 16

// A deletionOutcome is what became of an entry that isn't in the batch.
type deletionOutcome struct {
	index   int    // of the entry
	version string // that is deleted; "" for the current one
	headers []s3.Element
	err     error
}

// removeEach carries out the entries of list that these outcomes are about, each as DeleteObject, several at once, and
// fills in the outcomes. Entries of one key go one after the other, in the document's order: whether a condition holds
// depends on those before.
func (x *exchange) removeEach(list []deletion, outcomes []*deletionOutcome) {
	turns, of := [][]*deletionOutcome{}, make(map[string]int)
	for _, o := range outcomes {
		key := list[o.index].Key
		turn, known := of[key]
		if !known {
			turn = len(turns)
			of[key] = turn
			turns = append(turns, nil)
		}
		turns[turn] = append(turns[turn], o)
	}
	ctx, record, bypass := x.context, x.Record, x.bypasses()
	inParallel(len(turns), deletionsAtOnce, func(next func() (int, bool)) {
		y := x.at(record, "")
		for i, ok := next(); ok; i, ok = next() {
			for _, o := range turns[i] {
				d := &list[o.index]
				y.Key, y.Version = d.Key, o.version
				o.headers, o.err = y.Remove(ctx, d.ETag, d.Size, d.LastModifiedTime, bypass)
				o.version = y.Version // "" where the store has no versions to name
			}
		}
	})
}

// inParallel runs work in up to most goroutines and waits for them. Each takes numbers below n until there are no more.
// A panic in one is one of the caller's.
func inParallel(n, most int, work func(next func() (int, bool))) {
	var taken atomic.Int64
	next := func() (int, bool) {
		i := int(taken.Add(1)) - 1
		return i, i < n
	}
	var bug atomic.Pointer[error]
	var workers sync.WaitGroup
	for range min(n, most) {
		workers.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					err := fmt.Errorf("%v\n%s", r, debug.Stack())
					bug.Store(&err)
				}
			}()
			work(next)
		})
	}
	workers.Wait()
	if err := bug.Load(); err != nil {
		panic(*err)
	}
}
