package keyservice

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"
)

// A record is
//
//	magic ‖ counter (8 bytes) ‖ salt (16) ‖ root's identity (1 + n) ‖ wrapped record key (2 + n) ‖ AES-256-GCM(body), tag
//
// with lengths and numbers big-endian. The record key is 32 random bytes, made with the record and wrapped by the root
// under the record's name. Each state of the record is sealed under HKDF-SHA256(record key, salt, recordInfo) with a
// salt of its own, so with a zero nonce. The additional data is the record's name, preceded by its length (4 bytes),
// and all that stands before the ciphertext. The counter is 1 for the first state and grows by one with each change.
const (
	recordMagic = "sealfront key record 1\n"
	recordInfo  = "sealfront key record 1"
	maxRecord   = 4 << 20 // bytes
	maxIdentity = 200
)

// A sealedRecord is one state of a record, as it lies in the records' store.
type sealedRecord struct {
	counter uint64
	salt    [saltSize]byte // names the state as well: no other has it
	root    string         // identity
	wrapped []byte
	sealed  []byte
}

// body is what a record seals; one field is set.
type body struct {
	Key   *key       `json:"key,omitempty"`
	Alias *nameAlias `json:"alias,omitempty"`
	Gone  *time.Time `json:"gone,omitempty"` // when what it was has been deleted
}

// nameAlias is an alias with its name, which the record's name is a hash of.
type nameAlias struct {
	Name string `json:"name"`
	alias
}

func (r *sealedRecord) header() []byte {
	b := append(make([]byte, 0, 512+len(r.sealed)), recordMagic...)
	b = binary.BigEndian.AppendUint64(b, r.counter)
	b = append(b, r.salt[:]...)
	b = append(append(b, byte(len(r.root))), r.root...)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(r.wrapped))), r.wrapped...)
}

// parseRecord reads a record without opening it; what it returns shares data's memory.
func parseRecord(data []byte) (*sealedRecord, error) {
	rest, ok := bytes.CutPrefix(data, []byte(recordMagic))
	if !ok || len(rest) < 8+saltSize+1 || len(data) > maxRecord {
		return nil, ErrDamaged
	}
	r := &sealedRecord{counter: binary.BigEndian.Uint64(rest)}
	copy(r.salt[:], rest[8:])
	rest = rest[8+saltSize:]
	n := int(rest[0])
	if len(rest) < 1+n+2 || n > maxIdentity {
		return nil, ErrDamaged
	}
	r.root = string(rest[1 : 1+n])
	rest = rest[1+n:]
	n = int(binary.BigEndian.Uint16(rest))
	if rest = rest[2:]; len(rest) < n+tagSize {
		return nil, ErrDamaged
	}
	r.wrapped, r.sealed = rest[:n], rest[n:]
	return r, nil
}

// next seals the state that follows r under the same record key; of an empty r, the first one.
func (r *sealedRecord) next(name string, secret *[materialSize]byte, b *body) (*sealedRecord, []byte, error) {
	plain, err := json.Marshal(b)
	if err != nil {
		return nil, nil, err
	}
	defer clear(plain)
	n := &sealedRecord{counter: r.counter + 1, root: r.root, wrapped: r.wrapped}
	if _, err := rand.Read(n.salt[:]); err != nil {
		return nil, nil, err
	}
	data := n.header()
	if len(data)+len(plain)+tagSize > maxRecord {
		return nil, nil, fail("LimitExceededException", "The key has more policy, grants and tags than a record can hold.")
	}
	aead, err := recordAEAD(secret, n.salt[:])
	if err != nil {
		return nil, nil, err
	}
	data = aead.Seal(data, make([]byte, aead.NonceSize()), plain, recordData(name, data))
	return n, data, nil
}

// open returns what is sealed in r; ErrDamaged if that isn't what was sealed.
func (r *sealedRecord) open(name string, secret *[materialSize]byte) (*body, error) {
	aead, err := recordAEAD(secret, r.salt[:])
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, make([]byte, aead.NonceSize()), r.sealed, recordData(name, r.header()))
	if err != nil {
		return nil, ErrDamaged
	}
	defer clear(plain)
	b := &body{}
	if err := json.Unmarshal(plain, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if k := b.Key; k != nil && keyRecord(k.ID) != name || b.Alias != nil && aliasRecord(b.Alias.Name) != name {
		return nil, ErrDamaged
	}
	return b, nil
}

func recordAEAD(secret *[materialSize]byte, salt []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret[:], salt, recordInfo, materialSize)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func recordData(name string, header []byte) []byte {
	return append(appendText(nil, name), header...)
}
