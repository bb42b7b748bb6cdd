package attestation

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Check compares an opened statement with its list: the list's SHA-256, and whatever follows from its rows.
func Check(s *Statement, list io.Reader) error {
	sum := sha256.New()
	header, runs, tally, read, err := ReadList(io.TeeReader(list, sum))
	if err != nil {
		return err
	}
	read.SHA256 = hex.EncodeToString(sum.Sum(nil))
	result, err := tally.Result()
	if err != nil {
		return err
	}
	expected := *s
	expected.Result = *result
	expected.conclude()
	switch {
	case read != s.List:
		return errors.New("the list is another one than the statement was made of")
	case header.ID != s.ID || header.Scope != s.Scope || header.Target != s.Target || header.Bucket != s.Bucket:
		return errors.New("the list is of another scan")
	case !sameJSON(runs, s.Runs):
		return errors.New("the statement doesn't name the runs of its list")
	case !sameJSON(expected, s):
		return errors.New("the statement's counts, findings, sample or conclusions aren't those of its list")
	}
	return nil
}

func sameJSON(a, b any) bool {
	var x, y any
	for _, one := range []struct{ from, to any }{{a, &x}, {b, &y}} {
		text, err := json.Marshal(one.from)
		if err != nil || json.Unmarshal(text, one.to) != nil {
			return false
		}
	}
	return reflect.DeepEqual(x, y)
}

// maxLine bounds a line of a list.
const maxLine = 1 << 20

// ReadList reads a list to its end. sum has no SHA-256.
func ReadList(r io.Reader) (h *Header, runs []Run, t *Tally, sum ListSum, err error) {
	err = EachLine(r, func(l *Line, size int) error {
		sum.Lines++
		sum.Bytes += int64(size)
		switch {
		case h == nil && l.List == nil:
			return errors.New("it has no beginning")
		case l.List != nil:
			if h != nil || l.List.Kind != ListKind {
				return fmt.Errorf("it is no list of the kind %q, or two", ListKind)
			}
			h = l.List
			t, err = NewTally(h.Bucket.Name, &h.Scope)
			return err
		case l.Run != nil:
			runs = append(runs, *l.Run)
		case l.Row != nil:
			t.Add(l.Row)
		}
		return nil
	})
	if err == nil && h == nil {
		err = errors.New("it is empty")
	}
	if err != nil {
		return nil, nil, nil, ListSum{}, fmt.Errorf("read the list: %w", err)
	}
	return h, runs, t, sum, nil
}

// EachLine calls f with each line of a list and its size with the line's end. A line without an end, which a crash may
// leave, is an error.
func EachLine(r io.Reader, f func(l *Line, size int) error) error {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := b.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case len(text) > maxLine:
			return fmt.Errorf("a line of %d bytes", len(text))
		}
		l := new(Line)
		if err := json.Unmarshal(text, l); err != nil {
			return err
		}
		if err := f(l, len(text)); err != nil {
			return err
		}
	}
}
