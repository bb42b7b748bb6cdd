package memstore

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// writeConditions decides If-Match and If-None-Match of a write or delete against what is there, nil for nothing.
// Source: "Conditional writes".
func (x *exchange) writeConditions(o *object) error {
	if match := x.header("if-match"); match != "" {
		if o == nil {
			return refuse("NoSuchKey")
		}
		if !matches(match, o.etag) {
			return refuse("PreconditionFailed")
		}
	}
	if none := x.header("if-none-match"); none != "" && o != nil && matches(none, o.etag) {
		return refuse("PreconditionFailed")
	}
	return nil
}

// readConditions decides the conditions of a read, whose headers begin with prefix. Source: RFC 9110, 13.2.2. What
// fails because nothing is new is NotModified, for a copy's source too PreconditionFailed.
func (x *exchange) readConditions(o *object, prefix string) error {
	unmodified := refuse("NotModified")
	if prefix != "" {
		unmodified = refuse("PreconditionFailed")
	}
	if match := x.header(prefix + "if-match"); match != "" {
		if !matches(match, o.etag) {
			return refuse("PreconditionFailed")
		}
	} else if t, ok := httpTime(x.header(prefix + "if-unmodified-since")); ok &&
		o.modified.Truncate(time.Second).After(t) {
		return refuse("PreconditionFailed")
	}
	if none := x.header(prefix + "if-none-match"); none != "" {
		if matches(none, o.etag) {
			return unmodified
		}
	} else if t, ok := httpTime(x.header(prefix + "if-modified-since")); ok &&
		!o.modified.Truncate(time.Second).After(t) {
		return unmodified
	}
	return nil
}

// matches reports whether a list of ETags, with quotes or without, or *, names one.
func matches(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || strings.Trim(one, `"`) == strings.Trim(etag, `"`) {
			return true
		}
	}
	return false
}

func httpTime(value string) (time.Time, bool) {
	if value == "" {
		return time.Time{}, false
	}
	t, err := http.ParseTime(value)
	return t, err == nil
}

// byteRange is the part of size bytes that a Range header asks for. part is false for the whole: without a header, and
// when the header is not one range of bytes, as S3 has it.
func byteRange(header string, size int64) (from, n int64, part bool, err error) {
	spec, ok := strings.CutPrefix(header, "bytes=")
	first, last, dash := strings.Cut(spec, "-")
	if !ok || !dash {
		return 0, size, false, nil
	}
	if first == "" {
		suffix, err := strconv.ParseInt(last, 10, 64)
		switch {
		case err != nil || suffix < 0:
			return 0, size, false, nil
		case suffix == 0 || size == 0:
			return 0, 0, false, refuse("InvalidRange")
		}
		n = min(suffix, size)
		return size - n, n, true, nil
	}
	from, err = strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, size, false, nil
	}
	to := size - 1
	if last != "" {
		if to, err = strconv.ParseInt(last, 10, 64); err != nil || to < from {
			return 0, size, false, nil
		}
	}
	if from >= size {
		return 0, 0, false, refuse("InvalidRange")
	}
	return from, min(to, size-1) - from + 1, true, nil
}
