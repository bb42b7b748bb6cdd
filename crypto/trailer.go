package crypto

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// TailSize is the size of the fixed end of an object, in bytes.
const TailSize = 32

const (
	tailMagic = "SEALFRNT"

	recordFixed = 8 + 2 + 2  // length, number of parts, type and algorithm of no checksum
	recordPart  = 5 + 1 + 16 // length, algorithm of no checksum, salt
	minRecord   = recordFixed + recordPart + TagSize

	// firstEnd bounds what EndLength suggests to read first.
	firstEnd = 64 << 10
)

// Part is one part of an object in its trailer.
type Part struct {
	Length    int64 // of the plaintext
	Salt      [SaltSize]byte
	Algorithm Algorithm // 0: the part has no checksum
	Sum       [maxChecksum]byte
}

// Checksum returns the part's checksum, nil if it has none. The value shares the part's memory.
func (p *Part) Checksum() *Checksum {
	if p.Algorithm == 0 {
		return nil
	}
	return &Checksum{FullObject, p.Algorithm, p.Sum[:p.Algorithm.Size()]}
}

// SetChecksum gives the part a checksum: value must have algorithm.Size() bytes, and is copied.
func (p *Part) SetChecksum(algorithm Algorithm, value []byte) {
	p.Algorithm, p.Sum = algorithm, [maxChecksum]byte{}
	copy(p.Sum[:], value)
}

// Trailer is the sealed record at the end of an object. It alone says which parts the object has, in which order.
type Trailer struct {
	Length   int64 // of the object's plaintext, the sum of its parts; never 0, since an empty object has no trailer
	Parts    []Part
	Checksum *Checksum // of the object; nil if there is none
}

// Check returns ErrPartition if the parts aren't those of a legal upload (1 to MaxParts, all but the last of at least
// MinPartSize, none above MaxPart, their sum Length and not 0), ErrFormat if a checksum isn't one.
func (t *Trailer) Check() error {
	if len(t.Parts) < 1 || len(t.Parts) > MaxParts {
		return fmt.Errorf("trailer: %w", ErrPartition)
	}
	var sum int64
	for i := range t.Parts {
		part := &t.Parts[i]
		last := i == len(t.Parts)-1
		if part.Length < 0 || part.Length > MaxPart || !last && part.Length < MinPartSize {
			return fmt.Errorf("trailer: part %d: %w", i+1, ErrPartition)
		}
		if int(part.Algorithm) >= len(checksumSizes) {
			return fmt.Errorf("trailer: part %d: %w", i+1, ErrFormat)
		}
		sum += part.Length
	}
	if sum != t.Length || sum < 1 || sum > MaxObject {
		return fmt.Errorf("trailer: %w", ErrPartition)
	}
	if t.Checksum != nil && !t.Checksum.legal() {
		return fmt.Errorf("trailer: %w", ErrFormat)
	}
	return nil
}

// SealedLength returns the size of what AppendTrailer appends: sealed record and tail.
func (t *Trailer) SealedLength() int64 {
	n := recordFixed + TagSize + TailSize
	if t.Checksum != nil {
		n += len(t.Checksum.Value)
	}
	for i := range t.Parts {
		n += recordPart + t.Parts[i].Algorithm.Size()
	}
	return int64(n)
}

// Padding returns the number of zero bytes between the last part and the sealed record, so that the object's size is
// StoredLength(t.Length). It is never negative for a trailer that Check accepts, and at most 1.2 MB.
func (t *Trailer) Padding() int64 {
	n := StoredLength(t.Length) - t.SealedLength()
	for i := range t.Parts {
		n -= SealedLength(t.Parts[i].Length)
	}
	return n
}

// AppendTrailer appends the sealed record and the tail, which end an object. The trailer salt is fresh each time, so an
// object may be completed repeatedly, with the same parts or others. It returns Check's error for an illegal trailer.
// Source: FORMAT.md, "Trailer".
func (k *DataKey) AppendTrailer(dst []byte, objectID *[SaltSize]byte, t *Trailer) ([]byte, error) {
	if err := t.Check(); err != nil {
		return dst, err
	}
	salt := k.takeTrailerSalt()
	return k.appendTrailer(dst, objectID, t, &salt), nil
}

