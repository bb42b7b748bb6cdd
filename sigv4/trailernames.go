package sigv4

// trailers are the trailing headers that exist, with the names of their algorithms and the length of a value's base64
// text.
var trailers = [...]struct {
	name, algorithm string
	length          int
}{
	{"x-amz-checksum-crc32", "crc32", 8},
	{"x-amz-checksum-crc32c", "crc32c", 8},
	{"x-amz-checksum-crc64nvme", "crc64nvme", 12},
	{"x-amz-checksum-sha1", "sha1", 28},
	{"x-amz-checksum-sha256", "sha256", 44},
	{"x-amz-checksum-sha512", "sha512", 88},
	{"x-amz-checksum-md5", "md5", 24},
	{"x-amz-checksum-xxhash64", "xxhash64", 12},
	{"x-amz-checksum-xxhash3", "xxhash3", 12},
	{"x-amz-checksum-xxhash128", "xxhash128", 24},
}

// checksumHeaders counts the algorithms for which there are checksum headers.
func checksumHeaders(header []Field) (n int) {
	for i := range trailers {
		if _, count := first(header, trailers[i].name); count > 0 {
			n++
		}
	}
	return n
}
