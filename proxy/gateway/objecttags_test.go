package gateway_test

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// wantTags asserts the tags of an object, or of the bucket for the key "".
func wantTags(t *testing.T, p *proxytest.Program, bucket, key, want string) {
	t.Helper()
	client, set := p.Client(t), []types.Tag(nil)
	if key == "" {
		out, err := client.GetBucketTagging(t.Context(), &s3.GetBucketTaggingInput{Bucket: &bucket})
		if err != nil {
			t.Errorf("GetBucketTagging: %v", err)
			return
		}
		set = out.TagSet
	} else {
		out, err := client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Errorf("GetObjectTagging of %s: %v", key, err)
			return
		}
		set = out.TagSet
		head, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil || int(aws.ToInt32(head.TagCount)) != len(set) {
			t.Errorf("%s: %d tags counted, %d there, %v", key, aws.ToInt32(head.TagCount), len(set), err)
		}
		if err == nil {
			_ = head.Body.Close()
		}
	}
	got := url.Values{}
	for _, tag := range set {
		got.Set(*tag.Key, *tag.Value)
	}
	if got.Encode() != want {
		t.Errorf("%s/%s has the tags %s, want %s", bucket, key, got.Encode(), want)
	}
}

// Ten tags of the largest size are kept, or refused as a client's error that says so, with the object and the tags as
// they were.
func largestTags(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	set, document := url.Values{}, ""
	for i := range 10 {
		key, value := fmt.Sprint(i)+strings.Repeat("k", 127), strings.Repeat("v", 256)
		set.Set(key, value)
		document += "<Tag><Key>" + key + "</Key><Value>" + value + "</Value></Tag>"
	}
	largest := proxytest.Field("X-Amz-Tagging", set.Encode())
	for name, r := range map[string]proxytest.Request{
		"PutObject": {
			Method: "PUT", Body: "new",
			Header: []sigv4.Field{largest, proxytest.Field("X-Amz-Meta-Large", strings.Repeat("m", 1000))},
		},
		"PutObjectTagging": {
			Method: "PUT", Query: "tagging=",
			Body: "<Tagging><TagSet>" + document + "</TagSet></Tagging>",
		},
		"a copy": {
			Method: "PUT",
			Header: []sigv4.Field{
				largest, proxytest.Field("X-Amz-Tagging-Directive", "REPLACE"),
				proxytest.Field("X-Amz-Copy-Source", bucket+"/small"),
			},
		},
	} {
		p.Put(bucket, "largest", "old", proxytest.Field("X-Amz-Tagging", "a=b"))
		r.Path = "/" + bucket + "/largest"
		switch a := p.Do(&r); {
		case a.StatusCode == 200:
			wantTags(t, p, bucket, "largest", set.Encode())
		case a.StatusCode != 400 || a.Code() != "InvalidTag" || !strings.Contains(a.Text, "no room"):
			t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
		default:
			wantTags(t, p, bucket, "largest", "a=b")
			if a := p.Do(&proxytest.Request{Method: "GET", Path: r.Path}); a.Text != "old" {
				t.Errorf("%s: the object is %q, %d", name, a.Text, a.StatusCode)
			}
		}
	}
}

