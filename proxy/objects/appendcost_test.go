package objects_test

import (
	"fmt"
	"maps"
	"testing"

	"sealfront/proxy/store"
)

// moved are the requests of appends, and the bytes that they move.
type moved struct {
	requests           map[string]int
	read, sent, copied int64 // from the store, to the store, and inside of it
}

// countMoved counts what crosses a front from now on.
func countMoved(f *front) *moved {
	m := &moved{requests: make(map[string]int)}
	f.seen = func(r *store.Request) {
		m.requests[r.Operation]++
		if r.Operation == "PutObject" || r.Operation == "UploadPart" {
			m.sent += r.Length + int64(len(r.Bytes))
		}
		for _, h := range r.Header {
			var first, last, end int64
			if n, _ := fmt.Sscanf(string(h.Value), "bytes=-%d", &end); n == 1 {
				m.read += end
			} else if n, _ := fmt.Sscanf(string(h.Value), "bytes=%d-%d", &first, &last); n == 2 {
				if r.Operation == "UploadPartCopy" {
					m.copied += last - first + 1
				} else {
					m.read += last - first + 1
				}
			}
		}
	}
	return m
}

// An append costs the same requests however many came before it, and moves at most what is appended, 5 MiB and the
// object's end. What the store copies inside of it is the object's earlier parts.
func TestAppendsDoNotGrowDearer(t *testing.T) {
	t.Parallel()
	whole := map[string]int{"GetObject": 2, "HeadObject": 1, "PutObject": 1}
	inParts := map[string]int{
		"GetObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 1, "UploadPart": 1, "HeadObject": 2,
		"CompleteMultipartUpload": 1,
	}
	readBack := maps.Clone(inParts)
	readBack["GetObject"] = 2
	for name, c := range map[string]struct {
		before, each, n int
		most            map[string]int // requests of one append
		read            int64          // most bytes that one append reads
	}{
		"small ones onto a small object":     {100_000, 4096, 25, whole, 400_000},
		"small ones onto a large one":        {6 * mib, 4096, 25, readBack, 300_000},
		"those of whole parts":               {6 * mib, 5 * mib, 4, inParts, 65_536},
		"those of a part and a little again": {6 * mib, 3 * mib, 6, readBack, 5*mib + 70_000},
	} {
		t.Run(name, func(t *testing.T) {
			i := install(t, nil)
			i.put(t, "key", random(1, c.before))
			size := c.before
			appendSome := func(n int) {
				for k := range n {
					unchanged := int64(size) / (5 * mib) * (5 * mib) // at most
					m := countMoved(i.front)
					if _, err := appendTo(t.Context(), i.object(t, "key"), &body{data: random(byte(k), c.each)}, sseKMS); err != nil {
						t.Fatal(err)
					}
					size += c.each
					for operation, n := range m.requests {
						if n > c.most[operation] {
							t.Errorf("%d %s at %d bytes, at most %d", n, operation, size, c.most[operation])
						}
					}
					// Sealing adds 16 bytes to 64 KiB, and 112 to 5 MiB.
					if most := int64(c.each) + 5*mib + 10_000; m.sent > most || m.read > c.read {
						t.Errorf("at %d bytes: %d sent and %d read, at most %d and %d", size, m.sent, m.read, most, c.read)
					}
					if size > 8*mib && m.copied < unchanged/2 || m.copied > int64(size)+10_000 {
						t.Errorf("at %d bytes: %d copied in the store", size, m.copied)
					}
				}
			}
			first := countAll(i.front, func() { appendSome(c.n) })
			second := countAll(i.front, func() { appendSome(c.n) })
			if second > first+c.n { // the first append may have less to read back
				t.Errorf("%d appends cost %d requests, and the next %d cost %d", c.n, first, c.n, second)
			}
			i.front.seen = nil
			if got, err := i.read(t, i.object(t, "key")); err != nil || len(got) != size {
				t.Errorf("%d bytes, %v; want %d", len(got), err, size)
			}
		})
	}
}

// countAll is how many requests cross a front while f runs.
func countAll(f *front, do func()) int {
	before := len(f.requests)
	do()
	return len(f.requests) - before
}
