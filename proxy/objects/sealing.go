package objects

import (
	"io"

	"sealfront/crypto"
)

// A sealWriter is the body of a store request that seals a client's body on its way: it reads a segment, seals it in
// place, and writes it from there. The last segment is held back until the client's body has been checked, so that
// what fails a check never becomes visible.
type sealWriter struct {
	body     Plaintext
	sealer   *crypto.Sealer
	finished func(*crypto.Checksum)    // told the checksum when the body was found right
	end      func() (io.Reader, error) // what follows the last segment; nil: nothing
}

// A Plaintext is plaintext of a declared length.
type Plaintext interface {
	// size is the declared length in bytes.
	Size() int64
	// fill reads exactly the next len(p) bytes.
	Fill(p []byte) error
	// finish reads the end, checks everything, and returns the checksum.
	Finish() (*crypto.Checksum, error)
}

// WriteTo writes the sealed segments and what follows them.
func (s *sealWriter) WriteTo(w io.Writer) (written int64, err error) {
	slab := crypto.GetSlab()
	touched := 0
	defer func() { crypto.PutSlab(slab, touched) }()
	memory := slab.Body()
	length := s.body.Size()
	for !s.sealer.Done() {
		n := int(min(length-s.sealer.Length(), crypto.SegmentSize))
		last := s.sealer.Length()+int64(n) == length
		touched = crypto.SegmentSize
		if err := s.body.Fill(memory[:n]); err != nil {
			return written, err
		}
		if last {
			checksum, err := s.body.Finish()
			if err != nil {
				return written, err
			}
			s.finished(checksum)
		}
		sealed := s.sealer.Seal(memory, n, last)
		touched = 0
		m, err := w.Write(sealed)
		written += int64(m)
		if err != nil {
			return written, err
		}
	}
	if s.end == nil {
		return written, nil
	}
	end, err := s.end()
	if err != nil {
		return written, err
	}
	m, err := copyThrough(w, end, memory)
	return written + m, err
}

// copyThrough copies r to w through memory, in pieces as large as it.
func copyThrough(w io.Writer, r io.Reader, memory []byte) (written int64, err error) {
	for {
		n, readErr := io.ReadFull(r, memory)
		if n > 0 {
			m, err := w.Write(memory[:n])
			written += int64(m)
			if err != nil {
				return written, err
			}
		}
		switch readErr {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return written, nil
		default:
			return written, readErr
		}
	}
}
