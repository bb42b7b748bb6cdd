package tools

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sealfront/proxy/attestation"
)

// Files of an attestation, in its directory. The journal is there until the statement is.
const (
	statementFile = "statement.json"
	pageFile      = "statement.html"
	listFile      = "objects.jsonl"
	journalFile   = "journal.json"
)

// An attestList is the list of an attestation while it is written. It is used by one goroutine at a time.
type attestList struct {
	path   string
	header attestation.Header
	file   *os.File
	out    *bufio.Writer
	names  map[string]bool // that are in it as names, so that a repeated page adds none twice
}

// openList begins the list of a scan in its directory, or continues one that was cut off.
func openList(dir string, header attestation.Header, now time.Time) (*attestList, error) {
	if _, err := os.Stat(filepath.Join(dir, statementFile)); !errors.Is(err, fs.ErrNotExist) {
		return nil,
			errors.Join(fmt.Errorf("%w: %s holds a statement already: name another directory by --out", ErrUsage, dir),
				err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the statement: %w", err)
	}
	l := &attestList{path: filepath.Join(dir, listFile), header: header, names: map[string]bool{}}
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the list: %w", err)
	}
	l.file, l.out = file, bufio.NewWriterSize(file, 1<<16)
	run := attestation.Run{Began: now.UTC()}
	began, err := l.continueAt(filepath.Join(dir, journalFile), &run)
	if err == nil && !began {
		err = l.begin()
	}
	if err == nil {
		err = errors.Join(l.write(&attestation.Line{Run: &run}), l.flush())
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return l, nil
}

// begin draws the seed and writes the first line.
func (l *attestList) begin() error {
	var random [48]byte
	rand.Read(random[:])
	l.header.Kind = attestation.ListKind
	l.header.ID, l.header.Scope.Seed = hex.EncodeToString(random[:16]), hex.EncodeToString(random[16:])
	return l.write(&attestation.Line{List: &l.header})
}

// continueAt keeps of an earlier run's list what its journal says is done, and cuts off the rest. It reports whether
// there is such a list.
func (l *attestList) continueAt(journal string, run *attestation.Run) (bool, error) {
	var at position
	if text, err := os.ReadFile(journal); err == nil {
		if err := json.Unmarshal(text, &at); err != nil {
			return false, fmt.Errorf("read the journal %s: %w", journal, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read the journal: %w", err)
	}
	run.After = at.After
	found, keep, done := false, int64(0), errors.New("done")
	err := attestation.EachLine(l.file, func(line *attestation.Line, size int) error {
		switch {
		case line.List != nil:
			seed, id := line.List.Scope.Seed, line.List.ID
			wanted := l.header
			wanted.Kind, wanted.ID, wanted.Scope.Seed = attestation.ListKind, id, seed
			if wanted != *line.List {
				return fmt.Errorf("%w: %s is the list of another scan (%s, %s of %d): name another directory by --out, or "+
					"repeat the command as it was", ErrUsage, l.path, line.List.Target, line.List.Scope.Mode, line.List.Scope.Sample)
			}
			found, l.header = true, wanted
		case line.Row != nil && line.Row.Seen == attestation.Named:
			l.names[line.Row.Key] = true
		case line.Row != nil && (line.Row.Seen != attestation.Listed || line.Row.Key > at.After):
			return done
		}
		keep += int64(size)
		return nil
	})
	switch {
	case errors.Is(err, ErrUsage):
		return false, err
	case err != nil && !errors.Is(err, done) && !errors.Is(err, io.ErrUnexpectedEOF) && !found:
		return false, fmt.Errorf("%w: %s is no list of a scan: name another directory by --out", ErrUsage, l.path)
	}
	// A line that a crash cut off is no loss: its row isn't behind the journal's position.
	if err := l.file.Truncate(keep); err != nil {
		return false, fmt.Errorf("cut the list: %w", err)
	}
	_, err = l.file.Seek(keep, io.SeekStart)
	return found, err
}

// row writes a row.
func (l *attestList) row(r *attestation.Row) error {
	if r.Seen == attestation.Named {
		if l.names[r.Key] {
			return nil
		}
		l.names[r.Key] = true
	}
	return l.write(&attestation.Line{Row: r})
}

func (l *attestList) write(line *attestation.Line) error {
	e := json.NewEncoder(l.out)
	e.SetEscapeHTML(false)
	if err := e.Encode(line); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	return nil
}

// flush implements journal.
func (l *attestList) flush() error {
	if err := l.out.Flush(); err != nil {
		return fmt.Errorf("write the list: %w", err)
	}
	return nil
}

// read opens what is written for reading.
func (l *attestList) read() (*os.File, error) {
	if err := l.flush(); err != nil {
		return nil, err
	}
	return os.Open(l.path)
}

// close brings the list to the disk.
func (l *attestList) close() error {
	return errors.Join(l.flush(), l.file.Sync(), l.file.Close())
}

// A listedRows goes over the keys that the first listing of a list showed, in order.
type listedRows struct {
	lines *bufio.Reader
	row   *attestation.Row // the next one; nil at the end
}

func newListedRows(r io.Reader) (*listedRows, error) {
	l := &listedRows{lines: bufio.NewReaderSize(r, 1<<16)}
	return l, l.next()
}

// next moves on by one row.
func (l *listedRows) next() error {
	for {
		text, err := l.lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			l.row = nil
			return nil
		}
		var line attestation.Line
		if err = cmp.Or(err, json.Unmarshal(text, &line)); err != nil {
			return fmt.Errorf("read the list again: %w", err)
		}
		if line.Row != nil && line.Row.Seen == attestation.Listed {
			l.row = line.Row
			return nil
		}
	}
}
