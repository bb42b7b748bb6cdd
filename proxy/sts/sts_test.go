package sts_test

import (
	"encoding/xml"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/sts"
)

const version = "&Version=2011-06-15"

func TestParametersAreReadInOneWay(t *testing.T) {
	for name, c := range map[string]struct{ query, form, want string }{
		"a form":                      {"", "Action=GetCallerIdentity" + version, ""},
		"a query":                     {"Action=GetCallerIdentity" + version, "", ""},
		"half and half":               {"Action=GetCallerIdentity", version[1:], ""},
		"a presigned query":           {"Action=GetCallerIdentity" + version + "&X-Amz-Date=x&X-Amz-Signature=y", "", ""},
		"no action":                   {"", version[1:], sts.MissingAction},
		"nothing":                     {"", "", sts.MissingAction},
		"an unknown action":           {"", "Action=Assume" + version, sts.InvalidAction},
		"another version":             {"", "Action=AssumeRole&Version=2010-01-01", sts.InvalidAction},
		"no version":                  {"", "Action=AssumeRole", sts.InvalidAction},
		"an action that isn't served": {"", "Action=GetSessionToken" + version, sts.InvalidAction},
		"twice in the form":           {"", "Action=AssumeRole&Action=GetCallerIdentity" + version, sts.ValidationError},
		"twice, here and there":       {"Action=AssumeRole", "Action=GetCallerIdentity" + version, sts.ValidationError},
		"an unknown parameter":        {"", "Action=GetCallerIdentity&X=1" + version, sts.ValidationError},
		"managed policies":            {"", "Action=AssumeRole&PolicyArns.member.1.arn=x" + version, sts.ValidationError},
		"tags":                        {"", "Action=AssumeRole&Tags.member.1.Key=x" + version, sts.ValidationError},
		"a wrong escape":              {"", "Action=%zz" + version, "MalformedQueryString"},
		"a semicolon":                 {"", "Action=AssumeRole;Version=2011-06-15", "MalformedQueryString"},
		"no UTF-8":                    {"", "Action=AssumeRole&RoleArn=\xff" + version, "MalformedQueryString"},
	} {
		call, err := sts.Parse(c.query, c.form)
		if code := codeOf(err); code != c.want || c.want == "" && call.Action != "GetCallerIdentity" {
			t.Errorf("%s: %q, want %q", name, code, c.want)
		}
	}
	if call, err := sts.Parse("", "Action=GetSessionToken"+version); call.Action != "GetSessionToken" ||
		!strings.Contains(err.Message, "GetSessionToken is not served here") {
		t.Errorf("%+v, %v", call, err)
	}
}

func codeOf(err *sts.Error) string {
	if err == nil {
		return ""
	}
	return err.Code
}

func TestMentions(t *testing.T) {
	for query, want := range map[string]bool{
		"Action=x" + version: true, "a=b&Action=x" + version: true, "Action=x": false, version[1:]: false, "": false,
		"list-type=2": false, "xAction=x" + version: false,
	} {
		if sts.Mentions(query) != want {
			t.Errorf("%q: %t", query, !want)
		}
	}
}

