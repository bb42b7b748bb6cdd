package audit

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Batches: how many records one write takes, and how soon a write that failed is tried again.
const (
	batchSize  = 256
	retryAfter = 200 * time.Millisecond
	headEvery  = time.Hour
)

// start opens the sink and writes its first event.
func (l *Log) start() error {
	event, previous, err := l.sink.open()
	if err != nil {
		return err
	}
	l.link = previous
	return l.put(l.event(event))
}

// write is the goroutine of the log.
func (l *Log) write() {
	retry := time.NewTicker(retryAfter)
	defer retry.Stop()
	hourly := time.NewTicker(headEvery)
	defer hourly.Stop()
	l.flush()
	for {
		select {
		case <-l.wake:
			l.flush()
		case <-retry.C:
			l.expire(l.o.Now())
			if l.failing.Load() != nil || l.unsaid.Load() > 0 {
				l.flush()
			}
		case <-hourly.C:
			l.o.Log.Info("the audit log stands at", zap.Uint64("record", l.link.Seq), zap.Stringer("hash", l.link.Hash))
		case do := <-l.do:
			do()
		case <-l.stop:
			l.flush()
			n, _ := l.waiting.waiting()
			l.loseAtEnd(n)
			var err error
			if l.begin == "" {
				err = l.put(l.event("stop"))
			}
			l.done <- errors.Join(err, l.sink.close())
			return
		}
	}
}

// flush writes what waits, until nothing does or a write fails.
func (l *Log) flush() {
	for {
		l.batch = l.waiting.take(l.batch[:0], batchSize)
		lost := l.unsaid.Load()
		if len(l.batch) == 0 && lost == 0 && l.failing.Load() == nil && (l.begin == "" || !l.eager) {
			return
		}
		records := make([]func(uint64) ([]byte, error), 0, len(l.batch)+2)
		if l.begin != "" {
			records = append(records, l.event(l.begin))
		}
		for _, r := range l.batch {
			records = append(records, func(seq uint64) ([]byte, error) { return encode(seq, r.fields(l.o.HashKeys)...) })
		}
		if lost > 0 {
			records = append(records, l.event("lost records", zap.Int64("records", lost)))
		}
		err := l.put(records...)
		l.waiting.settle(err == nil)
		l.note(err)
		if err != nil {
			return
		}
		l.begin = ""
		l.unsaid.Add(-lost)
		if n := len(l.batch); n > 0 {
			l.o.Count("written", n)
		}
		clear(l.batch)
	}
}

// note remembers how the last write ended, and logs when that changes.
func (l *Log) note(err error) {
	var failing *error
	if err != nil {
		failing = &err
	}
	switch before := l.failing.Swap(failing); {
	case before == nil && err != nil:
		l.o.Log.Error("the audit log can't be written; it is tried again", zap.Error(err))
	case before != nil && err == nil:
		l.o.Log.Info("the audit log is written again")
	}
}

// event makes a record of the log itself.
func (l *Log) event(name string, more ...zap.Field) func(seq uint64) ([]byte, error) {
	previous := l.link.Hash
	return func(seq uint64) ([]byte, error) {
		return encode(seq, append([]zap.Field{
			timeField(l.o.Now()), zap.String("event", name),
			zap.String("previous", previous.String()),
		}, more...)...)
	}
}

// put writes records, all or none.
func (l *Log) put(records ...func(seq uint64) ([]byte, error)) error {
	next := l.link
	lines := make([][]byte, 0, len(records))
	for _, encode := range records {
		record, err := encode(next.Seq + 1)
		if err != nil {
			return err
		}
		lines = append(lines, next.appendLine(nil, record))
	}
	if err := l.sink.write(lines, next); err != nil {
		return err
	}
	l.link = next
	return nil
}

// next ends a file that was moved and opens the one that has its name now.
func (l *Log) next() error {
	l.flush()
	if !l.sink.moved() {
		return nil
	}
	if err := l.put(l.event("end")); err != nil {
		return fmt.Errorf("end the audit log: %w", err)
	}
	event, previous, err := l.sink.reopen(l.link)
	if event == "" {
		return fmt.Errorf("open the next audit log: %w", err)
	}
	l.link = previous
	return errors.Join(err, l.put(l.event(event)))
}
