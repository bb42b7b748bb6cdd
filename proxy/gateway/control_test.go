package gateway_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3control"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Both kinds of buckets, under every name that an SDK gives the endpoint: the account in front of an address, and of a
// domain below which buckets have hosts of their own.
func TestTagsByS3Control(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "")
	ctx := t.Context()
	client := p.Client(t)
	proxytest.MakeBucket(t, client, "controlled")
	directory := "controlled--local-az1--x-s3"
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + directory, Body: proxytest.TaggedBucketDocument,
		Service: "s3express",
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	for _, name := range []string{"127.0.0.1", "localhost", "s3-control.localhost"} {
		control := p.ControlClient(t, name)
		for _, arn := range []string{
			"arn:aws:s3:::controlled",
			"arn:aws:s3express:us-west-2:" + proxytest.Account + ":bucket/" + directory,
		} {
			list := func(want string) {
				t.Helper()
				out, err := control.ListTagsForResource(ctx,
					&s3control.ListTagsForResourceInput{AccountId: aws.String(proxytest.Account), ResourceArn: &arn})
				if err != nil {
					t.Fatalf("%s at %s: %v", arn, name, err)
				}
				var got []string
				for _, tag := range out.Tags {
					got = append(got, *tag.Key+"="+*tag.Value)
				}
				if strings.Join(got, ", ") != want {
					t.Errorf("%s at %s has the tags %q, want %q", arn, name, got, want)
				}
			}
			tag := func(pairs ...string) {
				t.Helper()
				if _, err := control.TagResource(ctx,
					&s3control.TagResourceInput{
						AccountId: aws.String(proxytest.Account), ResourceArn: &arn,
						Tags: proxytest.ControlTags(pairs...),
					}); err != nil {
					t.Errorf("tag %s at %s: %v", arn, name, err)
				}
			}
			untag := func(keys ...string) {
				t.Helper()
				if _, err := control.UntagResource(ctx,
					&s3control.UntagResourceInput{
						AccountId: aws.String(proxytest.Account), ResourceArn: &arn,
						TagKeys: keys,
					}); err != nil {
					t.Errorf("untag %s at %s: %v", arn, name, err)
				}
			}
			untag("Team")
			list("")
			tag("b", "1", "ä/ö + x", "2", "a", "")
			list("b=1, ä/ö + x=2, a=")
			tag("ä/ö + x", "3", "c", "4")
			list("b=1, ä/ö + x=3, a=, c=4")
			if strings.HasPrefix(arn, "arn:aws:s3:") {
				wantTags(t, p, "controlled", "", "a=&b=1&c=4&%C3%A4%2F%C3%B6+%2B+x=3")
			}
			untag("a", "ä/ö + x", "none")
			list("b=1, c=4")
			untag("b", "c")
			list("")
		}
	}
	// A bucket's host with the same path is an object of the bucket: S3's own requests lack the account.
	host := "controlled.localhost"
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/v20180820/tags/arn", Host: host,
		Body: "body",
	}); a.StatusCode != 200 {
		t.Errorf("an object below the same path: %d %s", a.StatusCode, a.Text)
	}
	proxytest.MustRead(t, client, "controlled", "v20180820/tags/arn", []byte("body"))
}

