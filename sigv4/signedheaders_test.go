package sigv4_test

import (
	"testing"
	"time"

	"sealfront/sigv4"
)

func TestHeadersThatMustBeSigned(t *testing.T) {
	const text = "There were headers present in the request which were not signed"
	denied := func(name string, m *sigv4.Message, headers string) row {
		return row{
			name: name, request: m, code: "AccessDenied", message: text,
			elements: map[string]string{"HeadersNotSigned": headers},
		}
	}
	// Host is added after signing, and so isn't signed.
	hostless := func(m *sigv4.Message) *sigv4.Message { return added(m, "Host", "bucket.example.com") }
	noHost := func() *sigv4.Message {
		m := request(t, "GET", "/key")
		m.Header = nil
		return m
	}
	presignedWithoutHost := func() *sigv4.Message {
		m := noHost()
		set(m, "X-Other", "1")
		c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
		m.Query = sigv4.NewSigner("us-west-2", "s3").AppendPresigned(nil, m, &c, now, time.Minute)
		return m
	}
	testRows(t, []row{
		denied("host", hostless(signedAt(now, noHost(), "s3")), "host"),
		denied("host that isn't even there", signedAt(now, noHost(), "s3"), "host"),
		denied("host of a presigned request", hostless(presignedWithoutHost()), "host"),
		denied("an x-amz- header", added(signed(t, "GET", "/key"), "X-Amz-Meta-A", "1"), "x-amz-meta-a"),
		denied("an x-amz- header of a presigned request",
			added(presigned(t, now, time.Minute, "/key"), "x-amz-acl", "private"), "x-amz-acl"),
		denied("several, sorted, comma and space between",
			added(added(added(signed(t, "PUT", "/key"), "x-amz-storage-class", "EXPRESS_ONEZONE"), "x-amz-meta-b", "1"),
				"Content-MD5", "x"),
			"content-md5, x-amz-meta-b, x-amz-storage-class"),
		denied("the same header twice is named once",
			added(added(signed(t, "PUT", "/key"), "x-amz-meta-b", "1"), "x-amz-meta-b", "2"), "x-amz-meta-b"),
		denied("content-md5", added(signed(t, "PUT", "/key"), "Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
			"content-md5"),
		denied("if-range when range is signed", added(signed(t, "GET", "/key", "Range: bytes=0-9"), "If-Range", `"x"`),
			"if-range"),
		denied("an STS token", added(signed(t, "GET", "/key"), "X-Amz-Security-Token", "token"),
			"x-amz-security-token"),
		denied("a session token", added(signed(t, "GET", "/key"), "X-Amz-S3session-Token", "token"),
			"x-amz-s3session-token"),
		{
			name:    "if-range when range isn't signed",
			request: added(added(signed(t, "GET", "/key"), "Range", "bytes=0-9"), "If-Range", `"x"`),
		},
		{
			name:    "content-type and user-agent needn't be",
			request: added(added(signed(t, "PUT", "/key"), "Content-Type", "text/plain"), "User-Agent", "x"),
		},
		{name: "x-amzn-trace-id needn't be", request: added(signed(t, "GET", "/key"), "X-Amzn-Trace-Id", "Root=1")},
		{
			name:    "wrong signature and unsigned header: the signature is reported",
			request: replaced(t, added(signed(t, "GET", "/key"), "x-amz-acl", "private"), "Signature=", "Signature=0"),
			code:    "SignatureDoesNotMatch",
		},
	})
}

func TestUnsignedContentSHA256(t *testing.T) {
	const names = "host;x-amz-date"
	const canonical = "GET\n/\n\nhost:bucket.example.com\nx-amz-date:20261123T070000Z\n\n" + names + "\n"
	base := func(hash string) *sigv4.Message {
		return request(t, "GET", "/", "x-amz-content-sha256: "+hash, "x-amz-date: 20261123T070000Z")
	}
	testRows(t, []row{
		{name: "accepted as the payload hash", request: handSigned(base(emptyHash), canonical+emptyHash, names)},
		{
			name: "another than was signed", request: handSigned(base("UNSIGNED-PAYLOAD"), canonical+emptyHash, names),
			code: "SignatureDoesNotMatch",
		},
	})
}

func TestMismatchShowsWhatWasSigned(t *testing.T) {
	m := replaced(t, signed(t, "GET", "/key"), "Signature=", "Signature=f")
	_, err := verify(testVerifier(), m, exampleSecret, "s3")
	checkError(t, err, "SignatureDoesNotMatch",
		"The request signature we calculated does not match the signature you provided. Check your key and signing "+
			"method.",
		map[string]string{
			"AWSAccessKeyId":    exampleKey,
			"SignatureProvided": field(m, "authorization")[len(field(m, "authorization"))-65:],
			"CanonicalRequest": "GET\n/key\n\nhost:bucket.example.com\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:20261123T070000Z\n\n" +
				"host;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD",
		})
	if got := element(err, "StringToSignBytes"); len(got) < 50 ||
		got[:50] != "41 57 53 34 2d 48 4d 41 43 2d 53 48 41 32 35 36 0a" {
		t.Errorf("StringToSignBytes %q", got)
	}
	if got := element(err, "CanonicalRequestBytes"); len(got) < 11 || got[:11] != "47 45 54 0a" {
		t.Errorf("CanonicalRequestBytes %q", got)
	}

	quiet := sigv4.NewVerifier(sigv4.Options{Regions: []string{"us-west-2"}, Now: at(now)})
	_, err = verify(quiet, m, exampleSecret, "s3")
	checkError(t, err, "SignatureDoesNotMatch", "", map[string]string{
		"AWSAccessKeyId": exampleKey, "StringToSign": "", "StringToSignBytes": "",
		"CanonicalRequest": "", "CanonicalRequestBytes": "",
	})
}

func TestAChangedSecretDoesNotVerifyUnderTheOldKey(t *testing.T) {
	v := testVerifier()
	m := signed(t, "GET", "/key")
	for range 3 {
		if _, err := verify(v, m, exampleSecret, "s3"); err != nil {
			t.Fatal(err)
		}
		if _, err := verify(v, m, exampleSecret+"x", "s3"); code(err) != "SignatureDoesNotMatch" {
			t.Fatalf("verified with another secret: %v", err)
		}
	}
}
