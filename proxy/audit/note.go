package audit

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// A Position is where the chain stands: the number and the hash, in hexadecimal, of its last record.
type Position struct {
	Seq  uint64
	Hash string
}

// Head says where the chain stands once all that waits is written. It is an error where the sink fails or hangs.
func (l *Log) Head() (Position, error) {
	return l.within(func() error { return nil })
}

// A Field is a name and a value of an event.
type Field struct{ Name, Value string }

// Note writes an event of this name into the chain, behind all that waits, and returns its position. It is an error
// where the event isn't written.
func (l *Log) Note(event string, fields ...Field) (Position, error) {
	return l.within(func() error {
		more := make([]zap.Field, len(fields))
		for i, f := range fields {
			more[i] = zap.String(f.Name, f.Value)
		}
		return l.put(l.event(event, more...))
	})
}

// within runs f in the writer, when all that waits is written, and says where the chain stands then.
func (l *Log) within(f func() error) (Position, error) {
	type answer struct {
		at  Position
		err error
	}
	answers := make(chan answer, 1)
	late := time.NewTimer(l.o.Patience)
	defer late.Stop()
	select {
	case l.do <- func() {
		l.flush()
		var err error
		switch failing := l.failing.Load(); {
		case failing != nil:
			err = fmt.Errorf("the audit log can't be written: %w", *failing)
		case l.begin != "": // a socket that nothing was sent to yet
			if err = l.put(l.event(l.begin)); err == nil {
				l.begin = ""
			}
		}
		if err == nil {
			err = f()
		}
		answers <- answer{Position{l.link.Seq, l.link.Hash.String()}, err}
	}:
	case <-l.stop:
		return Position{}, errors.New("the audit log is closed")
	case <-late.C:
		return Position{}, errHangs
	}
	select {
	case a := <-answers:
		return a.at, a.err
	case <-late.C:
		return Position{}, errHangs
	}
}