// What isn't served is MethodNotAllowed, and never an answer about a bucket of that name; every error has the document
// of S3 Control around it.
func TestErrorsOfS3Control(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(),
		`  - {name: guest, access_key: AKIAGUEST, secret_key: guestsecret, policy: []}`)
	proxytest.MakeBucket(t, p.Client(t), "controlled")
	const tags, mine = "/v20180820/tags/", "arn%3Aaws%3As3%3A%3A%3Acontrolled"
	document := func(inner string) string {
		return `<TagResourceRequest xmlns="http://awss3control.amazonaws.com/doc/2018-08-20/"><Tags>` + inner +
			"</Tags></TagResourceRequest>"
	}
	one := func(key, value string) string { return "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>" }
	var many strings.Builder
	for range 51 {
		many.WriteString(one(strings.Repeat("k", many.Len()/40+1), ""))
	}
	for _, c := range []struct {
		name                string
		method, path, query string
		account             string // "-" for none
		body, who           string
		status              int
		code                string
	}{
		{
			"another call of S3 Control", "GET", "/v20180820/configuration/publicAccessBlock", "", "", "", "", 405,
			"MethodNotAllowed",
		},
		{
			"a list of access points", "GET", "/v20180820/accesspoint", "bucket=controlled", "", "", "", 405,
			"MethodNotAllowed",
		},
		{"no call", "GET", "/v20180820/", "", "", "", "", 405, "MethodNotAllowed"},
		{"nothing behind the version", "PUT", "/v20180820", "", "-", "", "", 405, "MethodNotAllowed"},
		{"an object in a bucket of that name", "PUT", "/v20180820/key", "", "-", "", "", 405, "MethodNotAllowed"},
		{"another method", "PUT", tags + mine, "", "", "", "", 405, "MethodNotAllowed"},
		{
			"another kind of resource", "GET", tags + "arn%3Aaws%3As3%3Aus-west-2%3A123456789012%3Aaccesspoint%2Fa", "",
			"", "", "", 405, "MethodNotAllowed",
		},
		{"no ARN", "GET", tags + "controlled", "", "", "", "", 400, "InvalidArgument"},
		{"no resource", "GET", tags, "", "", "", "", 400, "InvalidArgument"},
		{"no account", "GET", tags + mine, "", "-", "", "", 400, "InvalidRequest"},
		{"an account that is none", "GET", tags + mine, "", "me", "", "", 400, "InvalidRequest"},
		{"another account", "GET", tags + mine, "", "210987654321", "", "", 403, "AccessDenied"},
		{
			"a bucket that isn't there", "GET", tags + "arn%3Aaws%3As3%3A%3A%3Aabsent", "", "", "", "", 404,
			"NoSuchResource",
		},
		{
			"a name that no bucket can have", "GET", tags + "arn%3Aaws%3As3%3A%3A%3AAb", "", "", "", "", 404,
			"NoSuchResource",
		},
		{
			"another partition", "GET", tags + "arn%3Aaws-cn%3As3%3A%3A%3Acontrolled", "", "", "", "", 404,
			"NoSuchResource",
		},
		{
			"another account's directory bucket", "POST",
			tags + "arn%3Aaws%3As3express%3Aus-west-2%3A210987654321%3Abucket%2F" + proxytest.DemoBucket, "", "",
			document(""), "", 404, "NoSuchResource",
		},
		{"without a permission", "GET", tags + mine, "", "", "", "guest", 403, "AccessDenied"},
		{
			"tagging without a permission", "POST", tags + mine, "", "", document(one("a", "b")), "guest", 403,
			"AccessDenied",
		},
		{"untagging without a permission", "DELETE", tags + mine, "tagKeys=a", "", "", "guest", 403, "AccessDenied"},
		{"no document", "POST", tags + mine, "", "", "", "", 400, "MalformedXML"},
		{
			"S3's document", "POST", tags + mine, "", "", "<Tagging><TagSet>" + one("a", "b") + "</TagSet></Tagging>", "",
			400, "MalformedXML",
		},
		{
			"a tag without a value", "POST", tags + mine, "", "", document("<Tag><Key>a</Key></Tag>"), "", 400,
			"MalformedXML",
		},
		{
			"a tag without a key", "POST", tags + mine, "", "", document("<Tag><Value>a</Value></Tag>"), "", 400,
			"MalformedXML",
		},
		{"one of AWS's own", "POST", tags + mine, "", "", document(one("aws:a", "b")), "", 400, "InvalidTag"},
		{"one twice", "POST", tags + mine, "", "", document(one("a", "b") + one("a", "c")), "", 400, "InvalidTag"},
		{"a sign that tags lack", "POST", tags + mine, "", "", document(one("a", "b?")), "", 400, "InvalidTag"},
		{
			"a long key", "POST", tags + mine, "", "", document(one(strings.Repeat("ä", 129), "b")), "", 400,
			"InvalidTag",
		},
		{"more than fifty", "POST", tags + mine, "", "", document(many.String()), "", 400, "BadRequest"},
		{"untagging one of AWS's own", "DELETE", tags + mine, "tagKeys=aws%3Aa", "", "", "", 400, "InvalidTag"},
		{
			"untagging more than fifty", "DELETE", tags + mine, strings.Repeat("tagKeys=a&", 50) + "tagKeys=b", "", "", "",
			400, "BadRequest",
		},
		{"nothing to tag", "POST", tags + mine, "", "", document(""), "", 204, ""},
		{"nothing to untag", "DELETE", tags + mine, "", "", "", "", 204, ""},
	} {
		r := proxytest.Request{Method: c.method, Path: c.path, Query: c.query, Body: c.body}
		if strings.Contains(c.path, "s3express") {
			r.Service = "s3express"
		}
		if c.account != "-" {
			account := c.account
			if account == "" {
				account = proxytest.Account
			}
			r.Header = []sigv4.Field{proxytest.Field("X-Amz-Account-Id", account)}
		}
		if c.who != "" {
			r.Credentials = proxytest.Namesake(c.who)
		}
		a := p.Do(&r)
		wrapped := strings.Contains(a.Text, "<ErrorResponse ") && strings.Contains(a.Text, "</Error><RequestId>")
		if a.StatusCode != c.status || proxytest.Element(a.Text, "Code") != c.code || wrapped != (c.code != "") {
			t.Errorf("%s: %d %s, want %d %s", c.name, a.StatusCode, a.Text, c.status, c.code)
		}
	}
	// Fifty in all, whatever is sent at once.
	twenty := func(letter string) string {
		var b strings.Builder
		for i := range 20 {
			b.WriteString(one(letter+strings.Repeat("k", i), ""))
		}
		return document(b.String())
	}
	for i, status := range []int{204, 204, 400} {
		a := p.Do(&proxytest.Request{
			Method: "POST", Path: tags + mine, Body: twenty(string(rune('a' + i))),
			Header: []sigv4.Field{proxytest.Field("X-Amz-Account-Id", proxytest.Account)},
		})
		if a.StatusCode != status {
			t.Errorf("%d tags: %d %s, want %d", 20*(i+1), a.StatusCode, a.Text, status)
		}
	}
	// The version of S3 Control is no name of a bucket, in a host either.
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/", Host: "v20180820.localhost"}); a.StatusCode != 400 ||
		a.Code() != "InvalidBucketName" {
		t.Errorf("a bucket called v20180820: %d %s", a.StatusCode, a.Text)
	}
}

