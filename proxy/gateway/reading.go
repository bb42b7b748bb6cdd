package gateway

import (
	"fmt"
	"hash"
	"io"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A reading is plaintext of a stored object on its way into another one: the source of a sealing. A segment's bytes are
// handed on only after its tag has been checked. It owns the store's answer and a slab until close; the data key is the
// caller's and stays whole as long.
type reading struct {
	x       *object
	length  int64
	answer  *store.Answer // nil when there is nothing to read
	opener  *crypto.SpanOpener
	slab    *crypto.Slab
	skip    int64  // stored bytes in front of the span
	rest    []byte // opened, not handed on yet
	touched int    // the most plaintext that the slab has held

	sum  *crypto.Checksum // what finish returns, where it is known
	kind *s3.ChecksumKind // else it is computed
	hash hash.Hash
}

var _ source = (*reading)(nil)

// read begins to read the plaintext bytes first to last of an opened object; last is first-1 for none. finish will return
// sum, or when that is nil the checksum of kind over what was read.
func (x *object) read(o *opened, first, last int64, sum *crypto.Checksum, kind *s3.ChecksumKind) (*reading, error) {
	r := &reading{x: x, length: last - first + 1, sum: sum, kind: kind}
	if sum == nil {
		r.hash = kind.Make()
	}
	if r.length == 0 {
		return r, nil
	}
	span, err := o.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	if r.answer, err = x.readSpan(o, first, last); err != nil {
		return nil, err
	}
	if got := (crypto.Span{First: o.first, Last: o.last}); !got.Covers(span) || r.answer.Length != got.Length() {
		r.answer.Close()
		return nil, s3.Internal(fmt.Errorf("the store answered bytes %d-%d where %d-%d were needed", o.first, o.last, span.First, span.Last))
	}
	r.opener, r.slab, r.skip = o.secrets.DataKey.OpenSpan(o.layout, first, last), crypto.GetSlab(), span.First-o.first
	return r, nil
}

func (r *reading) close() {
	if r.answer == nil {
		return
	}
	r.answer.Close()
	crypto.PutSlab(r.slab, r.touched)
	r.answer, r.slab, r.rest = nil, nil, nil
}

// size is how many bytes there are to read.
func (r *reading) size() int64 { return r.length }

// fill reads exactly the next len(p) bytes.
func (r *reading) fill(p []byte) error {
	for filled := 0; filled < len(p); {
		if len(r.rest) == 0 {
			if err := r.advance(); err != nil {
				return err
			}
		}
		n := copy(p[filled:], r.rest)
		r.rest = r.rest[n:]
		filled += n
	}
	if r.hash != nil {
		r.hash.Write(p)
	}
	return nil
}

// advance opens the next segment.
func (r *reading) advance() error {
	x, memory := r.x, r.slab.Body()
	failed := func(err error) error {
		return s3.Unavailable(fmt.Errorf("read %s/%s from the store: %w", x.bucket, x.key, err))
	}
	for r.skip > 0 {
		n := min(r.skip, int64(len(memory)))
		if _, err := io.ReadFull(r.answer, memory[:n]); err != nil {
			return failed(err)
		}
		r.skip -= n
	}
	size := r.opener.Next()
	if size == 0 {
		return s3.Internal(fmt.Errorf("%s/%s ended before %d bytes", x.bucket, x.key, r.length))
	}
	if _, err := io.ReadFull(r.answer, memory[:size]); err != nil {
		return failed(err)
	}
	plain, err := r.opener.Open(memory[:size])
	if err != nil {
		x.g.damaged("segment")
		return fmt.Errorf("open %s/%s: %w", x.bucket, x.key, err)
	}
	r.touched = max(r.touched, size-crypto.TagSize)
	r.rest = plain
	return nil
}

// finish returns the checksum.
func (r *reading) finish() (*crypto.Checksum, error) {
	if r.sum != nil {
		return r.sum, nil
	}
	return &crypto.Checksum{Type: crypto.FullObject, Algorithm: r.kind.Algorithm, Value: r.hash.Sum(nil)}, nil
}
