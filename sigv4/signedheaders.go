package sigv4

import "bytes"

// headersNotSigned checks the headers that must be signed when they are there: host, every x-amz-* but
// x-amz-content-sha256 (which is signed as the payload hash), content-md5, and if-range with a signed range.
func (c *canonicalizer) headersNotSigned() error {
	var missing []byte
	host := false
	for i := range c.fields {
		name := c.fields[i].name
		must := false
		switch string(name) {
		case "host":
			host, must = true, true
		case "content-md5":
			must = true
		case "if-range":
			must = c.signs([]byte("range"))
		case "x-amz-content-sha256":
		default:
			must = hasNamePrefix(name, "x-amz-")
		}
		if !must || c.signs(name) || i > 0 && bytes.Equal(name, c.fields[i-1].name) {
			continue
		}
		if missing != nil {
			missing = append(missing, ", "...)
		}
		missing = append(missing, name...)
	}
	if !host && !c.signs([]byte("host")) {
		if missing != nil {
			missing = append(missing, ", "...)
		}
		missing = append(missing, "host"...)
	}
	if missing == nil {
		return nil
	}
	return refuse("AccessDenied", notSigned, Element{"HeadersNotSigned", text(missing)})
}
