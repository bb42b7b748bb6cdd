package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// A link is where the chain stands: the number and hash of the last record. The zero link is before the first.
type link struct {
	Seq  uint64 `json:"seq"`
	Hash digest `json:"hash"`
}

type digest [sha256.Size]byte

func (d digest) String() string               { return hex.EncodeToString(d[:]) }
func (d digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
func (d *digest) UnmarshalText(text []byte) error {
	if len(text) != 2*len(d) {
		return errors.New("not a hash")
	}
	_, err := hex.Decode(d[:], text)
	return err
}

const linePrefix = `{"hash":"`

// appendLine appends record, a JSON object with its line's end, as the next line of the chain, and moves the link on.
func (l *link) appendLine(b, record []byte) []byte {
	l.Seq++
	l.Hash = l.next(record)
	b = append(b, linePrefix...)
	b = append(b, l.Hash.String()...)
	b = append(b, `",`...)
	return append(b, record[1:]...)
}

// next is the hash of a record that follows. The line's end isn't hashed.
func (l *link) next(record []byte) digest {
	h := sha256.New()
	h.Write(l.Hash[:])
	h.Write(bytes.TrimSuffix(record, []byte{'\n'}))
	return digest(h.Sum(nil))
}

// A head is what verify needs to know of a line's record.
type recordHead struct {
	Seq      uint64 `json:"seq"`
	Event    string `json:"event"`
	Previous digest `json:"previous"`
}

// parseLine takes a line without its end apart.
func parseLine(line []byte) (hash digest, record []byte, head recordHead, err error) {
	const prefix = len(linePrefix) + 2*sha256.Size
	if len(line) < prefix+2 || string(line[:len(linePrefix)]) != linePrefix || string(line[prefix:prefix+2]) != `",` {
		return hash, nil, head, errors.New("it isn't a record of an audit log")
	}
	if err := hash.UnmarshalText(line[len(linePrefix):prefix]); err != nil {
		return hash, nil, head, fmt.Errorf("its hash: %w", err)
	}
	record = append([]byte{'{'}, line[prefix+2:]...)
	if err := json.Unmarshal(record, &head); err != nil {
		return hash, nil, head, fmt.Errorf("its record: %w", err)
	}
	return hash, record, head, nil
}
