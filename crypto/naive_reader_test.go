package crypto_test

// A second opinion: reader and writer made from FORMAT.md alone, for whole objects in memory. This file imports the
// standard library only and uses nothing declared in another file; TestTheNaiveReaderSharesNoCode holds it to that.

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"unicode/utf8"
)

// naiveFault is one of FORMAT.md's words for a failure.
type naiveFault string

func (f naiveFault) Error() string { return string(f) }

func naiveAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func naiveExpand(secret []byte, label string, inputs ...[]byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(label))
	for _, input := range inputs {
		mac.Write(input)
	}
	mac.Write([]byte{1})
	return mac.Sum(nil)
}

func naiveWrapKey(bucketKey, salt []byte) []byte {
	key, err := hkdf.Key(sha256.New, bucketKey, salt, "sealfront/1 wrap", 32)
	if err != nil {
		panic(err)
	}
	return key
}

// naiveString is FORMAT.md's string.
func naiveString(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

func naiveNonce(index int, last bool) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[3:], uint64(index))
	if last {
		nonce[11] = 1
	}
	return nonce
}

func naiveSealPart(dataKey, salt, plain []byte) (sealed []byte) {
	aead := naiveAEAD(naiveExpand(dataKey, "sealfront/1 part", salt))
	sealed = make([]byte, 0, len(plain)+16*(len(plain)/65536+1))
	for index := 0; ; index++ {
		n := min(len(plain), 65536)
		last := n == len(plain)
		sealed = aead.Seal(sealed, naiveNonce(index, last), plain[:n], nil)
		if plain = plain[n:]; last {
			return sealed
		}
	}
}

// naiveWrap seals secrets behind an envelope's other fields.
func naiveWrap(fields, bucketKey []byte, bucketARN, key string, secrets []byte) []byte {
	additional := append(append(bytes.Clone(fields), naiveString(bucketARN)...), naiveString(key)...)
	wrapped := naiveAEAD(naiveWrapKey(bucketKey, fields[20:36])).Seal(nil, make([]byte, 12), secrets, additional)
	return append(append(bytes.Clone(fields), byte(len(wrapped))), wrapped...)
}

func naiveSealTrailer(dataKey, objectID, salt, record []byte) []byte {
	tail := append([]byte("SEALFRNT\x01\x00\x00\x00"), binary.BigEndian.AppendUint32(nil, uint32(len(record)+16))...)
	tail = append(tail, salt...)
	aead := naiveAEAD(naiveExpand(dataKey, "sealfront/1 trailer", objectID, salt))
	return append(aead.Seal(nil, make([]byte, 12), record, tail), tail...)
}

func naiveStoredLength(plain int) int {
	if plain == 0 {
		return 0
	}
	return plain + 16*((plain+65535)/65536) + 112*min(10000, plain/(5<<20)+1) + 192
}

