package store

import (
	"errors"
	"fmt"
	"io"
)

// errCutOff is a body that ends before its length. It isn't io.ErrUnexpectedEOF, which readers of whole blocks take for
// an end.
var errCutOff = errors.New("the store's answer was cut off")

// ReplaceEnd reads length bytes from r and returns them with their last len(end) replaced by end. Those are read before
// end is given out, so that of a body that is cut off anywhere the new one is cut off too.
func ReplaceEnd(r io.Reader, length int64, end []byte) io.Reader {
	return &endReplacer{from: r, kept: length - int64(len(end)), end: end}
}

type endReplacer struct {
	from io.Reader
	kept int64  // bytes still to be passed on
	end  []byte // what of the new end is still to be given
	read bool   // the old end has been read
}

func (e *endReplacer) Read(p []byte) (int, error) {
	if e.kept > 0 {
		n, err := e.from.Read(p[:min(int64(len(p)), e.kept)])
		if e.kept -= int64(n); err != nil && e.kept > 0 {
			return n, cutOff(err)
		}
		return n, nil
	}
	if !e.read {
		if _, err := io.CopyN(io.Discard, e.from, int64(len(e.end))); err != nil {
			return 0, cutOff(err)
		}
		e.read = true
	}
	if len(e.end) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.end)
	e.end = e.end[n:]
	return n, nil
}

func cutOff(err error) error { return fmt.Errorf("%w: %w: %w", ErrUnavailable, errCutOff, err) }
