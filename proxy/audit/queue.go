package audit

import (
	"sync"
	"time"
)

// A queue holds the records that wait to be written, in their order, and room that is reserved for others. It is safe
// for concurrent use.
type queue struct {
	mu       sync.Mutex
	limit    int
	reserved int
	entries  []entry // the oldest first
	inFlight int     // of the oldest: those that are being written
}

type entry struct {
	record *Record
	since  time.Time
}

// reserve keeps room for a record, if there is any.
func (q *queue) reserve() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries)+q.reserved >= q.limit {
		return false
	}
	q.reserved++
	return true
}

// add takes a record, if there is room or room was reserved for it.
func (q *queue) add(r *Record, now time.Time, reserved bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if reserved {
		q.reserved--
	} else if len(q.entries)+q.reserved >= q.limit {
		return false
	}
	q.entries = append(q.entries, entry{r, now})
	return true
}

// take appends up to n of the oldest records to list, which are in flight until they are settled.
func (q *queue) take(list []*Record, n int) []*Record {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight = min(n, len(q.entries))
	for _, e := range q.entries[:q.inFlight] {
		list = append(list, e.record)
	}
	return list
}

// settle ends the flight of records: they are written, or wait on.
func (q *queue) settle(written bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if written {
		q.remove(0, q.inFlight)
	}
	q.inFlight = 0
}

// expire gives up records that have waited since before a time, and returns how many. Those in flight may be written.
func (q *queue) expire(before time.Time) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	end := q.inFlight
	for end < len(q.entries) && q.entries[end].since.Before(before) {
		end++
	}
	n := end - q.inFlight
	q.remove(q.inFlight, end)
	return n
}

// remove forgets entries from one up to another. The caller holds mu.
func (q *queue) remove(from, to int) {
	if from == to {
		return
	}
	left := copy(q.entries[from:], q.entries[to:])
	clear(q.entries[from+left:])
	q.entries = q.entries[:from+left]
}

// waiting is how many records wait, and since when the oldest does.
func (q *queue) waiting() (n int, since time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.entries) > 0 {
		since = q.entries[0].since
	}
	return len(q.entries), since
}
