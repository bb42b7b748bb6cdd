package objects

import (
	"context"
	"errors"
	"fmt"
	"io"

	"sealfront/crypto"
)

// A File is the stored bytes of an object outside of the store.
type File struct {
	Envelope string // as the store has it in the object's metadata
	Bytes    io.ReaderAt
	Size     int64
}

// OpenFile opens the envelope and the trailer of x, whose stored bytes lie in f. It asks may before it calls KMS, for
// an object under SSE-KMS. The store isn't called. The caller wipes the secrets.
func (x *Object) OpenFile(ctx context.Context, f *File, may func(keyARN string) error) (*Opened, error) {
	envelope, err := crypto.ParseEnvelopeText([]byte(f.Envelope))
	if err != nil {
		return nil, x.damaged("envelope", err.Error(), fmt.Errorf("read the envelope of %s/%s: %w", x.Bucket, x.Key, err))
	}
	s := &Sealed{Envelope: envelope, total: f.Size, last: f.Size - 1}
	secrets, err := x.Unwrap(ctx, envelope, false, may)
	if err != nil {
		return nil, err
	}
	if _, err := secrets.CheckStored(f.Size); err != nil || f.Size == 0 {
		return x.layOut(ctx, s, secrets, nil) // which says what is wrong
	}
	trailer, err := x.openTrailer(s, &secrets.DataKey, crypto.EndLength(f.Size), f.end)
	if err != nil {
		secrets.Wipe()
		return nil, err
	}
	return x.layOut(ctx, s, secrets, trailer)
}

// end reads the last n bytes.
func (f *File) end(n int64) ([]byte, error) {
	end := make([]byte, min(n, f.Size))
	if _, err := f.Bytes.ReadAt(end, f.Size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return end, nil
}

// Body is all of its bytes, to be read once.
func (f *File) Body() Body { return fileBody{io.NewSectionReader(f.Bytes, 0, f.Size)} }

type fileBody struct{ io.Reader }

func (fileBody) Close() {}
