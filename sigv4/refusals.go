package sigv4

import "encoding/hex"

// The refusals below rest on what only the caller knows: its keys, its sessions, the bodies that it hashed. They stand
// here so that all of S3's words about authentication are in one place. Source: Error responses.

// AccessDenied is what an anonymous request gets, and whoever else may learn no more.
func AccessDenied() *Error { return refuse("AccessDenied", "Access Denied") }

// InvalidAccessKeyID is the refusal of an access key id that nobody has.
func InvalidAccessKeyID(id []byte) *Error {
	return refuse("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.",
		Element{"AWSAccessKeyId", text(id)})
}

// InvalidToken is the refusal of a token that can't be opened, or doesn't belong to the access key id.
func InvalidToken(token []byte) *Error {
	return refuse("InvalidToken", "The provided token is malformed or otherwise invalid.",
		Element{"Token-0", text(token)})
}

// ExpiredToken is the refusal of a token whose time is over.
func ExpiredToken(token []byte) *Error {
	return refuse("ExpiredToken", "The provided token has expired.", Element{"Token-0", text(token)})
}

// MissingSecurityHeader is the refusal of a request without a header that its operation needs.
func MissingSecurityHeader(name string) *Error {
	return refuse("MissingSecurityHeader", "Your request was missing a required header",
		Element{"MissingHeaderName", name})
}

// BadChecksum is the refusal of a body whose checksum isn't the one in its header or trailer. algorithm is S3's name,
// CRC32 for instance.
func BadChecksum(algorithm string) *Error {
	return refuse("BadDigest", "The "+algorithm+" you specified did not match the calculated checksum.")
}

// BadContentMD5 is the refusal of a body whose MD5 isn't Content-MD5.
func BadContentMD5(expected, calculated []byte) *Error {
	return refuse("BadDigest", "The Content-MD5 you specified did not match what we received.",
		Element{"ExpectedDigest", hex.EncodeToString(expected)}, Element{
			"CalculatedDigest", hex.EncodeToString(calculated),
		})
}

// InvalidContentMD5 is the refusal of a Content-MD5 that isn't the base64 of 16 bytes.
func InvalidContentMD5(value []byte) *Error {
	return refuse("InvalidDigest", "The Content-MD5 you specified was invalid.", Element{"Content-MD5", text(value)})
}

func incompleteBody() error { return refuse("IncompleteBody", terminatedEarly) }