func tags(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	client, ctx := p.Client(t), t.Context()
	const two = "class=secret+paper&size=1.5%2B2%2F3"
	tagging := proxytest.Field("X-Amz-Tagging", "class=secret%20paper&size=1.5%2B2%2F3")
	p.Put(bucket, "small", "small", tagging)
	p.Put(bucket, "large", strings.Repeat("large", 100_000), tagging)
	p.Put(bucket, "empty", "", tagging)
	for _, key := range []string{"small", "large", "empty"} {
		wantTags(t, p, bucket, key, two)
	}
	created, err := client.CreateMultipartUpload(ctx,
		&s3.CreateMultipartUploadInput{Bucket: &bucket, Key: aws.String("parts"), Tagging: aws.String("a=b")})
	if err != nil {
		t.Fatal(err)
	}
	part, err := client.UploadPart(ctx,
		&s3.UploadPartInput{
			Bucket: &bucket, Key: aws.String("parts"), UploadId: created.UploadId,
			PartNumber: aws.Int32(1), Body: bytes.NewReader([]byte("part")),
		})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CompleteMultipartUpload(ctx,
		&s3.CompleteMultipartUploadInput{
			Bucket: &bucket, Key: aws.String("parts"), UploadId: created.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{
				Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag}},
			},
		}); err != nil {
		t.Fatal(err)
	}
	wantTags(t, p, bucket, "parts", "a=b")

	// A copy has its source's tags unless others are given, whether the store copies, or the bytes pass, or they are
	// sealed anew.
	ways := map[string][]sigv4.Field{
		"by the store": nil,
		"through":      {proxytest.Field("If-None-Match", "*")},
		"sealed anew":  {proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256")},
		"other metadata": {
			proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
			proxytest.Field("X-Amz-Meta-A", "b"),
		},
	}
	for way, header := range ways {
		for _, source := range []string{"small", "empty"} {
			key := "copies/" + source + "/" + strings.ReplaceAll(way, " ", "-")
			p.MustCopy(bucket+"/"+source, bucket+"/"+key, header...)
			wantTags(t, p, bucket, key, two)
			p.MustCopy(bucket+"/"+source, bucket+"/"+key+"-tagged",
				append(header, proxytest.Field("X-Amz-Tagging-Directive", "REPLACE"),
					proxytest.Field("X-Amz-Tagging", "new=tag"))...)
			wantTags(t, p, bucket, key+"-tagged", "new=tag")
			p.MustCopy(bucket+"/"+source, bucket+"/"+key+"-bare",
				append(header, proxytest.Field("X-Amz-Tagging-Directive", "REPLACE"))...)
			wantTags(t, p, bucket, key+"-bare", "")
		}
	}
	// Onto itself, with other metadata.
	p.MustCopy(bucket+"/small", bucket+"/small", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("X-Amz-Meta-A", "b"))
	wantTags(t, p, bucket, "small", two)

	set := func(tags ...string) *types.Tagging {
		tagging := &types.Tagging{TagSet: []types.Tag{}}
		for i := 0; i+1 < len(tags); i += 2 {
			tagging.TagSet = append(tagging.TagSet, types.Tag{Key: &tags[i], Value: &tags[i+1]})
		}
		return tagging
	}
	if _, err := client.PutObjectTagging(ctx,
		&s3.PutObjectTaggingInput{
			Bucket: &bucket, Key: aws.String("small"),
			Tagging: set("x", "a=b", "y", ""),
		}); err != nil {
		t.Error(err)
	}
	wantTags(t, p, bucket, "small", "x=a%3Db&y=")
	if _, err := client.DeleteObjectTagging(ctx,
		&s3.DeleteObjectTaggingInput{Bucket: &bucket, Key: aws.String("small")}); err != nil {
		t.Error(err)
	}
	wantTags(t, p, bucket, "small", "")
	if _, err := client.PutBucketTagging(ctx,
		&s3.PutBucketTaggingInput{
			Bucket:  &bucket,
			Tagging: set("cost", "centre", "Application", "a", "a", ""),
		}); err != nil {
		t.Error(err)
	}
	wantTags(t, p, bucket, "", "Application=a&a=&cost=centre")
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "tagging="}); !strings.Contains(a.Text,
		"<TagSet><Tag><Key>cost</Key>") {
		t.Errorf("the tags of a bucket aren't in the order in which they were given: %s", a.Text)
	}
	if _, err := client.DeleteBucketTagging(ctx, &s3.DeleteBucketTaggingInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
	if _, err := client.GetBucketTagging(ctx,
		&s3.GetBucketTaggingInput{Bucket: &bucket}); proxytest.Code(err) != "NoSuchTagSet" {
		t.Error(err)
	}
	long := "<Tagging><TagSet><Tag><Key>a</Key><Value>" + strings.Repeat("v", 300) + "</Value></Tag></TagSet></Tagging>"
	for i, document := range []string{
		"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
		long,
		"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value><Extra>c</Extra></Tag></TagSet></Tagging>",
		"<Tagging>text<TagSet/></Tagging>",
		"<Labels><TagSet/></Labels>",
		"<Tagging><TagSet><Tag><Key>a</Key>",
		`<!DOCTYPE x [<!ENTITY e "b">]><Tagging><TagSet><Tag><Key>&e;</Key></Tag></TagSet></Tagging>`,
	} {
		want := "MalformedXML"
		if i < 2 {
			want = [...]string{"", "InvalidTag"}[i]
		}
		a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/small", Query: "tagging=", Body: document})
		if a.Code() != want || (want == "") != (a.StatusCode == 200) {
			t.Errorf("%s: %d %s, want %q", document[:min(len(document), 80)], a.StatusCode, a.Text, want)
		}
	}
	// Directory buckets have no tags, and take none along.
	directory := p.Env["SEALFRONT_BUCKET"]
	if directory == "" {
		directory = proxytest.MakeDirectoryBucket(t, client, p.Env["SEALFRONT_KMS_KEY"])
	}
	if a := p.CopyOf(bucket+"/large", directory+"/large"); a.StatusCode != 501 || a.Code() != "NotImplemented" {
		t.Errorf("tags into a directory bucket: %d %s", a.StatusCode, a.Text)
	}
	p.MustCopy(bucket+"/large", directory+"/large", proxytest.Field("X-Amz-Tagging-Directive", "REPLACE"))
}
