package sigv4_test

import (
	"strings"
	"testing"

	"sealfront/sigv4"
)

func TestAuthorizationGrammar(t *testing.T) {
	const three = "The authorization header is malformed; the authorization header requires three components: " +
		"Credential, SignedHeaders, and Signature."
	with := func(old, by string) *sigv4.Message { return replaced(t, signed(t, "GET", "/key"), old, by) }
	whole := func(value string) *sigv4.Message {
		m := signed(t, "GET", "/key")
		set(m, "Authorization", value)
		return m
	}
	good := field(signed(t, "GET", "/key"), "authorization")
	_, attributes, _ := strings.Cut(good, " ")
	parts := strings.Split(attributes, ", ")
	bad := "AuthorizationHeaderMalformed"
	testRows(t, []row{
		{name: "space after the comma is optional", request: whole(strings.ReplaceAll(good, ", ", ","))},
		{name: "more spaces are fine", request: whole(strings.ReplaceAll(good, ", ", "  ,   "))},
		{
			name:    "attributes in another order",
			request: whole("AWS4-HMAC-SHA256 " + parts[2] + ", " + parts[0] + "," + parts[1]),
		},
		{name: "scheme alone", request: whole("AWS4-HMAC-SHA256"), code: bad, message: three},
		{
			name: "attribute missing", request: whole("AWS4-HMAC-SHA256 " + parts[0] + ", " + parts[1]), code: bad,
			message: three,
		},
		{
			name: "Credential missing", request: whole("AWS4-HMAC-SHA256 " + parts[2] + ", " + parts[1]), code: bad,
			message: three,
		},
		{name: "attribute twice", request: whole(good + ", " + parts[2]), code: bad, message: three},
		{
			name:    "attribute twice instead of another",
			request: whole("AWS4-HMAC-SHA256 " + parts[0] + ", " + parts[1] + "," + parts[1]), code: bad,
			message: three,
		},
		{name: "unknown attribute", request: whole(good + ", Foo=bar"), code: bad, message: three},
		{
			name: "unknown attribute instead of another", request: with("Signature=", "Signatur="), code: bad,
			message: three,
		},
		{name: "trailing comma", request: whole(good + ","), code: bad, message: three},
		{
			name: "component without equals sign", request: with("Signature=", "Signature"), code: bad,
			message: "the authorization component \"Signature",
		},
		{
			name:    "empty SignedHeaders",
			request: whole("AWS4-HMAC-SHA256 " + parts[0] + ", SignedHeaders=, " + parts[2]), code: bad,
			message: `The authorization header is malformed; the authorization component "SignedHeaders=" is ` +
				`malformed.`,
		},
		{
			name: "empty Signature", request: whole("AWS4-HMAC-SHA256 " + parts[0] + ", " + parts[1] + ", Signature="),
			code:    bad,
			message: `the authorization component "Signature=" is malformed.`,
		},
		{
			name: "empty Credential", request: whole("AWS4-HMAC-SHA256 Credential=, " + parts[1] + ", " + parts[2]),
			code: bad, message: "missing Credential.",
		},
		{
			name: "credential with too few parts", request: with(exampleKey+"/", ""), code: bad,
			message: `the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".`,
		},
		{
			name: "credential without access key id", request: with(exampleKey, ""), code: bad,
			message: "the Credential is mal-formed",
		},
		{
			name: "wrong date format", request: with("/20261123/", "/2026-11-23/"), code: bad,
			message: `incorrect date format "2026-11-23". This date in the credential must be in the format ` +
				`"yyyyMMdd".`,
		},
		{
			name: "wrong terminal", request: with("aws4_request", "aws5_request"), code: bad,
			message: `incorrect terminal "aws5_request". This endpoint uses "aws4_request".`,
		},
		{
			name: "wrong region", request: with("us-west-2", "eu-west-1"), code: bad,
			message:  "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-west-2'",
			elements: map[string]string{"Region": "us-west-2"},
		},
		{
			name: "wrong service", request: with("/s3/", "/ec2/"), code: bad,
			message: `The authorization header is malformed; incorrect service "ec2". This endpoint belongs to "s3".`,
		},
		{
			name: "credential date is another day", request: with("/20261123/", "/20261122/"), code: bad,
			message: "Invalid credential date. Date is not the same as X-Amz-Date.",
		},
		{
			name: "signature in upper case", request: whole(good[:len(good)-64] + strings.ToUpper(good[len(good)-64:])),
			code: "SignatureDoesNotMatch",
		},
		{name: "signature cut short", request: whole(good[:len(good)-1]), code: "SignatureDoesNotMatch"},
		{name: "signature too long", request: whole(good + "0"), code: "SignatureDoesNotMatch"},
		{name: "malformed grammar comes before the clock", request: func() *sigv4.Message {
			m := with("Signature=", "Signatur=")
			set(m, "X-Amz-Date", "20200101T000000Z")
			return m
		}(), code: bad, message: three},
		{name: "malformed grammar comes before a missing payload hash", request: func() *sigv4.Message {
			m := with("Signature=", "Signatur=")
			set(m, "X-Amz-Content-Sha256", "")
			return m
		}(), code: bad, message: three},
	})
}

