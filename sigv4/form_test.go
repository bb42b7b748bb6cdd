package sigv4_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"sealfront/sigv4"
)

// formFields makes fields of lines "name: value".
func formFields(lines string) (fields []sigv4.Field) {
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\n"), ":")
		fields = append(fields, sigv4.Field{Name: []byte(name), Value: []byte(strings.TrimPrefix(value, " "))})
	}
	return fields
}

func TestFormVector(t *testing.T) {
	vector := parseVector(t, testFiles(t, "vectors")["v8-form-post"])
	fields := formFields(vector.head)
	v := vector.verifier(t)
	var a sigv4.Authentication
	if err := v.ReadForm(fields, &a, "s3"); err != nil {
		t.Fatal(err)
	}
	if err := v.CheckForm(&a, vector.setting("secret")); err != nil {
		t.Fatal(err)
	}
	if a.Kind != sigv4.Form || string(a.AccessKeyID) != exampleKey ||
		string(a.Signature) != vector.setting("signature") {
		t.Errorf("%s %s %s", a.Kind, a.AccessKeyID, a.Signature)
	}
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	if got := sigv4.NewSigner("us-east-1", "s3").SignForm(a.Policy(), &c, a.Time); got != vector.setting("signature") {
		t.Errorf("SignForm: %s", got)
	}
	err := v.CheckForm(&a, "another")
	checkError(t, err, "SignatureDoesNotMatch", "", map[string]string{
		"StringToSign": string(a.Policy()), "CanonicalRequest": "",
	})

	p, err := sigv4.ParsePolicyDocument(a.Policy())
	if err != nil {
		t.Fatal(err)
	}
	if !p.Expiration.Equal(time.Date(2015, 12, 30, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("expiration %s", p.Expiration)
	}
	then := p.Expiration.Add(-time.Hour)
	if err := p.Check(fields, vector.setting("bucket"), then); err != nil {
		t.Error(err)
	}
	checkError(t, p.Check(fields, "another", then), "AccessDenied",
		`Invalid according to Policy: Policy Condition failed: ["eq", "$bucket", "sigv4examplebucket"]`, nil)
	checkError(t, p.Check(fields, vector.setting("bucket"), p.Expiration), "AccessDenied",
		"Invalid according to Policy: Policy expired.", nil)
}

// signedForm returns the fields of a form with a policy of these conditions, good for an hour.
func signedForm(conditions, more string) []sigv4.Field {
	policy := base64.StdEncoding.EncodeToString(
		[]byte(`{"expiration": "2026-11-23T08:00:00Z", "conditions": [` + conditions + `]}`))
	c := sigv4.Credentials{AccessKeyID: exampleKey, SecretAccessKey: exampleSecret}
	signature := sigv4.NewSigner("us-west-2", "s3").SignForm([]byte(policy), &c, now)
	return formFields("x-amz-algorithm: AWS4-HMAC-SHA256\nx-amz-credential: " + exampleKey +
		"/20261123/us-west-2/s3/aws4_request\n" +
		"x-amz-date: 20261123T070000Z\npolicy: " + policy + "\nx-amz-signature: " + signature + "\n" + more)
}

func TestReadForm(t *testing.T) {
	const missing = "Bucket POST must contain a field named 'X-Amz-Signature'.  If it is specified, please check the " +
		"order of the fields."
	edit := func(name, value string) []sigv4.Field {
		fields := signedForm("", "key: k")
		for i, f := range fields {
			if string(f.Name) == name {
				if value == "" {
					return append(fields[:i:i], fields[i+1:]...)
				}
				fields[i].Value = []byte(value)
			}
		}
		return fields
	}
	for _, c := range []struct {
		name    string
		fields  []sigv4.Field
		code    string
		message string
	}{
		{"good", signedForm("", "key: k"), "", ""},
		{"an hour old: no skew window", edit("x-amz-date", "20261123T050000Z"), "", ""},
		{"x-amz-signature missing", edit("x-amz-signature", ""), "InvalidArgument", missing},
		{"policy missing", edit("policy", ""), "InvalidArgument", "a field named 'policy'"},
		{
			"x-amz-credential missing", edit("x-amz-credential", ""), "InvalidArgument",
			"a field named 'X-Amz-Credential'",
		},
		{"x-amz-algorithm missing", edit("x-amz-algorithm", ""), "InvalidArgument", "a field named 'X-Amz-Algorithm'"},
		{"x-amz-date missing", edit("x-amz-date", ""), "InvalidArgument", "a field named 'X-Amz-Date'"},
		{
			"another algorithm", edit("x-amz-algorithm", "AWS4-ECDSA-P256-SHA256"), "InvalidArgument",
			"X-Amz-Algorithm only supports",
		},
		{
			"wrong region", edit("x-amz-credential", exampleKey+"/20261123/eu-west-1/s3/aws4_request"),
			"InvalidArgument", "the region 'eu-west-1' is wrong",
		},
		{
			"wrong service", edit("x-amz-credential", exampleKey+"/20261123/us-west-2/ec2/aws4_request"),
			"InvalidArgument", `incorrect service "ec2"`,
		},
		{"malformed credential", edit("x-amz-credential", "x"), "InvalidArgument", "the Credential is mal-formed"},
		{
			"malformed date", edit("x-amz-date", "today"), "InvalidArgument",
			"X-Amz-Date must be in the ISO8601 Long Format",
		},
		{"signature wrong", edit("x-amz-signature", emptyHash), "SignatureDoesNotMatch", ""},
		{"policy changed", edit("policy", "e30="), "SignatureDoesNotMatch", ""},
		{"SigV2", formFields("AWSAccessKeyId: A\nsignature: s\npolicy: p"), "InvalidRequest", unsupported},
		{"anonymous", formFields("key: k"), "AccessDenied", ""},
		{
			"session token and STS token",
			append(signedForm("", ""), formFields("x-amz-s3session-token: a\nx-amz-security-token: b")...),
			"InvalidRequest", "",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := testVerifier()
			var a sigv4.Authentication
			err := v.ReadForm(c.fields, &a, "s3")
			if err == nil {
				err = v.CheckForm(&a, exampleSecret)
			}
			checkError(t, err, c.code, c.message, nil)
		})
	}
	var a sigv4.Authentication
	if err := testVerifier().ReadForm(append(signedForm("", ""), formFields("X-Amz-S3session-Token: t")...), &a,
		"s3"); err != nil || string(a.SessionToken) != "t" {
		t.Errorf("session token: %v, %q", err, a.SessionToken)
	}
	checkError(t, testVerifier().CheckForm(&a, ""), "InvalidAccessKeyId", "", nil)
}

