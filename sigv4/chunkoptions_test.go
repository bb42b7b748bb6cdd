package sigv4_test

import (
	"slices"
	"strings"
	"testing"
)

func TestChunkOptions(t *testing.T) {
	const (
		single       = "Expecting a single x-amz-checksum- header"
		multiple     = "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
		notSupported = "The value specified in the x-amz-trailer header is not supported"
		length       = "You must provide the Content-Length HTTP header."
	)
	for _, c := range []struct {
		name    string
		mode    string
		headers []string
		code    string
		message string
		trailer string
	}{
		{
			"one supported checksum", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc64nvme"},
			"", "",
			"x-amz-checksum-crc64nvme",
		},
		{
			"in upper case", signedTrailer,
			[]string{"X-Amz-Trailer: X-Amz-Checksum-SHA256"},
			"", "",
			"x-amz-checksum-sha256",
		},
		{"none", unsigned, nil, "", "", ""},
		{
			"a comma behind it", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32,"},
			"", "",
			"x-amz-checksum-crc32",
		},
		{
			"two commas behind it", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32,,"},
			"", "",
			"x-amz-checksum-crc32",
		},
		{
			"comma and space behind it", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32, "},
			"", "",
			"x-amz-checksum-crc32",
		},
		{
			"a leading comma", unsigned,
			[]string{"x-amz-trailer: ,x-amz-checksum-crc32"},
			"InvalidRequest",
			notSupported, "",
		},
		{
			"comma, space, comma", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32, ,"},
			"InvalidRequest",
			notSupported, "",
		},
		{"content-md5", unsigned, []string{"x-amz-trailer: content-md5"}, "InvalidRequest", notSupported, ""},
		{
			"x-amz-content-sha256", unsigned,
			[]string{"x-amz-trailer: x-amz-content-sha256"},
			"InvalidRequest",
			notSupported, "",
		},
		{"foo", unsigned, []string{"x-amz-trailer: foo"}, "InvalidRequest", notSupported, ""},
		{
			"an unknown algorithm", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-bad"},
			"InvalidRequest",
			notSupported, "",
		},
		{
			"one good and one bad", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32, x-amz-foo"},
			"InvalidRequest", notSupported, "",
		},
		{
			"two different checksums", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32, x-amz-checksum-sha256"},
			"InvalidRequest", multiple, "",
		},
		{
			"the same name twice", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32, x-amz-checksum-crc32"},
			"InvalidRequest", multiple, "",
		},
		{
			"the header twice", unsigned, []string{
				"x-amz-trailer: x-amz-checksum-crc32", "x-amz-trailer: x-amz-checksum-crc32",
			}, "InvalidRequest", multiple, "",
		},
		{
			"checksum in a header and in the trailer", unsigned, []string{
				"x-amz-trailer: x-amz-checksum-crc32", "x-amz-checksum-crc32: " + crcOfHello,
			}, "InvalidRequest", single, "",
		},
		{
			"another checksum in a header", unsigned, []string{
				"x-amz-trailer: x-amz-checksum-crc32", "x-amz-checksum-sha1: x",
			}, "InvalidRequest", single, "",
		},
		{
			"two checksums in headers and one in the trailer", unsigned, []string{
				"x-amz-trailer: x-amz-checksum-crc32", "x-amz-checksum-sha1: x", "x-amz-checksum-crc32: x",
			}, "InvalidRequest", multiple, "",
		},
		{"checksum header in streaming mode", unsigned, []string{"x-amz-checksum-crc32: " + crcOfHello}, "", "", ""},
		{
			"x-amz-sdk-checksum-algorithm the same", unsigned, []string{
				"x-amz-trailer: x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm: CRC32",
			}, "", "", "x-amz-checksum-crc32",
		},
		{
			"x-amz-sdk-checksum-algorithm another", unsigned,
			[]string{"x-amz-trailer: x-amz-checksum-crc32", "x-amz-sdk-checksum-algorithm: CRC32C"},
			"InvalidRequest",
			"Value for x-amz-sdk-checksum-algorithm header is invalid.", "",
		},
		{
			"announced in a request that isn't streaming", "UNSIGNED-PAYLOAD",
			[]string{"x-amz-trailer: x-amz-checksum-crc32"},
			"MalformedTrailerError", malformed, "",
		},
		{
			"announced in a mode without trailers", signedChunks,
			[]string{"x-amz-trailer: x-amz-checksum-crc32"},
			"MalformedTrailerError", malformed, "",
		},
		{"decoded length missing", unsigned, []string{"-"}, "MissingContentLength", length, ""},
		{
			"decoded length not a number", unsigned,
			[]string{"x-amz-decoded-content-length: 5x"},
			"MissingContentLength", length, "",
		},
		{
			"decoded length negative", unsigned,
			[]string{"x-amz-decoded-content-length: -5"},
			"MissingContentLength", length, "",
		},
		{
			"decoded length far too large", unsigned,
			[]string{"x-amz-decoded-content-length: 99999999999999999999"},
			"MissingContentLength", length, "",
		},
		{
			"decoded length twice", unsigned, []string{
				"x-amz-decoded-content-length: 5", "x-amz-decoded-content-length: 6",
			}, "MissingContentLength", length, "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			headers := append([]string{"x-amz-content-sha256: " + c.mode}, c.headers...)
			if i := slices.Index(headers, "-"); i >= 0 {
				headers = headers[:i]
			} else if !strings.Contains(strings.Join(headers, " "), "decoded") {
				headers = append(headers, "x-amz-decoded-content-length: 5")
			}
			v := testVerifier()
			m := signed(t, "PUT", "/key", headers...)
			a, err := verify(v, m, exampleSecret, "s3")
			if err != nil {
				t.Fatal(err)
			}
			o, err := v.ChunkOptions(m, a)
			checkError(t, err, c.code, c.message, nil)
			if err != nil && strings.TrimPrefix(err.Error(), c.code+": ") != c.message {
				t.Errorf("text %q, want %q", err, c.message)
			}
			if o.Trailer != c.trailer {
				t.Errorf("trailer %q, want %q", o.Trailer, c.trailer)
			}
		})
	}
}

func TestContentLengthThatIsTheDecodedLength(t *testing.T) {
	u := newUpload(t, signedChunks, 173, "Content-Length: 173")
	_, _, err := u.read(strings.NewReader(u.frame("", "hello")))
	checkError(t, err, "IncompleteBody", terminated, nil)
}
