package objects

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"

	"sealfront/crypto"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// A Reader reads plaintext of a stored object: for a client, or for another object that is made of it. A segment's
// bytes are handed on only after its tag has been checked. It owns the store's answer and a slab until Close; the data
// key is the caller's and stays whole as long.
type Reader struct {
	x       *Object
	length  int64
	left    int64 // that hasn't been handed on
	body    Body  // nil when there is nothing to read
	opener  *crypto.SpanOpener
	slab    *crypto.Slab
	skip    int64  // stored bytes in front of the span
	rest    []byte // opened, not handed on yet
	touched int    // the most plaintext that the slab has held

	sum  *crypto.Checksum // what finish returns, where it is known
	kind *s3.ChecksumKind // otherwise it is computed, if there is one
	hash hash.Hash
}

var _ Plaintext = (*Reader)(nil)

// A Body is stored bytes on their way here, such as an answer of the store.
type Body interface {
	io.Reader
	Close()
}

// Read begins to read the plaintext bytes first to last of an opened object; last is first-1 for none. finish will
// return sum, or when that is nil the checksum of kind over what was read.
func (x *Object) Read(
	ctx context.Context, o *Opened, first, last int64, sum *crypto.Checksum, kind *s3.ChecksumKind,
) (*Reader, error) {
	if last < first {
		r := &Reader{x: x}
		r.setChecksum(sum, kind)
		return r, nil
	}
	a, err := x.ReadSpan(ctx, o, first, last)
	if err != nil {
		return nil, err
	}
	r, err := x.NewReader(a, o, first, last)
	if err != nil {
		a.Close()
		return nil, err
	}
	r.setChecksum(sum, kind)
	return r, nil
}

// NewReader reads the plaintext bytes first to last, of which there are some, from an answer that must hold their
// segments. It is the reader's from then on, but not where NewReader fails.
func (x *Object) NewReader(a *store.Answer, o *Opened, first, last int64) (*Reader, error) {
	r := new(Reader)
	return r, x.SetReader(r, a, o, first, last)
}

// SetReader is NewReader in r, which is the caller's memory.
func (x *Object) SetReader(r *Reader, a *store.Answer, o *Opened, first, last int64) error {
	span, err := o.layout.Span(first, last)
	if err != nil {
		return err
	}
	got := crypto.Span{First: o.first, Last: o.last}
	skipped := span.First - o.first
	switch {
	case !got.Covers(span):
		return s3.Internal(fmt.Errorf("the store answered bytes %d-%d where %d-%d were needed",
			o.first, o.last, span.First, span.Last))
	case a.Length != got.Length():
		return s3.Internal(fmt.Errorf("the store announced %d bytes for the range %d-%d", a.Length, o.first, o.last))
	case skipped > 0 && a.Status == http.StatusOK:
		return s3.Internal(errors.New("the store ignored the range"))
	}
	r.begin(x, a, o, first, last, skipped)
	return nil
}

// begin makes r read from a body that holds the segments behind skip bytes.
func (r *Reader) begin(x *Object, body Body, o *Opened, first, last, skip int64) {
	length := last - first + 1
	*r = Reader{
		x: x, length: length, left: length, body: body, opener: o.Secrets.DataKey.OpenSpan(o.layout, first, last),
		slab: crypto.GetSlab(), skip: skip,
	}
}

func (r *Reader) setChecksum(sum *crypto.Checksum, kind *s3.ChecksumKind) {
	if r.sum, r.kind = sum, kind; sum == nil {
		r.hash = kind.Make()
	}
}

// Close gives back what the reader owns. It may be called more than once.
func (r *Reader) Close() {
	if r.slab == nil {
		return
	}
	r.body.Close()
	crypto.PutSlab(r.slab, r.touched)
	r.body, r.slab, r.rest = nil, nil, nil
}

// Size is how many bytes there are to read.
func (r *Reader) Size() int64 { return r.length }

// Done reports whether all have been handed on.
func (r *Reader) Done() bool { return r.left == 0 }

// Fill reads exactly the next len(p) bytes.
func (r *Reader) Fill(p []byte) error {
	for filled := 0; filled < len(p); {
		if err := r.Advance(); errors.Is(err, io.EOF) {
			return s3.Internal(fmt.Errorf("%s/%s ended before %d bytes", r.x.Bucket, r.x.Key, r.length))
		} else if err != nil {
			return err
		}
		n := copy(p[filled:], r.rest)
		r.rest = r.rest[n:]
		r.left -= int64(n)
		filled += n
	}
	if r.hash != nil {
		r.hash.Write(p)
	}
	return nil
}

// Next returns the plaintext of the next segment, or what is left of it. It lies in the reader's memory until the next
// call. io.EOF says that there is no more.
func (r *Reader) Next() ([]byte, error) {
	if err := r.Advance(); err != nil {
		return nil, err
	}
	plain := r.rest
	r.rest = nil
	r.left -= int64(len(plain))
	return plain, nil
}

// Advance opens the next segment if nothing is left of the last one; io.EOF after all.
func (r *Reader) Advance() error {
	if len(r.rest) > 0 {
		return nil
	}
	if r.left == 0 {
		return io.EOF
	}
	x, memory := r.x, r.slab.Body()
	for r.skip > 0 {
		n := min(r.skip, int64(len(memory)))
		if _, err := io.ReadFull(r.body, memory[:n]); err != nil {
			return x.readFailed(err)
		}
		r.skip -= n
	}
	size := r.opener.Next()
	if size == 0 {
		return io.EOF
	}
	if _, err := io.ReadFull(r.body, memory[:size]); err != nil {
		return x.readFailed(err)
	}
	plain, err := r.opener.Open(memory[:size])
	if err != nil {
		return x.badSegment(err)
	}
	r.touched = max(r.touched, size-crypto.TagSize)
	r.rest = plain
	return nil
}

// Finish returns the checksum.
func (r *Reader) Finish() (*crypto.Checksum, error) {
	if r.sum != nil {
		return r.sum, nil
	}
	return &crypto.Checksum{Type: crypto.FullObject, Algorithm: r.kind.Algorithm, Value: r.hash.Sum(nil)}, nil
}

// readFailed is a body that ended before its time.
func (x *Object) readFailed(err error) error {
	return s3.Unavailable(fmt.Errorf("read %s/%s from the store: %w", x.Bucket, x.Key, err))
}

// badSegment is a segment that doesn't open.
func (x *Object) badSegment(err error) *Damage {
	return x.damaged("segment", "a segment does not open", fmt.Errorf("open %s/%s: %w", x.Bucket, x.Key, err))
}