func TestPolicyConditions(t *testing.T) {
	const bucket = `{"bucket": "b"}, ["starts-with", "$x-amz-algorithm", ""], ["starts-with", "$x-amz-credential", ` +
		`""], ["starts-with", "$x-amz-date", ""]`
	for _, c := range []struct {
		name       string
		conditions string
		fields     string
		message    string // "" if allowed
	}{
		{"equal, as an object", `{"key": "k"}`, "key: k", ""},
		{"equal, as a list", `["eq", "$key", "k"]`, "key: k", ""},
		{"not equal", `["eq", "$key", "x"]`, "key: k", `Policy Condition failed: ["eq", "$key", "x"]`},
		{"not equal, as an object", `{"key": "x"}`, "key: k", `Policy Condition failed: ["eq", "$key", "x"]`},
		{"equality minds the case", `{"key": "K"}`, "key: k", "Policy Condition failed"},
		{"names don't", `{"X-AMZ-Meta-A": "1"}, {"key": "k"}`, "key: k\nx-amz-META-a: 1", ""},
		{"begins with", `["starts-with", "$key", "user/"]`, "key: user/a", ""},
		{
			"doesn't begin with", `["starts-with", "$key", "user/"]`, "key: users/a",
			`Policy Condition failed: ["starts-with", "$key", "user/"]`,
		},
		{"anything goes", `["starts-with", "$key", ""]`, "key: k", ""},
		{"operators in any case", `["Starts-With", "$key", "k"]`, "key: k", ""},
		{
			"a list of content types, each with the prefix", `["starts-with", "$Content-Type", "image/"], {"key": "k"}`,
			"key: k\nContent-Type: image/png, image/gif", "",
		},
		{
			"a list of content types, one without", `["starts-with", "$Content-Type", "image/"], {"key": "k"}`,
			"key: k\nContent-Type: image/png,text/html", "Policy Condition failed",
		},
		{
			"a condition on an absent field", `{"key": "k"}, {"acl": "private"}`, "key: k",
			`Policy Condition failed: ["eq", "$acl", "private"]`,
		},
		{
			"an extra field", `{"key": "k"}`, "key: k\nacl: private\nx-amz-meta-a: 1",
			"Extra input fields: acl, x-amz-meta-a",
		},
		{"x-ignore- fields", `{"key": "k"}`, "key: k\nx-ignore-this: 1", ""},
		{"a field twice", `["starts-with", "$key", "user/"]`, "key: user/a\nkey: other", "Policy Condition failed"},
		{
			"a field twice, both good", `["starts-with", "$key", "user/"]`, "key: other\nkey: user/a",
			"Extra input fields: key",
		},
		{"the bucket posted to counts, not a field", `{"key": "k"}`, "key: k\nbucket: other", ""},
		{"content-length-range isn't a field", `["content-length-range", 1, 10], {"key": "k"}`, "key: k", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			fields := signedForm(bucket+", "+c.conditions, c.fields)
			var a sigv4.Authentication
			if err := testVerifier().ReadForm(fields, &a, "s3"); err != nil {
				t.Fatal(err)
			}
			p, err := sigv4.ParsePolicyDocument(a.Policy())
			if err != nil {
				t.Fatal(err)
			}
			err = p.Check(fields, "b", now)
			if c.message == "" {
				checkError(t, err, "", "", nil)
			} else {
				checkError(t, err, "AccessDenied", "Invalid according to Policy: "+c.message, nil)
			}
		})
	}
	p, err := sigv4.ParsePolicyDocument(
		[]byte(base64.StdEncoding.EncodeToString([]byte(`{"expiration": "2026-11-23T08:00:00Z", "conditions": []}`))))
	if err != nil {
		t.Fatal(err)
	}
	checkError(t, p.Check(nil, "b", now), "AccessDenied", "Invalid according to Policy: Extra input fields: bucket",
		nil)
}