func naivePlainLength(stored int) (int, bool) {
	low, high := 0, stored
	for low < high {
		if middle := (low + high) / 2; naiveStoredLength(middle) < stored {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, naiveStoredLength(low) == stored
}

// naiveEnvelope has the fields that a reader needs.
type naiveEnvelope struct {
	objectID, wrapSalt, partSalt, commitment, wrapped []byte
	fields                                            []byte // all but wrapped and its length
	multipart                                         bool
}

func naiveParseEnvelope(text string) (*naiveEnvelope, error) {
	if text == "" {
		return nil, naiveFault("not sealed")
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(b) != text || len(b) > 1536 || len(b) < 84 {
		return nil, naiveFault("format")
	}
	if b[0] != 1 || b[1] != 1 {
		return nil, naiveFault("version")
	}
	e := &naiveEnvelope{
		objectID: b[4:20], wrapSalt: b[20:36], partSalt: b[36:52], commitment: b[52:84],
		multipart: b[3]&4 != 0,
	}
	bad := b[2] != 1 && b[2] != 2 || b[3] > 7
	at := 84
	number := func(size int) (n int) {
		for range size {
			if at >= len(b) {
				bad = true
				return 0
			}
			n, at = n<<8|int(b[at]), at+1
		}
		return n
	}
	field := func(n int) string {
		if bad || at+n > len(b) {
			bad = true
			return ""
		}
		at += n
		return string(b[at-n : at])
	}
	arn := field(number(2))
	for _, c := range []byte(arn) {
		bad = bad || c < 0x21 || c > 0x7e
	}
	before := ""
	for range number(1) {
		name := field(number(2))
		value := field(number(2))
		bad = bad || name <= before || !utf8.ValidString(name) || !utf8.ValidString(value)
		before = name
	}
	blob := field(number(2))
	e.fields = b[:at]
	e.wrapped = []byte(field(number(1)))
	possible := false
	for _, sum := range naiveSums {
		n := len(e.wrapped) - 33 - 16
		possible = possible || sum == 0 && (n == 0 || n == 8) || sum > 0 && (n == 2+sum || n == 10+sum)
	}
	if !possible {
		return nil, naiveFault("format")
	}
	if bad || arn == "" || blob == "" || at != len(b) || e.multipart && !bytes.Equal(e.partSalt, make([]byte, 16)) {
		return nil, naiveFault("format")
	}
	return e, nil
}

// naiveChecksum takes a checksum from the front of b and returns its size there, -1 if it isn't one.
func naiveChecksum(b []byte, mayBeNone bool) (size int, err error) {
	switch {
	case len(b) < 2:
		return 0, naiveFault("format")
	case b[0] == 0 && b[1] == 0 && mayBeNone:
		return 2, nil
	case int(b[1]) >= len(naiveSums):
		return 0, naiveFault("version")
	case b[0] < 1 || b[0] > 2 || b[1] < 1 || len(b) < 2+naiveSums[b[1]]:
		return 0, naiveFault("format")
	}
	return 2 + naiveSums[b[1]], nil
}

var naiveSums = [...]int{0, 4, 4, 8, 20, 32, 64, 16, 8, 8, 16}

// naiveUnwrap returns the data key, and the length, or -1 if none was sealed.
func naiveUnwrap(e *naiveEnvelope, bucketKey []byte, bucketARN, key string) (dataKey []byte, length int, err error) {
	if bytes.Equal(bucketKey, make([]byte, 32)) {
		return nil, 0, naiveFault("zero key")
	}
	additional := append(append(bytes.Clone(e.fields), naiveString(bucketARN)...), naiveString(key)...)
	secrets, err := naiveAEAD(naiveWrapKey(bucketKey, e.wrapSalt)).Open(nil, make([]byte, 12), e.wrapped, additional)
	if err != nil {
		return nil, 0, naiveFault("tampered")
	}
	dataKey, flags, rest, length := secrets[:32], secrets[32], secrets[33:], -1
	if flags > 3 || bytes.Equal(dataKey, make([]byte, 32)) {
		return nil, 0, naiveFault("format")
	}
	if flags&1 != 0 {
		if len(rest) < 8 {
			return nil, 0, naiveFault("format")
		}
		length, rest = int(binary.BigEndian.Uint64(rest)), rest[8:]
		if length < 0 || length > 9999*5367398400+5366218752 || length == 0 && e.multipart {
			return nil, 0, naiveFault("format")
		}
	}
	if flags&2 != 0 {
		n, err := naiveChecksum(rest, false)
		if err != nil {
			return nil, 0, err
		}
		if rest[0] == 2 && !e.multipart {
			return nil, 0, naiveFault("format")
		}
		rest = rest[n:]
	}
	if len(rest) > 0 || length < 0 && !e.multipart {
		return nil, 0, naiveFault("format")
	}
	if !hmac.Equal(e.commitment, naiveExpand(dataKey, "sealfront/1 commit", e.objectID)) {
		return nil, 0, naiveFault("tampered")
	}
	return dataKey, length, nil
}

type naivePart struct {
	length int
	salt   []byte
}

func naiveTrailer(dataKey, objectID, stored []byte, plain int) (parts []naivePart, err error) {
	tail := stored[len(stored)-32:]
	switch {
	case string(tail[:8]) != "SEALFRNT":
		return nil, naiveFault("damaged")
	case tail[8] != 1:
		return nil, naiveFault("version")
	case !bytes.Equal(tail[9:12], make([]byte, 3)):
		return nil, naiveFault("format")
	}
	size := int(binary.BigEndian.Uint32(tail[12:]))
	if size < 50 || size > 92+86*min(10000, plain/(5<<20)+1) {
		return nil, naiveFault("damaged")
	}
	sealed := stored[len(stored)-32-size : len(stored)-32]
	aead := naiveAEAD(naiveExpand(dataKey, "sealfront/1 trailer", objectID, tail[16:]))
	record, err := aead.Open(nil, make([]byte, 12), sealed, tail)
	if err != nil {
		return nil, naiveFault("tampered")
	}
	length, count, rest := int(binary.BigEndian.Uint64(record)), int(binary.BigEndian.Uint16(record[8:])), record[10:]
	n, err := naiveChecksum(rest, true)
	if err != nil {
		return nil, err
	}
	rest = rest[n:]
	sum, legal := 0, count >= 1 && count <= 10000
	for i := range count {
		if len(rest) >= 22 && int(rest[5]) >= len(naiveSums) {
			return nil, naiveFault("version")
		}
		if len(rest) < 22 || len(rest) < 22+naiveSums[rest[5]] {
			return nil, naiveFault("format")
		}
		part := naivePart{int(rest[0])<<32 | int(binary.BigEndian.Uint32(rest[1:])), rest[6:22]}
		rest = rest[22+naiveSums[rest[5]]:]
		legal = legal && part.length <= 5367398400 && (i == count-1 || part.length >= 5<<20)
		sum += part.length
		parts = append(parts, part)
	}
	switch {
	case len(rest) > 0:
		return nil, naiveFault("format")
	case !legal || sum != length || sum == 0:
		return nil, naiveFault("partition")
	case length != plain:
		return nil, naiveFault("damaged")
	}
	return parts, nil
}

// naiveOpen returns what was released before the failure, or all.
func naiveOpen(text string, stored, bucketKey []byte, bucketARN, key string) (plain []byte, err error) {
	e, err := naiveParseEnvelope(text)
	if err != nil {
		return nil, err
	}
	dataKey, length, err := naiveUnwrap(e, bucketKey, bucketARN, key)
	if err != nil {
		return nil, err
	}
	arithmetic, ok := naivePlainLength(len(stored))
	if !ok || length >= 0 && length != arithmetic || length < 0 && arithmetic == 0 {
		return nil, naiveFault("damaged")
	}
	if arithmetic == 0 {
		return nil, nil
	}
	parts := []naivePart{{length, e.partSalt}}
	if e.multipart {
		if parts, err = naiveTrailer(dataKey, e.objectID, stored, arithmetic); err != nil {
			return nil, err
		}
	}
	plain = make([]byte, 0, arithmetic)
	for _, part := range parts {
		aead := naiveAEAD(naiveExpand(dataKey, "sealfront/1 part", part.salt))
		rest := part.length
		for index := 0; index == 0 || rest > 0; index++ {
			n := min(rest, 65536)
			rest -= n
			opened, err := aead.Open(plain, naiveNonce(index, rest == 0), stored[:n+16], nil)
			if err != nil {
				return plain, naiveFault("tampered")
			}
			plain, stored = opened, stored[n+16:]
		}
	}
	return plain, nil
}
