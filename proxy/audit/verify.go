package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A Broken is the first place where a chain doesn't hold.
type Broken struct {
	File string
	Line int // from 1; 0: the file as a whole
	Why  string
}

func (b *Broken) Error() string {
	if b.Line == 0 {
		return fmt.Sprintf("%s: %s", b.File, b.Why)
	}
	return fmt.Sprintf("%s:%d: %s", b.File, b.Line, b.Why)
}

// A Verdict is what Verify found.
type Verdict struct {
	Records int    // in all files
	Seq     uint64 // of the last record
	Hash    string // likewise
	// Open is true where nothing holds the last file's end: it has neither an event end nor a head file, so
	// records may be missing there.
	Open bool
}

// Verify reads files of one chain, the oldest first, and returns a *Broken for the first line that doesn't hold. It
// reads the head file of the last one, if there is one, and may run while the file is written. expect, unless empty, is
// a hash that must occur.
func Verify(expect string, files ...string) (*Verdict, error) {
	v := &verifier{expect: expect, verdict: &Verdict{}}
	for i, name := range files {
		if err := v.file(name, i == 0, i == len(files)-1); err != nil {
			return v.verdict, err
		}
	}
	v.verdict.Seq, v.verdict.Hash = v.link.Seq, v.link.Hash.String()
	if expect != "" && !v.found {
		return v.verdict, &Broken{File: files[len(files)-1], Why: "no record has the expected hash " + expect}
	}
	return v.verdict, nil
}

type verifier struct {
	expect  string
	found   bool
	verdict *Verdict
	link    link
}

func (v *verifier) file(name string, first, last bool) error {
	var head *link // read before the file, so that the file is at least as far
	if last {
		var err error
		if head, err = readHead(name); err != nil {
			return err
		}
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	headSeen := head == nil
	r := bufio.NewReaderSize(f, 64<<10)
	var at recordHead
	line := 0
	for {
		text, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			// A line without an end is one that is just being written, if the head isn't at it yet.
			if len(text) > 0 && !(last && headSeen && head != nil) {
				return &Broken{name, line + 1, "the line is cut off"}
			}
			break
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		line++
		hash, record, next, err := parseLine(bytes.TrimSuffix(text, []byte{'\n'}))
		if err != nil {
			return &Broken{name, line, err.Error()}
		}
		switch {
		case line == 1 && next.Event != "begin":
			return &Broken{name, line, "the file's beginning is missing"}
		case line == 1 && first:
			v.link = link{Seq: next.Seq - 1, Hash: next.Previous}
		case line == 1 && next.Previous != v.link.Hash:
			return &Broken{
				name, line, "the file doesn't continue where the one before ends: records are missing between them",
			}
		}
		if next.Event == "lost end" {
			why := "when the program started, the file had lost its end: records up to %d were written"
			return &Broken{name, line, fmt.Sprintf(why, next.Seq-1)}
		}
		if next.Seq != v.link.Seq+1 {
			return &Broken{name, line, fmt.Sprintf("record %d follows record %d", next.Seq, v.link.Seq)}
		}
		if v.link.next(record) != hash {
			return &Broken{name, line, "the hash doesn't match: this line or the order of lines was changed"}
		}
		v.link, at = link{next.Seq, hash}, next
		v.verdict.Records++
		v.found = v.found || hash.String() == v.expect
		headSeen = headSeen || v.link == *head
	}
	switch {
	case line == 0:
		return &Broken{name, 0, "the file is empty"}
	case !headSeen:
		why := "the file ends at record %d, but record %d was written: its end is missing"
		return &Broken{name, line, fmt.Sprintf(why, v.link.Seq, head.Seq)}
	}
	v.verdict.Open = last && head == nil && at.Event != "end"
	return nil
}

func headFile(name string) string { return name + ".head" }

// readHead reads the head file of a file; nil when there is none.
func readHead(name string) (*link, error) {
	text, err := os.ReadFile(headFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	l := new(link)
	if err := json.Unmarshal(text, l); err != nil {
		return nil, &Broken{headFile(name), 0, "it can't be read: " + err.Error()}
	}
	return l, nil
}
