package sigv4

import "bytes"

// maxHoisted bounds the settings taken from a query; S3 knows fewer than fifty that could be there.
const maxHoisted = 64

// EffectiveValue returns the value of an x-amz-* setting of m: that of the header called name (lower case), or of the
// query parameter of that name in any case, which is where presigning clients put headers. ok reports whether either is
// there; of repeated ones the first counts. A header and a parameter with different values are an *Error, as is a
// parameter that no header could hold. The value points into m, unless it had to be decoded.
//
// Source: QRY; aws-sdk-go-v2, AllowedQueryHoisting; Error responses, InvalidRequest.
func EffectiveValue(m *Message, name string) (value []byte, ok bool, err error) {
	value, n := m.header(name)
	for query := m.Query; len(query) > 0; {
		var segment []byte
		segment, query = cut(query, '&')
		parameter, raw := cut(segment, '=')
		if bytes.IndexByte(parameter, '%') >= 0 {
			parameter = appendDecoded(nil, parameter)
		}
		if !equalName(parameter, name) {
			continue
		}
		hoisted := raw
		if bytes.IndexByte(raw, '%') >= 0 || bytes.IndexByte(raw, '+') >= 0 {
			hoisted = appendDecoded(nil, raw)
		}
		switch {
		case n > 0 && !bytes.Equal(value, hoisted):
			return nil, false, refuse("InvalidRequest", conflictingValues)
		case !isHeaderValue(hoisted):
			return nil, false, notHeader()
		}
		return hoisted, true, nil
	}
	return value, n > 0, nil
}

// AppendHoisted appends to fields the x-amz-* settings that m has in its query and not in its header, names in lower
// case, so that everything after it need look at header fields only. The parameters of the signature itself are left
// out; X-Amz-Security-Token and X-Amz-S3session-Token are not. A setting with different values in header and query is
// an *Error. It allocates only if there is something to append. fields may be m.Header[:len(m.Header)].
func AppendHoisted(fields []Field, m *Message) ([]Field, error) {
	own, settings := len(fields), 0
	for query := m.Query; len(query) > 0; {
		var segment []byte
		segment, query = cut(query, '&')
		rawName, rawValue := cut(segment, '=')
		if !hasNamePrefix(rawName, "x-amz-") && bytes.IndexByte(rawName, '%') < 0 {
			continue
		}
		name := appendDecoded(make([]byte, 0, 64), rawName)
		for i, b := range name {
			name[i] = lower(b)
		}
		if !hasNamePrefix(name, "x-amz-") {
			continue
		}
		switch string(name) {
		case "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders",
			"x-amz-signature":
			continue
		}
		if settings++; settings > maxHoisted {
			return nil, refuse("InvalidRequest", "There are too many x-amz- query parameters.")
		}
		setting, value := string(name), appendDecoded(nil, rawValue)
		if !isHeaderList(name) || !isHeaderValue(value) {
			return nil, notHeader()
		}
		known := false
		for i := own; i < len(fields) && !known; i++ {
			known = string(fields[i].Name) == setting // the first of a repeated parameter counts
		}
		for i := range m.Header {
			if !known && equalName(m.Header[i].Name, setting) {
				known = true
				if !bytes.Equal(trim(m.Header[i].Value), value) {
					return nil, refuse("InvalidRequest", conflictingValues)
				}
			}
		}
		if !known {
			fields = append(fields, Field{[]byte(setting), value})
		}
	}
	return fields, nil
}

// isHeaderValue reports whether a decoded parameter can stand where a header's value is expected. One with a line end
// would write headers of its own wherever it is passed on.
func isHeaderValue(s []byte) bool {
	for _, b := range s {
		if b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

func notHeader() error {
	return refuse("InvalidRequest", "A query parameter that stands for a header is not well-formed.")
}