func TestAssumptions(t *testing.T) {
	good := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {"arn:aws:iam::123456789012:role/a"},
		"RoleSessionName": {"web-1@x"}, "WebIdentityToken": {"token"}, "DurationSeconds": {"900"}, "Policy": {"{}"},
	}
	read := func(change map[string]string) (*sts.Assumption, *sts.Error) {
		values := url.Values{}
		for name, v := range good {
			values[name] = v
		}
		for name, v := range change {
			if values.Set(name, v); v == "-" {
				values.Del(name)
			}
		}
		call, err := sts.Parse("", values.Encode())
		if err != nil {
			t.Fatal(err)
		}
		return call.Assumption()
	}
	a, err := read(nil)
	if err != nil || a.RoleARN != good.Get("RoleArn") || a.SessionName != "web-1@x" || a.Token != "token" ||
		a.Duration != 15*time.Minute || a.Policy != "{}" {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = read(map[string]string{"DurationSeconds": "-", "Policy": "-"}); err != nil || a.Duration != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	for name, c := range map[string]struct {
		change map[string]string
		want   string // in the message
	}{
		"no role": {
			map[string]string{"RoleArn": "-"}, "Value null at 'roleArn' failed to satisfy constraint: Member must not",
		},
		"a short role": {
			map[string]string{"RoleArn": "role"}, "length greater than or equal to 20",
		},
		"a user":         {map[string]string{"RoleArn": "arn:aws:iam::123456789012:user/a"}, "is invalid"},
		"no name":        {map[string]string{"RoleSessionName": "-"}, "'roleSessionName'"},
		"a short name":   {map[string]string{"RoleSessionName": "a"}, "Value 'a' at 'roleSessionName'"},
		"a long name":    {map[string]string{"RoleSessionName": strings.Repeat("a", 65)}, "less than or equal to 64"},
		"a space":        {map[string]string{"RoleSessionName": "a b"}, `regular expression pattern: [\w+=,.@-]*`},
		"a slash":        {map[string]string{"RoleSessionName": "a/b"}, "regular expression"},
		"no token":       {map[string]string{"WebIdentityToken": "-"}, "'webIdentityToken'"},
		"a long token":   {map[string]string{"WebIdentityToken": strings.Repeat("s", 20_001)}, "Value '***' at"},
		"a long policy":  {map[string]string{"Policy": strings.Repeat(" ", 2049)}, "'policy'"},
		"no number":      {map[string]string{"DurationSeconds": "1h"}, "DurationSeconds"},
		"too short":      {map[string]string{"DurationSeconds": "899"}, "greater than or equal to 900"},
		"too long":       {map[string]string{"DurationSeconds": "43201"}, "less than or equal to 43200"},
		"an empty value": {map[string]string{"Policy": ""}, "'policy'"},
	} {
		_, err := read(c.change)
		if codeOf(err) != sts.ValidationError || !strings.Contains(err.Message, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDocuments(t *testing.T) {
	cause := errors.New("cause")
	for code, want := range map[string]struct {
		status int
		kind   string
	}{
		sts.AccessDenied: {403, "Sender"}, sts.ExpiredTokenException: {400, "Sender"},
		sts.ServiceUnavailable: {503, "Receiver"},
	} {
		err := sts.Refuse(code, "not %s", "<now>").Because(cause)
		var doc struct {
			XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
			Error     struct{ Type, Code, Message string }
			RequestID string `xml:"RequestId"`
		}
		if e := xml.Unmarshal(err.Document("ID"), &doc); e != nil {
			t.Fatal(e)
		}
		if doc.Error.Type != want.kind || doc.Error.Code != code || doc.Error.Message != "not <now>" ||
			doc.RequestID != "ID" || err.Status() != want.status || !errors.Is(err, cause) ||
			!strings.Contains(err.Error(), code) {
			t.Errorf("%+v, %d", doc, err.Status())
		}
	}
	got := string(sts.Answer("AssumeRole", "ID", &sts.Assumed{
		User: sts.User{ARN: "arn", ID: "id"}, Credentials: sts.Credentials{"A", "S", "T", sts.Time(time.Unix(0, 0))},
	}))
	const want = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>` +
		`<AssumedRoleUser><Arn>arn</Arn><AssumedRoleId>id</AssumedRoleId></AssumedRoleUser><Credentials>` +
		`<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>` +
		`<Expiration>1970-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult>` +
		`<ResponseMetadata><RequestId>ID</RequestId></ResponseMetadata></AssumeRoleResponse>`
	if strings.TrimPrefix(got, xml.Header) != want {
		t.Errorf("%s", got)
	}
	if got = string(sts.Answer("GetCallerIdentity", "ID",
		sts.Identity{ARN: "a\x01", UserID: "u", Account: "1"})); !strings.Contains(got,
		"<Arn>a\uFFFD</Arn><UserId>u</UserId><Account>1</Account>") {
		t.Errorf("%s", got)
	}
}

// FuzzParse: whatever comes, a call is one of those that are served, or an error.
func FuzzParse(f *testing.F) {
	f.Add("Action=AssumeRole&Version=2011-06-15", "RoleArn=x")
	f.Fuzz(func(t *testing.T, query, form string) {
		call, err := sts.Parse(query, form)
		if err == nil && call.Action != sts.AssumeRole && call.Action != sts.AssumeRoleWithWebIdentity &&
			call.Action != sts.GetCallerIdentity {
			t.Errorf("%+v", call)
		}
		if err != nil {
			err.Document("id")
		} else if a, err := call.Assumption(); (a == nil) == (err == nil) {
			t.Errorf("%+v, %v", a, err)
		}
	})
}
