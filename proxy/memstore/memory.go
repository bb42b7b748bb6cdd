package memstore

import (
	"io"
	"math/bits"
	"sync"
	"sync/atomic"
)

// memory is the budget of all bodies and names.
type memory struct{ free atomic.Int64 }

// take reserves n bytes, and gives up when there is less.
func (m *memory) take(n int64) bool {
	if m.free.Add(-n) < 0 {
		m.free.Add(n)
		return false
	}
	return true
}

func (m *memory) give(n int64) { m.free.Add(n) }

// Blocks are powers of two, so that a small object doesn't take the room of a large one's block.
const (
	smallestBlock = 9  // 512 B
	largestBlock  = 17 // 128 KiB
	largeBlock    = 1 << largestBlock
)

var blocks [largestBlock - smallestBlock + 1]sync.Pool // *[]byte

// class is the pool of the smallest block for n bytes.
func class(n int) int { return max(bits.Len(uint(n-1)), smallestBlock) - smallestBlock }

func getBlock(n int) *[]byte {
	c := class(n)
	if b, ok := blocks[c].Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 1<<(c+smallestBlock))
	return &b
}

func putBlock(b *[]byte) { blocks[class(len(*b))].Put(b) }

// room is what a body of n bytes takes.
func room(n int64) int64 {
	large := n / largeBlock * largeBlock
	if rest := int(n - large); rest > 0 {
		large += 1 << (class(rest) + smallestBlock)
	}
	return large
}

// A body is the bytes of an object or part. It never changes, and is given back when its last user has released it. A
// body is either received, with blocks of its own, or made of other bodies, which it holds on to.
type body struct {
	size   int64
	pieces [][]byte
	users  atomic.Int32

	memory *memory
	own    []*[]byte
	room   int64
	parts  []*body
}

// receive reads a body of n bytes. It returns errFull, or what ended the body early; nothing is kept then.
func (m *memory) receive(r io.Reader, n int64) (*body, error) {
	size := room(n)
	if !m.take(size) {
		return nil, errFull
	}
	b := &body{size: n, memory: m, room: size}
	b.users.Store(1)
	if n > 0 {
		count := (n + largeBlock - 1) / largeBlock
		b.pieces, b.own = make([][]byte, 0, count), make([]*[]byte, 0, count)
	}
	for left := n; left > 0; {
		k := int(min(left, largeBlock))
		block := getBlock(k)
		b.own = append(b.own, block)
		if _, err := io.ReadFull(r, (*block)[:k]); err != nil {
			b.release()
			return nil, err
		}
		b.pieces = append(b.pieces, (*block)[:k])
		left -= int64(k)
	}
	return b, nil
}

// join makes one body of several, and takes over the caller's use of them.
func join(parts []*body) *body {
	b := &body{parts: parts}
	b.users.Store(1)
	for _, p := range parts {
		b.size += p.size
		b.pieces = append(b.pieces, p.pieces...)
	}
	return b
}

// slice makes a body of n bytes of b from an offset on.
func (b *body) slice(from, n int64) *body {
	s := &body{size: n, pieces: b.between(nil, from, n), parts: []*body{b.retain()}}
	s.users.Store(1)
	return s
}

// between appends the pieces of n bytes from an offset on.
func (b *body) between(dst [][]byte, from, n int64) [][]byte {
	for _, p := range b.pieces {
		if n == 0 {
			break
		}
		if from >= int64(len(p)) {
			from -= int64(len(p))
			continue
		}
		p = p[from:]
		p = p[:min(int64(len(p)), n)]
		dst = append(dst, p)
		from, n = 0, n-int64(len(p))
	}
	return dst
}

func (b *body) retain() *body {
	b.users.Add(1)
	return b
}

func (b *body) release() {
	if b.users.Add(-1) > 0 {
		return
	}
	for _, block := range b.own {
		putBlock(block)
	}
	if b.memory != nil {
		b.memory.give(b.room)
	}
	for _, p := range b.parts {
		p.release()
	}
	b.pieces, b.own, b.parts, b.memory = nil, nil, nil, nil
}

// WriteTo writes the whole body.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	var written int64
	for _, p := range b.pieces {
		n, err := w.Write(p)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// A bodyReader is the answer to GetObject on its way out. Its body stays until Close.
type bodyReader struct {
	body   *body
	pieces [][]byte
	next   int // of pieces
}

var bodyReaders = sync.Pool{New: func() any { return new(bodyReader) }}

// read begins a reading of n bytes and takes over the caller's use of b.
func (b *body) read(from, n int64) *bodyReader {
	r := bodyReaders.Get().(*bodyReader)
	r.body, r.pieces, r.next = b, b.between(r.pieces[:0], from, n), 0
	return r
}

// SupportsBodyWriteTo lets fasthttp call WriteTo for all lengths.
func (*bodyReader) SupportsBodyWriteTo() bool { return true }

// WriteTo writes what is left.
func (r *bodyReader) WriteTo(w io.Writer) (written int64, err error) {
	for ; r.next < len(r.pieces); r.next++ {
		n, err := w.Write(r.pieces[r.next])
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// Read reads the next bytes.
func (r *bodyReader) Read(p []byte) (int, error) {
	if r.next == len(r.pieces) {
		return 0, io.EOF
	}
	piece := &r.pieces[r.next]
	n := copy(p, *piece)
	if *piece = (*piece)[n:]; len(*piece) == 0 {
		r.next++
	}
	return n, nil
}

// Close gives the body back.
func (r *bodyReader) Close() error {
	if r.body == nil {
		return nil
	}
	r.body.release()
	r.body = nil
	clear(r.pieces) // hold on to no block
	bodyReaders.Put(r)
	return nil
}
