package crypto

import (
	"fmt"
	"strings"
)

// MaxPartRecordName bounds a part record's name after its prefix, in characters. Stores take 255 in a path segment.
// Releases that don't know SHA-512 have 210; only a record with one is longer than that, unless the store's ETag has
// more than 65 bytes.
const MaxPartRecordName = 254

const (
	partNumberDigits = 5
	partRecordFixed  = 1 + 5 + SaltSize + 1 // flags, length, salt, algorithm
	maxSealedRecord  = (MaxPartRecordName - partNumberDigits - 1) / 4 * 3

	flagStashed = 1
)

// PartRecord is what is known of one accepted attempt at a part of a multipart upload. It is kept as the name of an
// empty object, so that a listing reads a thousand at once.
type PartRecord struct {
	Number    int    // 1 to MaxParts
	Stashed   bool   // the sealed bytes lie in the state bucket, not in the store's part
	StoreETag string // of the store's part or of the stash, as the store gave it
	Part             // plaintext length, salt, checksum
}

// AppendName appends the record's name to dst: prefix ‖ part number of five digits ‖ "-" ‖ the sealed record in
// base64url. What is sealed is bound to prefix and part number. It returns ErrLongETag if the name would exceed
// MaxPartRecordName after the prefix (66 bytes of ETag fit with a SHA-512, 98 with a SHA-256), ErrFormat for a
// number, length or checksum out of range. Source: FORMAT.md, "Part records".
func (r *PartRecord) AppendName(dst []byte, stateKey *[KeySize]byte, prefix string) ([]byte, error) {
	if r.Number < 1 || r.Number > MaxParts || r.Length < 0 || r.Length > MaxPart ||
		int(r.Algorithm) >= len(checksumSizes) {
		return dst, fmt.Errorf("part record: %w", ErrFormat)
	}
	var flags byte
	if r.Stashed {
		flags |= flagStashed
	}
	plaintext := append(make([]byte, 0, maxSealedRecord), flags)
	plaintext = appendLength(plaintext, r.Length)
	plaintext = append(plaintext, r.Salt[:]...)
	plaintext = append(plaintext, byte(r.Algorithm))
	plaintext = append(plaintext, r.Sum[:r.Algorithm.Size()]...)
	plaintext = append(plaintext, r.StoreETag...)
	if len(plaintext)+RecordOverhead > maxSealedRecord {
		return dst, fmt.Errorf("part record: %w", ErrLongETag)
	}
	start := len(dst)
	dst = append(dst, prefix...)
	dst = appendPartNumber(dst, r.Number)
	sealed := SealRecord(stateKey, string(dst[start:]), plaintext)
	return textForm.AppendEncode(append(dst, '-'), sealed), nil
}

var errPartRecord = fmt.Errorf("part record: %w", ErrFormat)

// ParsePartRecordName opens the record in a name that AppendName made for prefix. It returns ErrFormat if the name
// isn't of that form, ErrTampered if the record was sealed for another prefix or part number or under another key, or
// was changed.
func ParsePartRecordName(stateKey *[KeySize]byte, prefix, name string) (*PartRecord, error) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok || len(rest) <= partNumberDigits || len(rest) > MaxPartRecordName || rest[partNumberDigits] != '-' {
		return nil, errPartRecord
	}
	number, ok := parsePartNumber(rest[:partNumberDigits])
	text := rest[partNumberDigits+1:]
	if !ok || strings.ContainsAny(text, "\r\n") {
		return nil, errPartRecord
	}
	sealed, err := textForm.DecodeString(text)
	if err != nil {
		return nil, errPartRecord
	}
	plaintext, err := OpenRecord(stateKey, name[:len(prefix)+partNumberDigits], sealed)
	if err != nil {
		return nil, fmt.Errorf("part %w", err)
	}
	r := reader{rest: plaintext}
	head := r.take(partRecordFixed)
	if head == nil || head[0]&^flagStashed != 0 {
		return nil, errPartRecord
	}
	if algorithm := Algorithm(head[partRecordFixed-1]); int(algorithm) >= len(checksumSizes) {
		return nil, fmt.Errorf("part record: %w", unknownAlgorithm(algorithm))
	}
	record := &PartRecord{Number: number, Stashed: head[0]&flagStashed != 0}
	record.Length, record.Algorithm = parseLength(head[1:]), Algorithm(head[partRecordFixed-1])
	copy(record.Salt[:], head[6:])
	copy(record.Sum[:], r.take(record.Algorithm.Size()))
	record.StoreETag = string(r.rest)
	if r.failed || record.Length > MaxPart {
		return nil, errPartRecord
	}
	return record, nil
}

func appendPartNumber(dst []byte, number int) []byte {
	return append(dst, byte('0'+number/10000), byte('0'+number/1000%10), byte('0'+number/100%10),
		byte('0'+number/10%10), byte('0'+number%10))
}

// parsePartNumber takes five digits and nothing else.
func parsePartNumber(digits string) (number int, ok bool) {
	for _, digit := range []byte(digits) {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		number = 10*number + int(digit-'0')
	}
	return number, number >= 1 && number <= MaxParts
}
