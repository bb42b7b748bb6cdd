package policy

import (
	"strconv"
	"strings"
	"time"
)

// checkWriteConditions holds the shapes of section 6.2 for PutObject, CopyObject and
// CompleteMultipartUpload: one condition, If-None-Match with *, If-Match with one ETag.
func checkWriteConditions(d *digest) *Refusal {
	if d.present&(1<<hIfMatch|1<<hIfNoneMatch) == 0 {
		return nil
	}
	switch {
	case d.has(hIfMatch) && d.has(hIfNoneMatch):
		return conditionRefused("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
	case d.has(hIfNoneMatch) && d.header(hIfNoneMatch) != "*":
		return conditionRefused("If-None-Match",
			"We don't accept the provided value of If-None-Match header for this API")
	case d.has(hIfMatch) && !oneETag(d.header(hIfMatch)):
		return conditionRefused("If-Match", "We don't accept the provided value of If-Match header for this API")
	}
	return nil
}

func conditionRefused(header, why string) *Refusal {
	return refuse("6.2", codeNotImplemented, notImplementedText, "Header", header, "additionalMessage", why)
}

// oneETag reports whether value is a single ETag, quoted or bare, and no star.
func oneETag(value string) bool {
	bare := strings.TrimSpace(value)
	if len(bare) >= 2 && bare[0] == '"' && bare[len(bare)-1] == '"' {
		bare = bare[1 : len(bare)-1]
	}
	return bare != "" && bare != "*" && !strings.ContainsAny(bare, "\",")
}

// checkDeleteConditions holds the shapes of DeleteObject's conditions: If-Match takes an ETag or *, the
// other two a size and an HTTP date.
func checkDeleteConditions(d *digest) *Refusal {
	if v := d.header(hIfMatch); d.has(hIfMatch) && v != "*" && !oneETag(v) {
		return conditionRefused("If-Match", "We don't accept the provided value of If-Match header for this API")
	}
	if v := d.header(hIfMatchSize); d.has(hIfMatchSize) {
		if _, ok := naturalNumber(v); !ok {
			return invalidArgument("6.2", headerNames[hIfMatchSize], v,
				"The value of x-amz-if-match-size must be a size in bytes.")
		}
	}
	return checkDate(d, hIfMatchModified)
}

func checkDate(d *digest, id headerID) *Refusal {
	if !d.has(id) {
		return nil
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC, time.RFC3339} {
		if _, err := time.Parse(layout, d.header(id)); err == nil {
			return nil
		}
	}
	return invalidArgument("6.2", headerNames[id], d.header(id), "The value of "+headerNames[id]+
		" must be an HTTP date.")
}

// naturalNumber reads decimal digits and nothing else.
func naturalNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && s[0] != '+' && s[0] != '-'
}

// WriteOffset returns the offset of an append, a PutObject with x-amz-write-offset-bytes; appends is
// false for any other PutObject. CheckRequest has refused offsets that are no numbers.
func (r *Request) WriteOffset() (offset int64, appends bool) {
	d := r.inspect()
	if !d.has(hWriteOffset) {
		return 0, false
	}
	offset, _ = naturalNumber(d.header(hWriteOffset))
	return offset, true
}

func checkWriteOffset(d *digest) *Refusal {
	if !d.has(hWriteOffset) {
		return nil
	}
	if v := d.header(hWriteOffset); v == "" || !isNatural(v) {
		return invalidArgument("6.3", headerNames[hWriteOffset], v, "The write offset must be a number of bytes.")
	}
	return nil
}

func isNatural(v string) bool {
	_, ok := naturalNumber(v)
	return ok
}

// refuseConditions refuses conditions on the object for an operation that has none: ignored, they would be a promise
// that isn't kept.
func refuseConditions(d *digest) *Refusal {
	for _, id := range [...]headerID{hIfMatch, hIfNoneMatch} {
		if d.has(id) {
			return headerNotImplemented(updateHeaders, headerNames[id])
		}
	}
	return nil
}
