package sigv4

// AppendContentEncoding appends the Content-Encoding of what an aws-chunked body holds: value without aws-chunked,
// wherever in the list it stands. Nothing is appended when nothing is left, and then the object has none. It is only
// for payloads that are Chunked: with another one the header is stored as it is, since the body was.
// Source: STR; openstack/swift, test_input_errors.py, measured on AWS.
func AppendContentEncoding(dst, value []byte) []byte {
	start := len(dst)
	for len(value) > 0 {
		var coding []byte
		coding, value = cut(value, ',')
		coding = trim(coding)
		if len(coding) == 0 || equalName(coding, "aws-chunked") {
			continue
		}
		if len(dst) > start {
			dst = append(dst, ", "...)
		}
		dst = append(dst, coding...)
	}
	return dst
}