func TestPolicySize(t *testing.T) {
	parse := func(conditions string) *sigv4.PolicyDocument {
		p, err := sigv4.ParsePolicyDocument(
			[]byte(base64.StdEncoding.EncodeToString(
				[]byte(`{"expiration": "2026-11-23T08:00:00.000Z", "conditions": [` + conditions + `]}`))))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := parse(`["content-length-range", 10, "20"]`)
	if least, most, ok := p.SizeRange(); least != 10 || most != 20 || !ok {
		t.Errorf("range %d to %d, %t", least, most, ok)
	}
	for size, want := range map[int64]string{9: "EntityTooSmall", 10: "", 20: "", 21: "EntityTooLarge"} {
		if err := p.CheckSize(size); code(err) != want {
			t.Errorf("%d: %v", size, err)
		}
	}
	checkError(t, p.CheckSize(21), "EntityTooLarge", "",
		map[string]string{"ProposedSize": "21", "MaxSizeAllowed": "20"})
	checkError(t, p.CheckSize(9), "EntityTooSmall", "", map[string]string{"ProposedSize": "9", "MinSizeAllowed": "10"})
	if err := parse(``).CheckSize(1 << 50); err != nil {
		t.Error(err)
	}
	if err := parse(`["content-length-range", 0, 20], ["content-length-range", 5, 10]`).CheckSize(11); code(
		err) != "EntityTooLarge" {
		t.Errorf("the narrower of two ranges: %v", err)
	}
}

func TestMalformedPolicies(t *testing.T) {
	for name, document := range map[string]string{
		"not JSON":                   `{`,
		"something behind the JSON":  `{"expiration": "2026-11-23T08:00:00Z", "conditions": []} x`,
		"no expiration":              `{"conditions": []}`,
		"no conditions":              `{"expiration": "2026-11-23T08:00:00Z"}`,
		"expiration of another form": `{"expiration": "tomorrow", "conditions": []}`,
		"a scalar condition":         `{"expiration": "2026-11-23T08:00:00Z", "conditions": ["eq"]}`,
		"null for a condition":       `{"expiration": "2026-11-23T08:00:00Z", "conditions": [null]}`,
		"a number as value":          `{"expiration": "2026-11-23T08:00:00Z", "conditions": [{"key": 1}]}`,
		"an object of two": `{"expiration": "2026-11-23T08:00:00Z", "conditions": [{"a": "1", ` +
			`"b": "2"}]}`,
		"an object of none": `{"expiration": "2026-11-23T08:00:00Z", "conditions": [{}]}`,
		"a list of two":     `{"expiration": "2026-11-23T08:00:00Z", "conditions": [["eq", "$key"]]}`,
		"a list of four": `{"expiration": "2026-11-23T08:00:00Z", "conditions": [["eq", "$key", "a",` +
			` "b"]]}`,
		"an unknown operator": `{"expiration": "2026-11-23T08:00:00Z", "conditions": [["ends-with", ` +
			`"$key", "a"]]}`,
		"an operator that is no string": `{"expiration": "2026-11-23T08:00:00Z", "conditions": [[1, "$key", "a"]]}`,
		"a field without dollar":        `{"expiration": "2026-11-23T08:00:00Z", "conditions": [["eq", "key", "a"]]}`,
		"a range the wrong way": `{"expiration": "2026-11-23T08:00:00Z", "conditions": ` +
			`[["content-length-range", 2, 1]]}`,
		"a negative range": `{"expiration": "2026-11-23T08:00:00Z", "conditions": ` +
			`[["content-length-range", -1, 1]]}`,
		"a range of words": `{"expiration": "2026-11-23T08:00:00Z", "conditions": ` +
			`[["content-length-range", "a", "b"]]}`,
		"a range whose end is an object": `{"expiration": "2026-11-23T08:00:00Z", "conditions": ` +
			`[["content-length-range", 1, {}]]}`,
		"conditions that are no list":  `{"expiration": "2026-11-23T08:00:00Z", "conditions": "a"}`,
		"a document that is no object": `[]`,
		"a list instead of the condition": `{"expiration": "2026-11-23T08:00:00Z", "conditions": [[["eq"], "$key",` +
			` "a"]]}`,
	} {
		t.Run(name, func(t *testing.T) {
			p, err := sigv4.ParsePolicyDocument([]byte(base64.StdEncoding.EncodeToString([]byte(document))))
			if code(err) != "InvalidPolicyDocument" || p != nil {
				t.Errorf("%v, %v", p, err)
			}
		})
	}
	if _, err := sigv4.ParsePolicyDocument([]byte("%%%")); code(err) != "InvalidPolicyDocument" {
		t.Errorf("no base64: %v", err)
	}
}

func TestFormBoundary(t *testing.T) {
	for contentType, want := range map[string]string{
		"multipart/form-data; boundary=abc":       "abc",
		`Multipart/Form-Data; boundary="a b c"`:   "a b c",
		"multipart/form-data":                     "",
		"application/x-www-form-urlencoded":       "",
		"multipart/mixed; boundary=abc":           "",
		"":                                        "",
		"multipart/form-data; boundary=a; b; c=d": "",
	} {
		got, err := sigv4.FormBoundary([]byte(contentType))
		if got != want || (want == "") != (code(err) == "PreconditionFailed") {
			t.Errorf("%q: %q, %v", contentType, got, err)
		}
		if want == "" && element(err, "Condition") != "Bucket POST must be of the enclosure-type multipart/form-data" {
			t.Errorf("%q: %q", contentType, element(err, "Condition"))
		}
	}
}
