package access

import (
	"bytes"
	"net"
	"strings"
	"unicode/utf8"

	"sealfront/policy"
	"sealfront/proxy/s3"
)

// accountHeader comes with every call of S3 Control and with no request of S3's.
const accountHeader = "x-amz-account-id"

// locate finds bucket and key in Host and path. A Host below one of our domains is virtual-host style; any
// other, an address above all, is path style. Calls of S3 Control are known by their path; below one of our domains, where SDKs
// put the account in front of the endpoint's name and the same path may be an object's, by their header, too.
func (x *Grant) locate() error {
	path := x.Message.Path
	if len(path) == 0 || path[0] != '/' {
		return s3.Refuse("InvalidURI", "Couldn't parse the specified URI.", "URI", strings.ToValidUTF8(string(path), "\uFFFD"))
	}
	decoded, ok := s3.Unescape(path[1:])
	if !ok || !utf8.ValidString(decoded) || strings.IndexByte(decoded, 0) >= 0 {
		return s3.Refuse("InvalidURI", "Couldn't parse the specified URI.", "URI", strings.ToValidUTF8(string(path), "\uFFFD"))
	}
	bucket, ofHost := x.hostBucket()
	if x.Control, ok = policy.ParseControl(decoded); ok && (!ofHost || x.Bytes(accountHeader) != nil) {
		x.Bucket = x.Control.Bucket()
		return nil
	}
	x.Control = policy.Control{}
	if ofHost {
		x.Bucket, x.Key = bucket, decoded
		return nil
	}
	key, slash := "", false
	bucket, key, slash = strings.Cut(decoded, "/")
	if bucket == "" && slash {
		// "//…": no bucket, but a path.
		return s3.Refuse("InvalidBucketName", "The specified bucket is not valid.", "BucketName", "")
	}
	x.Bucket, x.Key = bucket, key
	// The JavaScript SDK doubles the slash for IP endpoints; the signature covers the path as it came. What
	// other clients call "/key" stays that.
	if strings.HasPrefix(key, "/") && policy.KindOf(bucket) == policy.Directory {
		if key == "/" || bytes.HasPrefix(x.Bytes("user-agent"), []byte("aws-sdk-js/")) {
			x.Key = key[1:]
		}
	}
	return nil
}

// hostBucket returns the bucket in a virtual-host style Host. Names of hosts have no case and may end in the root's dot (RFC
// 9110 section 4.2.3, RFC 1034 section 3.1); the signature covers the header as it came.
func (x *Grant) hostBucket() (string, bool) {
	host := s3.View(x.Bytes("host"))
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(host, ".")
	for _, domain := range x.c.o.Domains {
		if strings.EqualFold(host, domain) {
			return "", false
		}
		dot := len(host) - len(domain) - 1
		if dot > 0 && host[dot] == '.' && strings.EqualFold(host[dot+1:], domain) {
			return strings.Clone(strings.ToLower(host[:dot])), true
		}
	}
	return "", false
}
