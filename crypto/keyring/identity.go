package keyring

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
)

// identity names an entry: the hash of all fields of its Ref, and of the blob for those that open. So a look-up allocates
// nothing, and long blobs aren't kept.
type identity [sha256.Size]byte

func (r *Ref) sealingIdentity() identity {
	return r.identity('s', nil)
}

func (r *Ref) openingIdentity(blob []byte) identity {
	return r.identity('o', blob)
}

// identity hashes every field with its length in front, so that no two different Refs give the same input.
func (r *Ref) identity(kind byte, blob []byte) identity {
	var memory [1024]byte
	b := append(memory[:0], kind)
	b = appendField(b, r.BucketARN)
	b = appendField(b, r.KeyARN)
	b = appendField(b, r.Principal)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Context)))
	if len(r.Context) == 1 { // nearly always; sorting allocates
		for name, value := range r.Context {
			b = appendField(appendField(b, name), value)
		}
	} else {
		names := make([]string, 0, len(r.Context))
		for name := range r.Context {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			b = appendField(appendField(b, name), r.Context[name])
		}
	}
	return sha256.Sum256(appendField(b, blob))
}

func appendField[T string | []byte](b []byte, field T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}
