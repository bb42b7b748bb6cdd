package s3

import (
	"math"
	"strconv"
	"strings"
)

// A Range is the one range of a Range header. Source: rows RD-1 and RD-3 of the behaviour reference.
type Range struct {
	First, Last int64 // last is math.MaxInt64 for an open end
	Suffix      bool  // the last `last` bytes
}

// ParseRange reads a Range header. ok is false when there is none to honour: no header, another unit, several ranges,
// or one that is malformed; the whole object is then the answer.
func ParseRange(value string) (r Range, ok bool) {
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
		return Range{Last: int64(n), Suffix: true}, true
	}
	first, err := strconv.ParseUint(from, 10, 63)
	if err != nil {
		return r, false
	}
	r.First, r.Last = int64(first), math.MaxInt64
	if to != "" {
		last, err := strconv.ParseUint(to, 10, 63)
		if err != nil || last < first {
			return r, false
		}
		r.Last = int64(last)
	}
	return r, true
}

// Resolve returns the first and last byte of the range in an object of length bytes; ok is false when there is none.
func (r Range) Resolve(length int64) (first, last int64, ok bool) {
	if r.Suffix {
		n := min(r.Last, length)
		return length - n, length - 1, n > 0
	}
	return r.First, min(r.Last, length-1), r.First < length
}

// Whole reports whether the answer to the range is the whole object: the last bytes of an empty one are all it has,
// without a 206.
func (r Range) Whole(length int64) bool { return r.Suffix && r.Last > 0 && length == 0 }

// ContentRange is a Content-Range header.
func ContentRange(first, last, length int64) string {
	return "bytes " + strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10) + "/" + strconv.FormatInt(length,
		10)
}

// ParseContentRange reads "bytes first-last/total".
func ParseContentRange(v string) (first, last, total int64, ok bool) {
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