// appendTrailer is AppendTrailer for a trailer that Check accepts.
func (k *DataKey) appendTrailer(dst []byte, objectID *[SaltSize]byte, t *Trailer, salt *[SaltSize]byte) []byte {
	size := t.SealedLength()
	start := len(dst)
	dst = slices.Grow(dst, int(size))
	record := t.appendRecord(dst)[start:]
	tail := appendTail(dst[:start+int(size)-TailSize], uint32(size-TailSize), salt)[start+int(size)-TailSize:]
	k.trailerAEAD(objectID, salt).Seal(record[:0], zeroNonce[:], record, tail)
	return dst[:start+int(size)]
}

// appendTail: magic ‖ version ‖ three zeros ‖ size of the sealed record ‖ trailer salt.
func appendTail(dst []byte, sealed uint32, salt *[SaltSize]byte) []byte {
	dst = append(dst, tailMagic...)
	dst = append(dst, formatVersion, 0, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, sealed)
	return append(dst, salt[:]...)
}

// appendRecord: length ‖ number of parts ‖ checksum ‖ a row for each part.
func (t *Trailer) appendRecord(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.Length))
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(t.Parts)))
	dst = appendChecksum(dst, t.Checksum)
	for i := range t.Parts {
		part := &t.Parts[i]
		dst = appendLength(dst, part.Length)
		dst = append(dst, byte(part.Algorithm))
		dst = append(dst, part.Salt[:]...)
		dst = append(dst, part.Sum[:part.Algorithm.Size()]...)
	}
	return dst
}

// EndLength returns how many of an object's last bytes to read at first for its trailer, from the object's size in the
// store: all that the trailer can take, but at most 64 KiB; 0 if the size isn't a sealed object's or is 0.
func EndLength(stored int64) int64 {
	plain, ok := PlainLength(stored)
	if !ok || plain == 0 {
		return 0
	}
	return min(recordBound(plain)+TailSize, firstEnd)
}

// recordBound is the most that the sealed record of an object of plain bytes can take.
func recordBound(plain int64) int64 {
	return recordFixed + maxChecksum + possibleParts(plain)*(recordPart+maxChecksum) + TagSize
}

// OpenTrailer opens the trailer of an object of stored bytes from end, the object's last bytes. If end is too short for
// the record, it returns no trailer and no error but how many of the last bytes it needs; the number is bounded by the
// object's size, and by 860,124 (10,000 parts with SHA-512), before anything in end is relied on. Errors: ErrDamaged if
// stored isn't the size of a sealed object, isn't that of this trailer, or the end isn't a trailer's; ErrVersion for
// another format's; ErrTampered if a tag doesn't match; ErrFormat or ErrPartition if what was sealed isn't something
// AppendTrailer seals. end is overwritten and wiped of plaintext; the trailer shares no memory with it. Source:
// FORMAT.md, "Trailer".
func (k *DataKey) OpenTrailer(objectID *[SaltSize]byte, stored int64, end []byte) (t *Trailer, need int64, err error) {
	plain, ok := PlainLength(stored)
	if !ok || plain == 0 || int64(len(end)) > stored {
		return nil, 0, fmt.Errorf("trailer: %w", ErrDamaged)
	}
	if len(end) < TailSize {
		return nil, EndLength(stored), nil
	}
	tail := end[len(end)-TailSize:]
	sealed, salt, err := parseTail(tail)
	if err != nil {
		return nil, 0, err
	}
	if sealed < minRecord || sealed > recordBound(plain) {
		return nil, 0, fmt.Errorf("trailer: %w", ErrDamaged)
	}
	if int64(len(end)) < sealed+TailSize {
		return nil, sealed + TailSize, nil
	}
	record := end[int64(len(end))-TailSize-sealed : len(end)-TailSize]
	record, err = k.trailerAEAD(objectID, &salt).Open(record[:0], zeroNonce[:], record, tail)
	if err != nil {
		return nil, 0, fmt.Errorf("trailer: %w", ErrTampered)
	}
	defer clear(record)
	t, err = parseRecord(record)
	switch {
	case err != nil:
		return nil, 0, err
	case t.Length != plain:
		return nil, 0, fmt.Errorf("trailer: %w", ErrDamaged)
	}
	return t, 0, nil
}

