package gateway

import (
	"math"
	"strconv"
	"strings"

	"sealfront/crypto"
)

// A byteRange is the one range of a Range header. Source: rows RD-1 and RD-3 of the behaviour reference.
type byteRange struct {
	first, last int64 // last is math.MaxInt64 for an open end
	suffix      bool  // the last `last` bytes
}

// parseRange reads a Range header. ok is false when there is none to honour: no header, another unit, several ranges,
// or one that is malformed; the whole object is then the answer.
func parseRange(value string) (r byteRange, ok bool) {
	spec, found := strings.CutPrefix(strings.TrimSpace(value), "bytes=")
	if !found || strings.Contains(spec, ",") {
		return r, false
	}
	from, to, dash := strings.Cut(spec, "-")
	if !dash {
		return r, false
	}
	if from == "" {
		n, err := strconv.ParseUint(to, 10, 63)
		if err != nil {
			return r, false
		}
		return byteRange{last: int64(n), suffix: true}, true
	}
	first, err := strconv.ParseUint(from, 10, 63)
	if err != nil {
		return r, false
	}
	r.first, r.last = int64(first), math.MaxInt64
	if to != "" {
		last, err := strconv.ParseUint(to, 10, 63)
		if err != nil || last < first {
			return r, false
		}
		r.last = int64(last)
	}
	return r, true
}

// resolve returns the first and last byte of the range in an object of length bytes; ok is false when there is none.
func (r byteRange) resolve(length int64) (first, last int64, ok bool) {
	if r.suffix {
		n := min(r.last, length)
		return length - n, length - 1, n > 0
	}
	return r.first, min(r.last, length-1), r.first < length
}

// whole reports whether the answer to the range is the whole object: the last bytes of an empty one are all it has, without a 206.
func (r byteRange) whole(length int64) bool { return r.suffix && r.last > 0 && length == 0 }

// storeRange is the Range header for the store that brings the segments of a range of an object whose length isn't
// known yet and whose parts but the last are multiples of a segment. The store cuts it off at its end.
func (r byteRange) storeRange() string {
	header := "bytes=" + strconv.FormatInt(r.first/crypto.SegmentSize*crypto.SealedSegmentSize, 10) + "-"
	if r.last < math.MaxInt64/2 {
		header += strconv.FormatInt((r.last/crypto.SegmentSize+1)*crypto.SealedSegmentSize-1, 10)
	}
	return header
}
