package state

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sealfront/crypto"
)

// An open upload has a name in the state bucket, an empty object, so that a listing says which uploads there are:
//
//	open/BUCKET/KEY/TIME-FACTS
//
// KEY is the first 300 bytes of the key in hexadecimal, 100 bytes a segment of the path; a segment ends in "!" where
// the key ends, otherwise in "-", so that names have the order of keys. TIME is when the upload was begun, in
// milliseconds since 1970, twelve hexadecimal digits. FACTS are sealed, bound to all before them, and parted where a
// segment would be too long. The store knows all of it from its own upload.

const (
	openPrefix = "open/"

	keySegment = 100            // bytes of a key in a segment
	namedKey   = 3 * keySegment // bytes of a key in a name
	keyEnds    = "!/"
	keyGoesOn  = "-/"

	timeDigits   = 12
	factsSegment = 200 // characters
	longestID    = 180 // bytes of an upload id in a name; of a longer one its hash

	behindAll = "~" // comes after all that a name may have next
)

// An OpenUpload is what a listing says of an upload in progress.
type OpenUpload struct {
	Key       string
	ID        string
	Initiated time.Time
	Algorithm crypto.Algorithm // that CreateMultipartUpload asked for; 0 for none
	Type      crypto.ChecksumType
}

// An openName is what a name says.
type openName struct {
	OpenUpload
	whole       bool              // Key and ID are; otherwise the record has them
	incarnation [16]byte          // of the bucket, digested
	record      [sha256.Size]byte // SHA-256 of the id: the record's name
}

// digest is an incarnation as names have it.
func digest(incarnation string) (d [16]byte) {
	sum := sha256.Sum256([]byte(incarnation))
	copy(d[:], sum[:])
	return d
}

// appendKey appends what a name says of a key, to its end or for its beginning alone: prefixes of names of keys that
// begin so.
func appendKey(dst []byte, key string, beginning bool) []byte {
	for n := 0; ; {
		segment := key[:min(len(key), keySegment)]
		dst = hex.AppendEncode(dst, []byte(segment))
		key, n = key[len(segment):], n+len(segment)
		switch {
		case key == "" && beginning:
			return dst
		case key == "":
			return append(dst, keyEnds...)
		case n == namedKey && beginning:
			return dst
		case n == namedKey:
			return append(dst, keyGoesOn...)
		}
		dst = append(dst, keyGoesOn...)
	}
}

// Facts: flags ‖ digest of the bucket's incarnation (16) ‖ checksum's algorithm ‖ checksum's type ‖ upload id.
const (
	factsFixed   = 1 + 16 + 1 + 1
	flagHashedID = 1 // instead of the id its SHA-256
)

// openName returns the name of an open upload.
func (s *State) openName(u *Upload) string {
	id, flags := []byte(u.ID), byte(0)
	if len(id) > longestID {
		sum := sha256.Sum256(id)
		id, flags = sum[:], flagHashedID
	}
	name := appendKey([]byte(openPrefix+u.Bucket+"/"), u.Key, false)
	name = fmt.Appendf(name, "%0*x-", timeDigits, max(0, u.Initiated.UnixMilli()))
	d := digest(u.Incarnation)
	facts := append(append([]byte{flags}, d[:]...), byte(u.Algorithm), byte(u.Type))
	sealed := crypto.AppendSealedName(nil, &s.key, string(name), append(facts, id...))[len(name):]
	for len(sealed) > factsSegment {
		name, sealed = append(append(name, sealed[:factsSegment]...), '/'), sealed[factsSegment:]
	}
	return string(append(name, sealed...))
}

// parseOpenName reads the name of an open upload of a bucket. ErrRecord for one that isn't ours.
func (s *State) parseOpenName(bucket, name string) (*openName, error) {
	rest, ok := strings.CutPrefix(name, openPrefix+bucket+"/")
	var o openName
	var key []byte
	for ok && !o.whole && len(key) < namedKey {
		var segment string
		if segment, rest, ok = strings.Cut(rest, "/"); !ok || segment == "" {
			return nil, s.damaged(name)
		}
		text, end := segment[:len(segment)-1], segment[len(segment)-1]
		raw, err := hex.DecodeString(text)
		if err != nil || end != keyEnds[0] && end != keyGoesOn[0] {
			return nil, s.damaged(name)
		}
		key, o.whole = append(key, raw...), end == keyEnds[0]
	}
	at := len(name) - len(rest) + timeDigits + 1
	if !ok || at >= len(name) || name[at-1] != '-' {
		return nil, s.damaged(name)
	}
	ms, err := strconv.ParseInt(name[at-1-timeDigits:at-1], 16, 64)
	if err != nil {
		return nil, s.damaged(name)
	}
	facts, err := crypto.OpenSealedName(&s.key, name[:at], name[:at]+strings.ReplaceAll(name[at:], "/", ""))
	if err != nil || len(facts) < factsFixed || facts[0]&^flagHashedID != 0 {
		return nil, s.damaged(name)
	}
	o.Key, o.Initiated = string(key), time.UnixMilli(ms).UTC()
	copy(o.incarnation[:], facts[1:])
	o.Algorithm, o.Type = crypto.Algorithm(facts[17]), crypto.ChecksumType(facts[18])
	id := facts[factsFixed:]
	if facts[0]&flagHashedID != 0 {
		if len(id) != sha256.Size {
			return nil, s.damaged(name)
		}
		copy(o.record[:], id)
		o.whole = false
		return &o, nil
	}
	o.ID, o.record = string(id), sha256.Sum256(id)
	return &o, nil
}

// damaged reports a record or a name that doesn't open.
func (s *State) damaged(name string) error {
	if s.o.Damaged != nil {
		s.o.Damaged(name)
	}
	return fmt.Errorf("%w: %q", ErrRecord, name)
}
