package crypto

import "io"

// End is what follows an object's last part, as a stream: padding, sealed record and tail. It belongs to one goroutine.
type End struct {
	padding int64
	trailer []byte
}

// NewEnd seals the trailer and returns the object's end, of Padding + SealedLength bytes. Its memory doesn't grow with
// the padding. It returns Check's error for an illegal trailer; an object of 0 bytes has no end.
func (k *DataKey) NewEnd(objectID *[SaltSize]byte, t *Trailer) (*End, error) {
	trailer, err := k.AppendTrailer(nil, objectID, t)
	if err != nil {
		return nil, err
	}
	return &End{t.Padding(), trailer}, nil
}

// Len returns the number of bytes that haven't been read.
func (e *End) Len() int64 { return e.padding + int64(len(e.trailer)) }

// Read implements io.Reader. Its only error is io.EOF.
func (e *End) Read(p []byte) (n int, err error) {
	if len(p) > 0 && e.Len() == 0 {
		return 0, io.EOF
	}
	if e.padding > 0 {
		n = int(min(e.padding, int64(len(p))))
		clear(p[:n])
		e.padding -= int64(n)
	}
	copied := copy(p[n:], e.trailer)
	e.trailer = e.trailer[copied:]
	return n + copied, nil
}
