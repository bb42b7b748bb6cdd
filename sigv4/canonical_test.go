package sigv4_test

import (
	"strings"
	"testing"

	"sealfront/sigv4"
)

// canonicalOf returns the canonical request of a header-signed message, as a mismatch shows it.
func canonicalOf(t *testing.T, m *sigv4.Message) []string {
	t.Helper()
	_, err := verify(testVerifier(), m, "another secret", "s3")
	if code(err) != "SignatureDoesNotMatch" {
		t.Fatal(err)
	}
	return strings.Split(element(err, "CanonicalRequest"), "\n")
}

func TestCanonicalURI(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"double slashes, dots and a trailing slash stay", "/a//b/./c/../d/", "/a//b/./c/../d/"},
		{"reserved characters are encoded", "/test$file.text", "/test%24file.text"},
		{"encoded once, not twice", "/a%20b/c%2Bd//e", "/a%20b/c%2Bd//e"},
		{"a plus sign is one", "/a+b", "/a%2Bb"},
		{"unreserved characters are never encoded", "/%41%7e%2D%2e%5F", "/A~-._"},
		{"hexadecimal digits become upper case", "/%c3%a9", "/%C3%A9"},
		{"an encoded slash becomes one", "/a%2Fb", "/a/b"},
		{"raw bytes above 127 are encoded", "/\xc3\xa9\xff", "/%C3%A9%FF"},
		{"an empty path is a slash", "", "/"},
		{"a bucket in the path is part of it, also with a doubled slash", "/bucket//key", "/bucket//key"},
		{"percent sign encoded", "/100%25", "/100%25"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := signed(t, "GET", "/")
			m.Path = []byte(c.path)
			if got := canonicalOf(t, m)[1]; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCanonicalQuery(t *testing.T) {
	for _, c := range []struct{ name, query, want string }{
		{"no value", "session", "session="},
		{"no value but an equals sign", "session=", "session="},
		{"sorted by bytes, upper case first", "x-id=1&X-Amz-A=2&delete", "X-Amz-A=2&delete=&x-id=1"},
		{"sorted by encoded name", "a~=1&a%C3%A9=2", "a%C3%A9=2&a~=1"},
		{"duplicate names sorted by value", "a=2&a=1&a", "a=&a=1&a=2"},
		{"a longer name comes after its prefix", "ab=1&a=2&a-b=3", "a=2&a-b=3&ab=1"},
		{"slash and colon in values are encoded", "prefix=a/b:c", "prefix=a%2Fb%3Ac"},
		{"an encoded value is encoded once", "prefix=a%2Fb%20c", "prefix=a%2Fb%20c"},
		{"plus is a space", "prefix=a+b", "prefix=a%20b"},
		{"encoded plus stays one", "prefix=a%2Bb", "prefix=a%2Bb"},
		{"empty segments are dropped", "a=1&&b=2&", "a=1&b=2"},
		{"equals sign in a value", "a=b=c", "a=b%3Dc"},
		{"empty name", "=a", "=a"},
		{"nothing", "", ""},
		{"ampersands alone", "&&", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := signed(t, "GET", "/")
			m.Query = []byte(c.query)
			if got := canonicalOf(t, m)[2]; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCanonicalHeaders(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		want    string
	}{
		{"name lower case, value trimmed", []string{"X-Amz-Meta-A: \t v \t "}, "x-amz-meta-a:v"},
		{"a run of spaces becomes one", []string{"x-amz-meta-a: a   b  c d"}, "x-amz-meta-a:a b c d"},
		{
			"the same header twice is joined in order of appearance", []string{
				"x-amz-meta-a: b", "X-AMZ-META-A: a", "x-amz-meta-a:c",
			}, "x-amz-meta-a:b,a,c",
		},
		{"empty value", []string{"x-amz-meta-a:"}, "x-amz-meta-a:"},
		{"bytes above 127 stay", []string{"x-amz-meta-a: \xc3\xa9"}, "x-amz-meta-a:\u00e9"},
		{"host with its port as sent", []string{"x-amz-meta-a: 1"}, "host:bucket.example.com:8443"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := request(t, "GET", "/", c.headers...)
			set(m, "Host", "bucket.example.com:8443")
			signedAt(now, m, "s3")
			if got := canonicalOf(t, m); !strings.Contains("\n"+strings.Join(got[3:], "\n"), "\n"+c.want+"\n") {
				t.Errorf("got %q, want %q", got[3:], c.want)
			}
			if _, err := verify(testVerifier(), m, exampleSecret, "s3"); err != nil {
				t.Error(err)
			}
		})
	}
}

// handSigned signs a canonical request that a test wrote itself.
func handSigned(m *sigv4.Message, canonicalRequest, signedHeaders string) *sigv4.Message {
	stringToSign := "AWS4-HMAC-SHA256\n20261123T070000Z\n20261123/us-west-2/s3/aws4_request\n" +
		hexOf(sha256Of([]byte(canonicalRequest)))
	key := []byte("AWS4" + exampleSecret)
	for _, part := range []string{"20261123", "us-west-2", "s3", "aws4_request"} {
		key = hmacOf(key, part)
	}
	set(m, "Authorization", "AWS4-HMAC-SHA256 Credential="+exampleKey+
		"/20261123/us-west-2/s3/aws4_request, SignedHeaders="+
		signedHeaders+", Signature="+hexOf2(hmacOf(key, stringToSign)))
	return m
}

func TestSecondReadings(t *testing.T) {
	const tail = "host:bucket.example.com\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:20261123T070000Z\n"
	const names = "host;x-amz-content-sha256;x-amz-date"
	base := func(target string, headers ...string) *sigv4.Message {
		return request(t, "GET", target, append([]string{
			"x-amz-content-sha256: UNSIGNED-PAYLOAD", "x-amz-date: 20261123T070000Z",
		}, headers...)...)
	}
	testRows(t, []row{
		{
			name:    "an encoded slash in the key, signed as a slash",
			request: handSigned(base("/a%2Fb"), "GET\n/a/b\n\n"+tail+"\n"+names+"\nUNSIGNED-PAYLOAD", names),
		},
		{
			name:    "an encoded slash in the key, signed as received",
			request: handSigned(base("/a%2Fb"), "GET\n/a%2Fb\n\n"+tail+"\n"+names+"\nUNSIGNED-PAYLOAD", names),
		},
		{
			name: "neither", request: handSigned(base("/a%2Fb"), "GET\n/a%252Fb\n\n"+tail+"\n"+names+
				"\nUNSIGNED-PAYLOAD", names), code: "SignatureDoesNotMatch",
		},
		{
			name: "a run of spaces, signed as one",
			request: handSigned(base("/", "cache-control: a   b"), "GET\n/\n\ncache-control:a b\n"+tail+
				"\ncache-control;"+names+"\nUNSIGNED-PAYLOAD", "cache-control;"+names),
		},
		{
			name: "a run of spaces, signed as received",
			request: handSigned(base("/", "cache-control: a   b"), "GET\n/\n\ncache-control:a   b\n"+tail+
				"\ncache-control;"+names+"\nUNSIGNED-PAYLOAD", "cache-control;"+names),
		},
		{
			name: "a run of spaces that was another",
			request: handSigned(base("/", "cache-control: a   b"), "GET\n/\n\ncache-control:a  b\n"+tail+
				"\ncache-control;"+names+"\nUNSIGNED-PAYLOAD", "cache-control;"+names), code: "SignatureDoesNotMatch",
		},
		{name: "a path with a raw line feed is never tried as received", request: func() *sigv4.Message {
			m := handSigned(base("/"), "GET\n/a\nb\n\n"+tail+"\n"+names+"\nUNSIGNED-PAYLOAD", names)
			m.Path = []byte("/a\nb")
			return m
		}(), code: "SignatureDoesNotMatch"},
		{
			name: "a listed header that is absent counts as empty",
			request: handSigned(base("/"), "GET\n/\n\ncache-control:\n"+tail+"\ncache-control;"+names+
				"\nUNSIGNED-PAYLOAD", "cache-control;"+names),
		},
		{
			name: "a listed header that was removed",
			request: handSigned(base("/"), "GET\n/\n\ncache-control:no-cache\n"+tail+"\ncache-control;"+names+
				"\nUNSIGNED-PAYLOAD", "cache-control;"+names), code: "SignatureDoesNotMatch",
		},
		{
			name: "SignedHeaders not sorted",
			request: handSigned(base("/"), "GET\n/\n\n"+tail+"\n"+names+"\nUNSIGNED-PAYLOAD",
				"x-amz-date;host;x-amz-content-sha256"),
		},
		{
			name:    "SignedHeaders doubled",
			request: handSigned(base("/"), "GET\n/\n\n"+tail+"\n"+names+"\nUNSIGNED-PAYLOAD", names+";host"),
		},
		{
			name:    "SignedHeaders in upper case",
			request: handSigned(base("/"), "GET\n/\n\n"+tail+"\n"+names+"\nUNSIGNED-PAYLOAD", strings.ToUpper(names)),
		},
	})
}
