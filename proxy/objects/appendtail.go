package objects

import (
	"bytes"
	"context"
	"io"

	"sealfront/crypto"
)

// appendTailSize is how much of an object's end an append reads with the metadata: a small object, or a small last
// part, needs no further request then, nor does the trailer of up to 600 parts.
const appendTailSize = 64 << 10

// HeadForAppend is HeadWithTail with more of the end.
func (x *Object) HeadForAppend(ctx context.Context) (*Source, error) {
	return x.headWithTail(ctx, appendTailSize)
}

// readFrom begins to read the plaintext from first to the end of an object that was opened, for an append: out of the
// end that came with its metadata, where that has all segments, otherwise from the store.
func (o *Source) readFrom(ctx context.Context, opened *Opened, first int64) (*Reader, error) {
	x, last := o.Object, opened.Length-1
	span, err := opened.layout.Span(first, last)
	if err != nil {
		return nil, err
	}
	if start := o.total - int64(len(o.end)); span.First >= start {
		stored := o.end[span.First-start : span.Last-start+1]
		r := new(Reader)
		r.begin(x, endBody{bytes.NewReader(stored)}, opened, first, last, 0)
		r.setChecksum(&crypto.Checksum{}, nil)
		return r, nil
	}
	return x.Read(ctx, opened, first, last, &crypto.Checksum{}, nil)
}

// An endBody is stored bytes in memory.
type endBody struct{ io.Reader }

// Close does nothing.
func (endBody) Close() {}
