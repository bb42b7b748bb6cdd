package gateway_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestManyObjectsAreDeletedInOneRequest(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	client := p.Client(t)
	directory := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	for _, bucket := range []string{directory, general} {
		var objects []types.ObjectIdentifier
		for i := range 12 {
			key := fmt.Sprintf("dir/%d <&>", i)
			if _, err := client.PutObject(t.Context(),
				&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("body")}); err != nil {
				t.Fatal(err)
			}
			objects = append(objects, types.ObjectIdentifier{Key: &key})
		}
		var out *s3.DeleteObjectsOutput
		var err error
		cost := p.StoreRequests(func() {
			out, err = client.DeleteObjects(t.Context(),
				&s3.DeleteObjectsInput{
					Bucket: &bucket,
					Delete: &types.Delete{Objects: append(objects[:10:10],
						types.ObjectIdentifier{Key: aws.String("absent")})},
				})
		})
		if err != nil || len(out.Deleted) != 11 || len(out.Errors) != 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		proxytest.WantCost(t, "DeleteObjects", cost, map[string]int{"DeleteObjects": 1})
		list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
		if err != nil || len(list.Contents) != 2 {
			t.Errorf("%d objects are left, %v", len(list.Contents), err)
		}
		// Conditions are looked at one by one; what fails is told and stays.
		first, second := *objects[10].Key, *objects[11].Key
		etag := func(key string) *string {
			head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
			if err != nil {
				t.Fatal(err)
			}
			return head.ETag
		}
		out, err = client.DeleteObjects(t.Context(),
			&s3.DeleteObjectsInput{
				Bucket: &bucket,
				Delete: &types.Delete{Quiet: aws.Bool(true), Objects: []types.ObjectIdentifier{
					{Key: &first, ETag: aws.String(`"another"`)}, {Key: &second, ETag: etag(second)},
				}},
			})
		if err != nil || len(out.Deleted) != 0 || len(out.Errors) != 1 || *out.Errors[0].Key != first ||
			*out.Errors[0].Code != "PreconditionFailed" {
			t.Errorf("%+v, %v", out, err)
		}
		p.MustNotExist(bucket, strings.NewReplacer(" ", "%20", "<", "%3C", "&", "%26", ">", "%3E").Replace(second))
		etag(first)
		if bucket == directory {
			out, err = client.DeleteObjects(t.Context(),
				&s3.DeleteObjectsInput{
					Bucket: &bucket,
					Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &first, Size: aws.Int64(5)}}},
				})
			if err != nil || len(out.Errors) != 1 {
				t.Errorf("%+v, %v", out, err)
			}
			out, err = client.DeleteObjects(t.Context(),
				&s3.DeleteObjectsInput{
					Bucket: &bucket,
					Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: &first, Size: aws.Int64(4)}}},
				})
			if err != nil || len(out.Deleted) != 1 {
				t.Errorf("%+v, %v", out, err)
			}
		}
	}
}

func TestADeleteDocumentThatIsWrongDeletesNothing(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	p.Put(bucket, "key", "body")
	one := "<Object><Key>key</Key></Object>"
	for name, c := range map[string]struct {
		body, md5, code string
	}{
		"a wrong digest":         {"<Delete>" + one + "</Delete>", "AAAAAAAAAAAAAAAAAAAAAA==", "BadDigest"},
		"no digest":              {"<Delete>" + one + "</Delete>", "-", "InvalidRequest"},
		"1,001 keys":             {"<Delete>" + strings.Repeat(one, 1001) + "</Delete>", "", "MalformedXML"},
		"no keys":                {"<Delete></Delete>", "", "MalformedXML"},
		"nothing":                {"", "", "MalformedXML"},
		"another document":       {"<Create>" + one + "</Create>", "", "MalformedXML"},
		"an end that is missing": {"<Delete>" + one, "", "MalformedXML"},
		"a second document": {
			"<Delete>" + one + "</Delete><Delete>" + one + "</Delete>", "",
			"MalformedXML",
		},
		"an element that isn't known": {"<Delete>" + one + "<Other/></Delete>", "", "MalformedXML"},
		"a key of white space": {
			"<Delete>" + one + "<Object><Key> </Key></Object></Delete>", "",
			"MalformedXML",
		},
		"more bytes than can be wanted": {
			"<Delete>" + one + "</Delete>" + strings.Repeat(" ", 2<<20), "",
			"MaxMessageLengthExceeded",
		},
	} {
		r := &proxytest.Request{Method: "POST", Path: "/" + bucket, Query: "delete=", Body: c.body}
		switch c.md5 {
		case "":
			r.Header = []sigv4.Field{proxytest.Field("Content-MD5", proxytest.MD5(c.body))}
		case "-":
		default:
			r.Header = []sigv4.Field{proxytest.Field("Content-MD5", c.md5)}
		}
		if c.body == "" {
			r.Header = append(r.Header, proxytest.Field("Content-Length", "0"))
		}
		a := p.Do(r)
		if a.Code() != c.code || a.StatusCode != 400 {
			t.Errorf("%s: %d %s, want %s", name, a.StatusCode, a.Text, c.code)
		}
		if a := p.Do(&proxytest.Request{Method: "HEAD", Path: "/" + bucket + "/key"}); a.StatusCode != 200 {
			t.Fatalf("%s: the object is gone", name)
		}
	}
	body := "<Delete><Object><Key>key</Key><VersionId>abc</VersionId></Object><Object><Key>../up</Key></Object></Delete>"
	a := p.Do(&proxytest.Request{
		Method: "POST", Path: "/" + bucket, Query: "delete=", Body: body,
		Header: []sigv4.Field{proxytest.Field("Content-MD5", proxytest.MD5(body))},
	})
	if a.StatusCode != 200 || strings.Count(a.Text, "<Error>") != 2 {
		t.Errorf("a version and a key that can't be: %d %s", a.StatusCode, a.Text)
	}
}
