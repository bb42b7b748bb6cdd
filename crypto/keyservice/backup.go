package keyservice

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
)

// A backup is lines of JSON: a head, a record each, sealed as it lies in the records' store, and an end with SHA-256 of
// all lines before it. It is of no use without the roots, and holds no more secrets than the records.
const backupFormat = "sealfront key records 1"

type backupLine struct {
	Format string `json:"format,omitempty"` // of the first line
	Name   string `json:"name,omitempty"`
	Data   []byte `json:"data,omitempty"`
	End    string `json:"end,omitempty"` // of the last line
	Count  int    `json:"records,omitempty"`
}

// A Backup is one that was read whole. A nil one is empty.
type Backup struct{ records map[string][]byte }

// Backup writes all records. Changes that are made meanwhile are in it or not, each by itself.
func (k *Keeper) Backup(ctx context.Context, to io.Writer) (records int, err error) {
	sum := sha256.New()
	w := bufio.NewWriter(to)
	write := func(l backupLine) error {
		text, err := json.Marshal(l)
		if err != nil {
			return err
		}
		text = append(text, '\n')
		sum.Write(text)
		_, err = w.Write(text)
		return err
	}
	if err := write(backupLine{Format: backupFormat}); err != nil {
		return 0, err
	}
	err = k.each(ctx, func(name string) error {
		data, _, err := k.records.Get(ctx, name)
		if err == nil {
			_, err = parseRecord(data)
		}
		if err != nil {
			return fmt.Errorf("back up %s: %w", name, err)
		}
		records++
		return write(backupLine{Name: name, Data: data})
	})
	if err != nil {
		return records, err
	}
	if err := write(backupLine{End: hex.EncodeToString(sum.Sum(nil)), Count: records}); err != nil {
		return records, err
	}
	return records, w.Flush()
}

// ReadBackup reads a backup to its end; one that was cut or changed is an error.
func ReadBackup(from io.Reader) (*Backup, error) {
	b := &Backup{records: make(map[string][]byte)}
	sum := sha256.New()
	lines := bufio.NewReader(from)
	for n := 0; ; n++ {
		text, err := lines.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("the backup ends after %d lines without its last one: %w", n, err)
		}
		var l backupLine
		if err := json.Unmarshal(text, &l); err != nil || (l.Format != "") != (n == 0) || n == 0 && l.Format != backupFormat {
			return nil, fmt.Errorf("line %d is none of a backup of key records", n+1)
		}
		if l.End != "" {
			if l.End != hex.EncodeToString(sum.Sum(nil)) || l.Count != len(b.records) {
				return nil, errors.New("the backup was changed since it was made")
			}
			return b, nil
		}
		sum.Write(text)
		if n == 0 {
			continue
		}
		if _, err := parseRecord(l.Data); err != nil {
			return nil, fmt.Errorf("line %d, %s: %w", n+1, l.Name, err)
		}
		b.records[l.Name] = l.Data
	}
}

func (b *Backup) names() (names []string) {
	if b == nil {
		return nil
	}
	for name := range b.records {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// counter is which state of a record is in the backup; 0: none.
func (b *Backup) counter(name string) uint64 {
	if b == nil || b.records[name] == nil {
		return 0
	}
	r, err := parseRecord(b.records[name])
	if err != nil {
		return 0
	}
	return r.counter
}

// Restore writes the records of a backup that are missing. One that is there in another state is reported, and replaced
// only with replace: services that have seen a newer state refuse it until they start again. A repeated run goes on.
func (k *Keeper) Restore(
	ctx context.Context, b *Backup, replace bool, report func(Finding),
) (restored, left int, err error) {
	for _, name := range b.names() {
		data, tag, err := k.records.Get(ctx, name)
		switch {
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return restored, left, fmt.Errorf("read %s: %w", name, err)
		case err == nil && bytes.Equal(data, b.records[name]):
			continue
		case err == nil && !replace:
			left++
			report(Finding{Record: name, Bad: true, What: "is there in another state, and was left as it is"})
			continue
		}
		if err := k.records.Put(ctx, name, b.records[name], tag); err != nil {
			return restored, left, fmt.Errorf("restore %s: %w", name, err)
		}
		restored++
	}
	return restored, left, nil
}
