package sigv4_test

import (
	"testing"

	"sealfront/sigv4"
)

func TestRefusalsInS3sWords(t *testing.T) {
	for _, c := range []struct {
		err            *sigv4.Error
		want           string
		element, value string
	}{
		{sigv4.AccessDenied(), "AccessDenied: Access Denied", "", ""},
		{
			sigv4.InvalidAccessKeyID([]byte("A\xff\x01")),
			"InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records.", "AWSAccessKeyId",
			"A\ufffd\ufffd",
		},
		{
			sigv4.InvalidToken([]byte("t")), "InvalidToken: The provided token is malformed or otherwise invalid.",
			"Token-0", "t",
		},
		{sigv4.ExpiredToken([]byte("t")), "ExpiredToken: The provided token has expired.", "Token-0", "t"},
		{
			sigv4.MissingSecurityHeader("x-amz-acl"),
			"MissingSecurityHeader: Your request was missing a required header", "MissingHeaderName", "x-amz-acl",
		},
		{
			sigv4.BadChecksum("CRC32"), "BadDigest: The CRC32 you specified did not match the calculated checksum.", "",
			"",
		},
		{
			sigv4.BadContentMD5([]byte{1}, []byte{2}),
			"BadDigest: The Content-MD5 you specified did not match what we received.", "ExpectedDigest", "01",
		},
		{
			sigv4.InvalidContentMD5([]byte("x")), "InvalidDigest: The Content-MD5 you specified was invalid.",
			"Content-MD5", "x",
		},
	} {
		if c.err.Error() != c.want || element(c.err, c.element) != c.value {
			t.Errorf("got %q %q, want %q %q", c.err, element(c.err, c.element), c.want, c.value)
		}
	}
}

func TestContentEncoding(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"nothing left", "aws-chunked", ""},
		{"aws-chunked first", "aws-chunked,gzip", "gzip"},
		{"aws-chunked last", "gzip, aws-chunked", "gzip"},
		{"aws-chunked in the middle", "foo, aws-chunked, bar", "foo, bar"},
		{"in another case", "gzip,AWS-Chunked", "gzip"},
		{"not there", "gzip", "gzip"},
		{"a longer name stays", "aws-chunked2", "aws-chunked2"},
		{"empty elements", ",aws-chunked, ,gzip,", "gzip"},
		{"empty", "", ""},
	} {
		if got := string(sigv4.AppendContentEncoding([]byte("x"), []byte(c.value))); got != "x"+c.want {
			t.Errorf("%s: got %q, want %q", c.name, got[1:], c.want)
		}
	}
}
