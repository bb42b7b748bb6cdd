package sigv4

import "crypto/sha256"

// algorithm names the only mechanism this package knows.
const algorithm = "AWS4-HMAC-SHA256"

// emptyHash is the SHA-256 of nothing.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// appendStringToSign appends the string to sign of a request. scope is date/region/service/aws4_request.
// Source: HDR, "Task 2: Create a String to Sign".
func appendStringToSign(dst []byte, timestamp, scope, canonicalRequest []byte) []byte {
	dst = append(dst, algorithm...)
	dst = append(dst, '\n')
	dst = append(dst, timestamp...)
	dst = append(dst, '\n')
	dst = append(dst, scope...)
	dst = append(dst, '\n')
	h := sha256.Sum256(canonicalRequest)
	return appendHex(dst, &h)
}
