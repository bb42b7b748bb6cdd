package gateway

import (
	"math"
	"strconv"
	"strings"
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

// contentRange is a Content-Range header.
func contentRange(first, last, length int64) string {
	return "bytes " + strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10) + "/" + strconv.FormatInt(length, 10)
}

// parseContentRange reads "bytes first-last/total".
func parseContentRange(v string) (first, last, total int64, ok bool) {
	v, found := strings.CutPrefix(v, "bytes ")
	span, size, slash := strings.Cut(v, "/")
	from, to, dash := strings.Cut(span, "-")
	if !found || !slash || !dash {
		return 0, 0, 0, false
	}
	first, err1 := strconv.ParseInt(from, 10, 64)
	last, err2 := strconv.ParseInt(to, 10, 64)
	total, err3 := strconv.ParseInt(size, 10, 64)
	return first, last, total, err1 == nil && err2 == nil && err3 == nil && first >= 0 && first <= last && last < total
}
