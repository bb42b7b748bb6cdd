package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Options for Open. Zero values mean the defaults.
type Options struct {
	HashKeys bool // keys of objects are written as HashKey
	Queue    int  // records that may wait to be written; default 16,384
	Log      *zap.Logger
	// Count is called with how many records were written or lost.
	Count func(outcome string, n int)
}

// A Log writes records to a file, in a goroutine of its own. It is safe for concurrent use.
type Log struct {
	o    Options
	name string

	queue   chan *Record
	waiting atomic.Int64 // reserved or queued
	lost    atomic.Int64 // since the last record
	failing atomic.Bool
	reopen  chan chan error
	swap    chan *os.File // of tests: a file to write to
	stop    chan struct{}
	done    chan error

	// These belong to the writer.
	file *os.File
	head *os.File
	link link
	size int64 // of what was written in whole
}

// Open opens or makes the file and continues its chain, or that of its head file.
func Open(name string, o Options) (*Log, error) {
	if o.Queue <= 0 {
		o.Queue = 16384
	}
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Count == nil {
		o.Count = func(string, int) {}
	}
	l := &Log{
		o: o, name: name, queue: make(chan *Record, o.Queue),
		reopen: make(chan chan error), swap: make(chan *os.File), stop: make(chan struct{}), done: make(chan error, 1),
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("open the audit log: %w", err)
	}
	go l.write()
	return l, nil
}

// Reserve reserves room for one record, which Add then fills. It reports false when the file can't be written or too
// many records wait: who must not go on without a record doesn't.
func (l *Log) Reserve() bool {
	if l.failing.Load() {
		return false
	}
	if l.waiting.Add(1) > int64(l.o.Queue) {
		l.waiting.Add(-1)
		return false
	}
	return true
}

// Add queues a record and never waits. Without room that was reserved it may be lost, and is counted then.
func (l *Log) Add(r Record, reserved bool) {
	if !reserved && l.waiting.Add(1) > int64(l.o.Queue) {
		l.waiting.Add(-1)
		l.lost.Add(1)
		l.o.Count("lost", 1)
		return
	}
	l.queue <- &r // has room: no more than Queue are reserved or queued
}

// Reopen ends the file that is open, which may have been moved, and continues in a file of the name.
func (l *Log) Reopen() error {
	answer := make(chan error, 1)
	select {
	case l.reopen <- answer:
		return <-answer
	case <-l.stop:
		return errors.New("the audit log is closed")
	}
}

// Close writes what waits.
func (l *Log) Close() error {
	close(l.stop)
	return <-l.done
}

// open opens the file and finds where its chain stands. What a crash left of a line is cut off, since it was never
// whole.
func (l *Log) open() (err error) {
	head, err := readHead(l.name)
	if err != nil {
		return err
	}
	if l.file, err = os.OpenFile(l.name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return err
	}
	if l.head, err = os.OpenFile(headFile(l.name), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return errors.Join(err, l.file.Close())
	}
	found, size, err := (*link)(nil), int64(0), error(nil)
	if info, e := l.file.Stat(); e != nil || !info.Mode().IsRegular() {
		err = errors.Join(e, fmt.Errorf("%s isn't a regular file", l.name))
	} else {
		found, size, err = lastLink(l.file)
	}
	if err != nil {
		return errors.Join(err, l.file.Close(), l.head.Close())
	}
	l.size = size
	if err := l.file.Truncate(size); err != nil {
		return err
	}
	if head == nil && l.link.Seq > 0 {
		head = &l.link // moved away with its file
	}
	event, previous := "start", found
	switch {
	case found == nil && head == nil:
		event, previous = "begin", &link{}
	case found == nil:
		event, previous = "begin", head
	case head != nil && head.Seq > found.Seq:
		event, previous = "lost end", head
		l.o.Log.Error("the end of the audit log is missing: records were removed, or the machine failed",
			zap.String("file", l.name),
			zap.Uint64("last", found.Seq), zap.Uint64("expected", head.Seq))
	}
	l.link = *previous
	return l.put(l.event(event))
}

// event makes a record of the log itself.
func (l *Log) event(name string, more ...zap.Field) func(seq uint64) ([]byte, error) {
	previous := l.link.Hash
	return func(seq uint64) ([]byte, error) {
		return encode(seq, append([]zap.Field{
			timeField(time.Now()), zap.String("event", name),
			zap.String("previous", previous.String()),
		}, more...)...)
	}
}

