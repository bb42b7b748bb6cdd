package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
)

// Prepared is a [Ref] that is meant again and again, with what can be computed of it once. It doesn't change and may be
// shared. What it shares with others, and with a Ref that isn't prepared, is what its Ref says, and nothing else.
type Prepared struct {
	ref      Ref
	identity identity
}

// Prepare copies ref, the map too.
func Prepare(ref Ref) *Prepared {
	ref.Context = maps.Clone(ref.Context)
	return &Prepared{ref, ref.identity()}
}

// identity is the hash of all fields of a Ref. It names what new objects are sealed under.
type identity [sha256.Size]byte

// entryName names what opens one blob: which Ref, exactly, and which blob, nearly. The blob's hash is a fast one with a
// seed that nobody outside knows; whoever finds something under the name compares the blob. So a look-up allocates
// nothing, and hashes nothing of the Ref if that is prepared.
type entryName struct {
	ref  identity
	blob uint64 // 0 for none: the call that generates one
}

func (k *Keyring) nameOf(ref identity, blob []byte) entryName {
	return entryName{ref, max(1, k.hashBlob(blob))}
}

// find returns the entry that opens blob for a Ref, nil if there is none. Another blob's entry under the name is as
// good as none; it is replaced when this one's comes. mu is held.
func (k *Keyring) find(name entryName, blob []byte) *bucketKey {
	if key, ok := k.opening.Get(name); ok && bytes.Equal(key.blob, blob) {
		return key
	}
	return nil
}

// identity hashes every field with its length in front, so that no two different Refs give the same input.
func (r *Ref) identity() identity {
	var memory [1024]byte
	b := appendField(memory[:0], r.BucketARN)
	b = appendField(b, r.KeyARN)
	b = appendField(b, r.Principal)
	if len(r.Context) == 1 { // nearly always; sorting allocates
		for name, value := range r.Context {
			b = appendField(appendField(b, name), value)
		}
		return sha256.Sum256(b)
	}
	names := make([]string, 0, len(r.Context))
	for name := range r.Context {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendField(appendField(b, name), r.Context[name])
	}
	return sha256.Sum256(b)
}

func appendField(b []byte, field string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}