func TestSeveralRegionsAndServices(t *testing.T) {
	v := testVerifier()
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	for _, region := range []string{"us-west-2", "us-east-1"} {
		for _, service := range []string{"s3express", "s3"} {
			m := request(t, "GET", "/key", "X-Amz-Content-Sha256: "+emptyHash, "X-Amz-Date: 20261123T070000Z")
			set(m, "Authorization", string(sigv4.NewSigner(region, service).AppendAuthorization(nil, m, &c, now)))
			a, err := verify(v, m, exampleSecret, "s3express", "s3")
			if err != nil || string(a.Region) != region || string(a.Service) != service ||
				string(a.Date) != "20261123" ||
				string(a.AccessKeyID) != exampleKey || string(a.Scope) != "20261123/"+region+"/"+service+
				"/aws4_request" || !a.Time.Equal(now) {
				t.Errorf("%s %s: %v, %s %s %s %s", region, service, err, a.AccessKeyID, a.Date, a.Region, a.Service)
			}
		}
	}
	_, err := verify(v, signedAt(now, request(t, "GET", "/"), "ec2"), exampleSecret, "s3express", "s3")
	checkError(t, err, "AuthorizationHeaderMalformed", `incorrect service "ec2". This endpoint belongs to "s3express".`,
		nil)
}

func TestAccessKeyIDWithSlashes(t *testing.T) {
	m := request(t, "GET", "/key", "X-Amz-Content-Sha256: "+emptyHash, "X-Amz-Date: 20261123T070000Z")
	c := sigv4.Credentials{AccessKeyID: "team/app/1", SecretAccessKey: "secret"}
	set(m, "Authorization", string(sigv4.NewSigner("us-west-2", "s3").AppendAuthorization(nil, m, &c, now)))
	a, err := verify(testVerifier(), m, "secret", "s3")
	if err != nil || string(a.AccessKeyID) != "team/app/1" {
		t.Errorf("%v, %q", err, a.AccessKeyID)
	}
}

func TestServicesOtherThanS3NeedNoContentSHA256(t *testing.T) {
	body := []byte(`{"KeyId":"alias/a"}`)
	sum := sha256Of(body)
	m := request(t, "POST", "/", "X-Amz-Target: TrentService.DescribeKey", "X-Amz-Date: 20261123T070000Z",
		"X-Amz-Content-Sha256: "+hexOf(sum))
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	authorization := sigv4.NewSigner("us-west-2", "kms").AppendAuthorization(nil, m, &c, now)
	set(m, "X-Amz-Content-Sha256", "")
	m2 := clone(m) // signed without the header: the hash is the body's all the same
	set(m2, "Authorization", string(authorization))
	v := testVerifier()
	var a sigv4.Authentication
	if err := v.Read(m2, &a, "kms"); err != nil || a.Payload != sigv4.PayloadBody {
		t.Fatalf("%v, %s", err, a.Payload)
	}
	a.SetPayloadHash(sum)
	if err := v.Check(m2, &a, exampleSecret); code(err) != "SignatureDoesNotMatch" ||
		!strings.HasSuffix(element(err, "CanonicalRequest"), hexOf(sum)) {
		t.Errorf("canonical request does not end with the body's hash: %v", err)
	}
	set(m2, "Authorization", strings.Replace(string(authorization), "/kms/", "/sqs/", 1))
	checkError(t, v.Read(m2, &a, "kms"), "AuthorizationHeaderMalformed", `This endpoint belongs to "kms".`, nil)
}