// put writes records, all or none, and then the head.
func (l *Log) put(records ...func(seq uint64) ([]byte, error)) error {
	next := l.link
	var b []byte
	for _, encode := range records {
		record, err := encode(next.Seq + 1)
		if err != nil {
			return err
		}
		b = next.appendLine(b, record)
	}
	if _, err := l.file.WriteAt(b, l.size); err != nil {
		return errors.Join(err, l.file.Truncate(l.size))
	}
	l.size += int64(len(b))
	l.link = next
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	_, err = l.head.WriteAt(fmt.Appendf(nil, "%-160s\n", text), 0) // of one length, so that it is never half old
	return err
}

// Batches: how many records one write takes, and how soon a write that failed is tried again.
const (
	batchSize  = 256
	retryAfter = 200 * time.Millisecond
	headEvery  = time.Hour
)

// write is the goroutine of the log.
func (l *Log) write() {
	var batch []*Record
	retry := time.NewTicker(retryAfter)
	defer retry.Stop()
	hourly := time.NewTicker(headEvery)
	defer hourly.Stop()
	for {
		queue := l.queue
		if len(batch) >= batchSize {
			queue = nil
		}
		select {
		case r := <-queue:
			batch = l.flush(l.gather(append(batch, r)))
		case <-retry.C:
			batch = l.flush(batch)
		case <-hourly.C:
			l.o.Log.Info("the audit log stands at", zap.Uint64("record", l.link.Seq), zap.Stringer("hash", l.link.Hash))
		case l.file = <-l.swap:
		case answer := <-l.reopen:
			batch = l.flush(batch)
			answer <- l.next()
		case <-l.stop:
			for batch = l.flush(l.gather(batch)); len(batch) > 0 && !l.failing.Load(); {
				batch = l.flush(l.gather(batch))
			}
			if n := len(batch) + len(l.queue); n > 0 {
				l.o.Count("lost", n)
				l.o.Log.Error("records of the audit log were lost at the end", zap.Int("records", n))
			}
			l.done <- errors.Join(l.put(l.event("stop")), l.file.Sync(), l.file.Close(), l.head.Close())
			return
		}
	}
}

// gather adds what is queued to a batch.
func (l *Log) gather(batch []*Record) []*Record {
	for len(batch) < batchSize {
		select {
		case r := <-l.queue:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// flush writes a batch and returns what is still to be written: all of it, when the file can't be.
func (l *Log) flush(batch []*Record) []*Record {
	lost := l.lost.Load()
	if len(batch) == 0 && lost == 0 && !l.failing.Load() {
		return batch
	}
	records := make([]func(uint64) ([]byte, error), 0, len(batch)+1)
	for _, r := range batch {
		records = append(records, func(seq uint64) ([]byte, error) { return encode(seq, r.fields(l.o.HashKeys)...) })
	}
	if lost > 0 {
		records = append(records, l.event("lost records", zap.Int64("records", lost)))
	}
	err := l.put(records...)
	if l.failing.Swap(err != nil) != (err != nil) {
		if err != nil {
			l.o.Log.Error("the audit log can't be written; it is tried again", zap.Error(err))
		} else {
			l.o.Log.Info("the audit log is written again")
		}
	}
	if err != nil {
		return batch
	}
	l.lost.Add(-lost)
	l.waiting.Add(-int64(len(batch)))
	if len(batch) > 0 {
		l.o.Count("written", len(batch))
	}
	return batch[:0]
}

// next ends the file and opens the one that has the name now.
func (l *Log) next() error {
	now, err := os.Stat(l.name)
	if err == nil {
		old, err := l.file.Stat()
		if err == nil && os.SameFile(now, old) {
			return nil // it wasn't moved
		}
	}
	if err := l.put(l.event("end")); err != nil {
		return fmt.Errorf("end the audit log: %w", err)
	}
	file, head := l.file, l.head
	if err := l.open(); err != nil {
		l.file, l.head = file, head
		return fmt.Errorf("open the next audit log: %w", err)
	}
	return errors.Join(file.Sync(), file.Close(), head.Close())
}

// lastLink finds the link at the end of a file and the size of its whole lines. nil for an empty file.
func lastLink(f *os.File) (*link, int64, error) {
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, 1<<62), 1<<20)
	var last []byte
	size := int64(0)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		last, size = line, size+int64(len(line))
	}
	if last == nil {
		return nil, 0, nil
	}
	hash, _, head, err := parseLine(bytes.TrimSuffix(last, []byte{'\n'}))
	if err != nil {
		return nil, 0, fmt.Errorf("%s isn't an audit log: its last line: %w", f.Name(), err)
	}
	return &link{head.Seq, hash}, size, nil
}

// Writing reports whether the last write succeeded.
func (l *Log) Writing() bool { return !l.failing.Load() }
