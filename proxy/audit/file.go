package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"
)

// A file is the sink that is a file with its head file.
type file struct {
	name string
	log  *zap.Logger

	file *os.File
	head *os.File
	size int64 // of what was written in whole
}

// open opens the file and finds where its chain stands. What a crash left of a line is cut off, since it was never
// whole.
func (f *file) open() (event string, previous link, err error) {
	return f.openAfter(nil)
}

// openAfter is open for a file that continues the chain at last, if its head was moved away with the file before it.
func (f *file) openAfter(last *link) (event string, previous link, err error) {
	head, err := readHead(f.name)
	if err != nil {
		return "", link{}, err
	}
	if f.file, err = os.OpenFile(f.name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return "", link{}, err
	}
	if f.head, err = os.OpenFile(headFile(f.name), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return "", link{}, errors.Join(err, f.file.Close())
	}
	found, size, err := (*link)(nil), int64(0), error(nil)
	if info, e := f.file.Stat(); e != nil || !info.Mode().IsRegular() {
		err = errors.Join(e, fmt.Errorf("%s isn't a regular file", f.name))
	} else {
		found, size, err = lastLink(f.file)
	}
	if err == nil {
		f.size = size
		err = f.file.Truncate(size)
	}
	if err != nil {
		return "", link{}, errors.Join(err, f.file.Close(), f.head.Close())
	}
	if head == nil {
		head = last
	}
	switch {
	case found == nil && head == nil:
		return "begin", link{}, nil
	case found == nil:
		return "begin", *head, nil
	case head != nil && head.Seq > found.Seq:
		f.log.Error("the end of the audit log is missing: records were removed, or the machine failed",
			zap.String("file", f.name),
			zap.Uint64("last", found.Seq), zap.Uint64("expected", head.Seq))
		return "lost end", *head, nil
	}
	return "start", *found, nil
}

// write writes lines, all or none, and then the head.
func (f *file) write(lines [][]byte, at link) error {
	if len(lines) == 0 {
		return nil
	}
	b := bytes.Join(lines, nil)
	if _, err := f.file.WriteAt(b, f.size); err != nil {
		return errors.Join(err, f.file.Truncate(f.size))
	}
	f.size += int64(len(b))
	text, err := json.Marshal(at)
	if err != nil {
		return err
	}
	_, err = f.head.WriteAt(fmt.Appendf(nil, "%-160s\n", text), 0) // of one length, so that it is never half old
	return err
}

func (f *file) moved() bool {
	now, err := os.Stat(f.name)
	if err != nil {
		return true
	}
	old, err := f.file.Stat()
	return err != nil || !os.SameFile(now, old)
}

func (f *file) reopen(last link) (event string, previous link, err error) {
	old := *f
	if event, previous, err = f.openAfter(&last); err != nil {
		*f = old
		return "", link{}, err
	}
	return event, previous, errors.Join(old.file.Sync(), old.file.Close(), old.head.Close())
}

func (f *file) close() error { return errors.Join(f.file.Sync(), f.file.Close(), f.head.Close()) }

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