// Tags decide at once, and who may change them is decided by the tags that are changed.
func TestTagsDecideWhoMayTag(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), `  - name: red
    access_key: AKIARED
    secret_key: redsecret
    policy:
    - {effect: Allow, action: "s3:*", resource: "*", condition: {StringEquals: {"aws:ResourceTag/Team": red}}}
  - name: tagger
    access_key: AKIATAGGER
    secret_key: taggersecret
    policy:
    - {effect: Allow, action: ["s3:TagResource", "s3express:TagResource"], resource: "*", condition: {StringEquals: {"aws:RequestTag/Team": [red, blue]}, "ForAllValues:StringEquals": {"aws:TagKeys": [Team, Stage]}}}
    - {effect: Allow, action: ["s3:UntagResource", "s3express:UntagResource"], resource: "*", condition: {"ForAllValues:StringEquals": {"aws:TagKeys": Stage}, "Null": {"aws:RequestTag/Stage": "true"}}}
`)
	proxytest.MakeBucket(t, p.Client(t), "decided")
	directory := "decided--local-az1--x-s3"
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + directory, Body: proxytest.DirectoryBucketDocument,
		Service: "s3express",
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	call := func(who, method, arn, query, tags string, status int) {
		t.Helper()
		r := proxytest.Request{
			Method: method, Path: "/v20180820/tags/" + strings.ReplaceAll(arn, ":", "%3A"),
			Query: query, Header: []sigv4.Field{proxytest.Field("X-Amz-Account-Id", proxytest.Account)},
			Credentials: proxytest.Namesake(who),
		}
		if strings.Contains(arn, "s3express") {
			r.Service = "s3express"
		}
		if method == "POST" {
			r.Body = "<TagResourceRequest><Tags>"
			for pair := range strings.SplitSeq(tags, " ") {
				key, value, _ := strings.Cut(pair, "=")
				r.Body += "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>"
			}
			r.Body += "</Tags></TagResourceRequest>"
		}
		if a := p.Do(&r); a.StatusCode != status {
			t.Errorf("%s %s by %s with %q %q: %d %s, want %d", method, arn, who, tags, query, a.StatusCode, a.Text,
				status)
		}
	}
	for _, arn := range []string{
		"arn:aws:s3:::decided",
		"arn:aws:s3express:us-west-2:" + proxytest.Account + ":bucket/" + directory,
	} {
		call("tagger", "POST", arn, "", "Team=green", 403)
		call("tagger", "POST", arn, "", "Team=red Cost=1", 403)
		call("tagger", "POST", arn, "", "Team=red Stage=1", 204)
		call("tagger", "DELETE", arn, "tagKeys=Stage&tagKeys=Team", "", 403)
		call("tagger", "DELETE", arn, "tagKeys=Stage", "", 204)
		call("tagger", "GET", arn, "", "", 403)
	}
	const arn = "arn:aws:s3:::decided"
	read := func(status int) {
		t.Helper()
		if a := p.Do(&proxytest.Request{
			Method: "GET", Path: "/decided", Query: "list-type=2",
			Credentials: proxytest.Namesake("red"),
		}); a.StatusCode != status {
			t.Errorf("a list by who may see what is red: %d %s, want %d", a.StatusCode, a.Text, status)
		}
	}
	read(200)
	call("tagger", "POST", arn, "", "Team=blue", 204)
	read(403)
	call("red", "POST", arn, "", "Team=red", 403)
	call("tagger", "POST", arn, "", "Team=red", 204)
	read(200)
	call("red", "POST", arn, "", "Team=blue", 204)
	call("red", "DELETE", arn, "tagKeys=Team", "", 403)
	if got := proxytest.Element(p.Do(&proxytest.Request{Method: "GET", Path: "/decided", Query: "tagging="}).Text,
		"Value"); got != "blue" {
		t.Errorf("the tag is %q", got)
	}
}

