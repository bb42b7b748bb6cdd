package crypto

import "fmt"

// What tests must reach inside: fixed keys and salts, which the API never takes.

func DataKeyFrom(secret [KeySize]byte) DataKey { return DataKey{&dataKey{secret: secret}} }

func (k *DataKey) Secret() [KeySize]byte { return k.shared.secret }

func (e *Envelope) WrapWithSalt(place Place, keyer WrapKeyer, secrets Secrets, salt [SaltSize]byte) error {
	return e.wrap(place, keyer, secrets, &salt)
}

func (k *DataKey) AppendTrailerWithSalt(
	dst []byte, objectID *[SaltSize]byte, t *Trailer, salt [SaltSize]byte,
) ([]byte, error) {
	if err := t.Check(); err != nil {
		return dst, err
	}
	return k.appendTrailer(dst, objectID, t, &salt), nil
}

func SealRecordWithSalt(stateKey *[KeySize]byte, name string, plaintext []byte, salt [SaltSize]byte) []byte {
	return sealRecord(stateKey, name, plaintext, &salt)
}

// AppendRecord is the trailer's record before it is sealed; ParseRecord reads it.
func (t *Trailer) AppendRecord(dst []byte) []byte { return t.appendRecord(dst) }

var ParseRecord = parseRecord

// MaxEnd is the most that a trailer takes of an object's end.
const MaxEnd = recordFixed + maxChecksum + MaxParts*(recordPart+maxChecksum) + TagSize + TailSize

// NewLayout lays out parts that needn't be a legal upload's.
func NewLayout(lengths []int64) *Layout {
	t := &Trailer{Parts: make([]Part, len(lengths))}
	for i, n := range lengths {
		t.Parts[i].Length = n
		t.Parts[i].Salt = [SaltSize]byte{byte(i), byte(i >> 8), 1}
	}
	return t.Layout()
}

// Again is the sealer at its beginning, for benchmarks: in earnest it would use keys and nonces twice.
func (s *Sealer) Again() *Sealer {
	s.index, s.length, s.done = 0, 0, false
	return s
}

// Expand is the derivation of every key but the wrap key.
func Expand(secret *[KeySize]byte, label string, first, second []byte) [KeySize]byte {
	return expand(secret, label, first, second)
}

// KeptByADerivation prints the memory of a derivation that never served, and of one that has been released.
func KeptByADerivation(secret *[KeySize]byte) (unused, released string) {
	d := derivations.New().(*derivation)
	unused = fmt.Sprint(d.digests, d.block)
	keyed := d.keyed(secret[:])
	keyed.Write(secret[:])
	keyed.Sum(d.block[:0])
	d.release()
	return unused, fmt.Sprint(d.digests, d.block)
}
