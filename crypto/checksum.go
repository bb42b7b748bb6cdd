package crypto

import "fmt"

// Algorithm names a checksum. The numbers are part of the format; 0 is none.
type Algorithm uint8

// The algorithms of S3. Releases before the last five refuse an object that has one of them.
const (
	CRC32     Algorithm = 1
	CRC32C    Algorithm = 2
	CRC64NVME Algorithm = 3
	SHA1      Algorithm = 4
	SHA256    Algorithm = 5
	SHA512    Algorithm = 6
	MD5       Algorithm = 7
	XXHASH64  Algorithm = 8
	XXHASH3   Algorithm = 9
	XXHASH128 Algorithm = 10
)

// checksumSizes has the size of each algorithm's value in bytes.
var checksumSizes = [...]int{0, 4, 4, 8, 20, 32, 64, 16, 8, 8, 16}

const maxChecksum = 64

// unknownAlgorithm is the error for an algorithm's number in a record that opened: a later release wrote it.
func unknownAlgorithm(a Algorithm) error {
	return fmt.Errorf("%w: checksum algorithm %d", ErrVersion, a)
}

// Size returns the size of the algorithm's value in bytes, 0 for none and for numbers that the format doesn't know.
func (a Algorithm) Size() int {
	if int(a) >= len(checksumSizes) {
		return 0
	}
	return checksumSizes[a]
}

// ChecksumType says what a checksum was computed over. The numbers are part of the format.
type ChecksumType uint8

// FullObject: over all bytes of the object. Composite: over the concatenated checksums of its parts, whose count is
// that of the trailer.
const (
	FullObject ChecksumType = 1
	Composite  ChecksumType = 2
)

// Checksum is a checksum of plaintext, in binary. Outside of sealed records it must not reach the store: it confirms
// guesses from truth.
type Checksum struct {
	Type      ChecksumType
	Algorithm Algorithm
	Value     []byte // Algorithm.Size() bytes
}

func (c *Checksum) legal() bool {
	return (c.Type == FullObject || c.Type == Composite) &&
		c.Algorithm.Size() > 0 && len(c.Value) == c.Algorithm.Size()
}

// appendChecksum writes type ‖ algorithm ‖ value, or two zero bytes for none.
func appendChecksum(dst []byte, c *Checksum) []byte {
	if c == nil {
		return append(dst, 0, 0)
	}
	return append(append(dst, byte(c.Type), byte(c.Algorithm)), c.Value...)
}

// parseChecksum is its inverse: it takes the checksum from the front of b and returns what follows. The value is
// copied.
func parseChecksum(b []byte) (c *Checksum, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, ErrFormat
	}
	if b[0] == 0 && b[1] == 0 {
		return nil, b[2:], nil
	}
	if int(b[1]) >= len(checksumSizes) {
		return nil, nil, unknownAlgorithm(Algorithm(b[1]))
	}
	size := Algorithm(b[1]).Size()
	if len(b) < 2+size {
		return nil, nil, ErrFormat
	}
	parsed := &struct {
		Checksum
		value [maxChecksum]byte
	}{Checksum: Checksum{Type: ChecksumType(b[0]), Algorithm: Algorithm(b[1])}}
	parsed.Value = append(parsed.value[:0:size], b[2:2+size]...)
	c = &parsed.Checksum
	if !c.legal() {
		return nil, nil, ErrFormat
	}
	return c, b[2+size:], nil
}
