package sigv4

import "time"

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
	return append(dst, digit(year/1000), digit(year/100), digit(year/10), digit(year), digit(int(month)/10),
		digit(int(month)),
		digit(day/10), digit(day), 'T', digit(hour/10), digit(hour), digit(minute/10), digit(minute),
		digit(second/10), digit(second), 'Z')
}

func digit(n int) byte { return byte('0' + n%10) }

// parseTimestamp reads yyyyMMdd'T'HHmmss'Z'; a date that doesn't exist is none.
func parseTimestamp(s []byte) (time.Time, bool) {
	if len(s) != 16 || s[8] != 'T' || s[15] != 'Z' {
		return time.Time{}, false
	}
	var pairs [7]int // century, year in it, month, day, hour, minute, second
	for i := range pairs {
		at := 2 * i
		if i > 3 {
			at++ // after the T
		}
		tens, ones := s[at]-'0', s[at+1]-'0'
		if tens > 9 || ones > 9 {
			return time.Time{}, false
		}
		pairs[i] = int(tens)*10 + int(ones)
	}
	year, month, day, hour, minute, second := pairs[0]*100+pairs[1], pairs[2], pairs[3], pairs[4], pairs[5], pairs[6]
	if month < 1 || month > 12 || day == 0 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	return t, day <= 28 || t.Day() == day // time.Date makes 1 March of 30 February
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

// isDate reports whether s has the form yyyyMMdd.
func isDate(s []byte) bool {
	_, ok := digits(s)
	return ok && len(s) == 8
}