// What boto3 and the AWS CLI send: each signs for s3express where the resource is a directory bucket.
func TestPythonTagsByS3Control(t *testing.T) {
	t.Parallel()
	python := proxytest.ProgramPath(t, "python3")
	p := proxytest.StartConfigured(t, t.TempDir(), "")
	proxytest.MakeBucket(t, p.Client(t), "controlled")
	cmd := exec.Command(python, "-c", `
import boto3, os
from botocore.config import Config
class Any:
    pass
import botocore.httpsession, urllib3.util.connection as c
plain = c.create_connection
c.create_connection = lambda address, *a, **k: plain(("127.0.0.1", address[1]), *a, **k)
client = boto3.client("s3control", endpoint_url=os.environ["ENDPOINT"], region_name="us-west-2")
scopes = []
client.meta.events.register("before-send.s3-control.*", lambda request, **k: scopes.append(request.headers["Authorization"].decode().split("/")[3] if isinstance(request.headers["Authorization"], bytes) else request.headers["Authorization"].split("/")[3]))
for arn in ["arn:aws:s3:::controlled", "arn:aws:s3express:us-west-2:123456789012:bucket/" + os.environ["BUCKET"]]:
    at = dict(AccountId="123456789012", ResourceArn=arn)
    client.tag_resource(Tags=[{"Key": "b", "Value": "1"}, {"Key": "a/ä", "Value": ""}], **at)
    assert client.list_tags_for_resource(**at)["Tags"] == [{"Key": "b", "Value": "1"}, {"Key": "a/ä", "Value": ""}], client.list_tags_for_resource(**at)
    client.untag_resource(TagKeys=["a/ä", "b"], **at)
    assert client.list_tags_for_resource(**at)["Tags"] == []
try:
    client.list_access_points(AccountId="123456789012")
    raise SystemExit("access points are served")
except client.exceptions.ClientError as e:
    assert e.response["Error"]["Code"] == "MethodNotAllowed", e
print(" ".join(scopes))
`)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+p.Env["AWS_ACCESS_KEY_ID"],
		"AWS_SECRET_ACCESS_KEY="+p.Env["AWS_SECRET_ACCESS_KEY"],
		"ENDPOINT="+strings.Replace(p.Env["SEALFRONT_HTTP_URL"], "127.0.0.1", "localhost", 1),
		"BUCKET="+proxytest.DemoBucket, "PYTHONIOENCODING=utf-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	scopes := strings.Fields(string(out))
	if want := slices.Concat(slices.Repeat([]string{"s3"}, 4), slices.Repeat([]string{"s3express"}, 4),
		[]string{"s3"}); !slices.Equal(scopes, want) {
		t.Errorf("boto3 signed for %q", scopes)
	}
}