func parseTail(tail []byte) (sealed int64, salt [SaltSize]byte, err error) {
	switch {
	case string(tail[:8]) != tailMagic:
		return 0, salt, fmt.Errorf("trailer: %w", ErrDamaged)
	case tail[8] != formatVersion:
		return 0, salt, fmt.Errorf("trailer: %w", ErrVersion)
	case tail[9] != 0 || tail[10] != 0 || tail[11] != 0:
		return 0, salt, fmt.Errorf("trailer: %w", ErrFormat)
	}
	copy(salt[:], tail[16:])
	return int64(binary.BigEndian.Uint32(tail[12:])), salt, nil
}

var errRecord = fmt.Errorf("trailer: %w", ErrFormat)

// parseRecord accepts exactly what appendRecord writes for a trailer that Check accepts.
func parseRecord(b []byte) (*Trailer, error) {
	if len(b) < recordFixed {
		return nil, errRecord
	}
	t := &Trailer{Length: int64(binary.BigEndian.Uint64(b))}
	count := int(binary.BigEndian.Uint16(b[8:]))
	var err error
	if t.Checksum, b, err = parseChecksum(b[10:]); err != nil {
		return nil, fmt.Errorf("trailer: %w", err)
	}
	// A row has a least size, so a count that lies is found before it costs memory.
	if count > MaxParts || len(b) < count*recordPart {
		return nil, errRecord
	}
	t.Parts = make([]Part, count)
	r := reader{rest: b}
	for i := range t.Parts {
		part := &t.Parts[i]
		head := r.take(recordPart)
		if head == nil {
			return nil, errRecord
		}
		if int(head[5]) >= len(checksumSizes) {
			return nil, fmt.Errorf("trailer: part %d: %w", i+1, unknownAlgorithm(Algorithm(head[5])))
		}
		part.Length, part.Algorithm = parseLength(head), Algorithm(head[5])
		copy(part.Salt[:], head[6:])
		copy(part.Sum[:], r.take(part.Algorithm.Size()))
	}
	if r.failed || len(r.rest) > 0 {
		return nil, errRecord
	}
	if err := t.Check(); err != nil {
		return nil, err
	}
	return t, nil
}

// appendLength writes a part's length in five bytes, big-endian: MaxPart needs 33 bits.
func appendLength(dst []byte, n int64) []byte {
	return append(dst, byte(n>>32), byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func parseLength(b []byte) int64 {
	return int64(b[0])<<32 | int64(binary.BigEndian.Uint32(b[1:]))
}

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

// End is what follows an object's last part, as a stream: padding, sealed record and tail. It belongs to one goroutine.
type End struct {
	padding int64
	trailer []byte
}

// NewEnd seals the trailer and returns the object's end, of Padding + SealedLength bytes. Its memory doesn't grow with
// the padding. It returns Check's error for an illegal trailer; an object of 0 bytes has no end.
func (k *DataKey) NewEnd(objectID *[SaltSize]byte, t *Trailer) (*End, error) {
	trailer, err := k.AppendTrailer(nil, objectID, t)
	if err != nil {
		return nil, err
	}
	return &End{t.Padding(), trailer}, nil
}

// Len returns the number of bytes that haven't been read.
func (e *End) Len() int64 { return e.padding + int64(len(e.trailer)) }

// Read implements io.Reader. Its only error is io.EOF.
func (e *End) Read(p []byte) (n int, err error) {
	if len(p) > 0 && e.Len() == 0 {
		return 0, io.EOF
	}
	if e.padding > 0 {
		n = int(min(e.padding, int64(len(p))))
		clear(p[:n])
		e.padding -= int64(n)
	}
	copied := copy(p[n:], e.trailer)
	e.trailer = e.trailer[copied:]
	return n + copied, nil
}
