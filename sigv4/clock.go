package sigv4

import (
	"bytes"
	"time"
)

const (
	maxSkew    = 15 * time.Minute
	maxExpires = 7 * 24 * time.Hour
	iso8601    = "2006-01-02T15:04:05Z"
)

// AppendTimestamp appends t as X-Amz-Date wants it, yyyyMMdd'T'HHmmss'Z' in UTC: 16 bytes.
func AppendTimestamp(dst []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	dst = appendDigits(dst, year, 4)
	dst = appendDigits(dst, int(month), 2)
	dst = appendDigits(dst, day, 2)
	dst = append(dst, 'T')
	dst = appendDigits(dst, hour, 2)
	dst = appendDigits(dst, minute, 2)
	dst = appendDigits(dst, second, 2)
	return append(dst, 'Z')
}

func appendDigits(dst []byte, n, width int) []byte {
	for divisor := [...]int{1, 10, 100, 1000}[width-1]; divisor > 0; divisor /= 10 {
		dst = append(dst, byte('0'+n/divisor%10))
	}
	return dst
}

// parseTimestamp reads yyyyMMdd'T'HHmmss'Z'; a date that doesn't exist is none.
func parseTimestamp(s []byte) (time.Time, bool) {
	if len(s) != 16 || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	year, ok1 := digits(s[0:4])
	month, ok2 := digits(s[4:6])
	day, ok3 := digits(s[6:8])
	hour, ok4 := digits(s[9:11])
	minute, ok5 := digits(s[11:13])
	second, ok6 := digits(s[13:15])
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	var again [16]byte
	return t, bytes.Equal(AppendTimestamp(again[:0], t), s) // time.Date makes 1 March of 30 February
}

// parseDate reads the Date header: RFC 1123, or ISO 8601 basic as x-amz-date.
func parseDate(s []byte) (time.Time, bool) {
	if t, ok := parseTimestamp(s); ok {
		return t, true
	}
	if len(s) > 40 {
		return time.Time{}, false
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC1123Z} {
		if t, err := time.Parse(layout, string(s)); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func digits(s []byte) (n int, ok bool) {
	for _, b := range s {
		if b-'0' > 9 {
			return 0, false
		}
		n = n*10 + int(b-'0')
	}
	return n, true
}

// isDate tells whether s has the form yyyyMMdd.
func isDate(s []byte) bool {
	_, ok := digits(s)
	return ok && len(s) == 8
}
