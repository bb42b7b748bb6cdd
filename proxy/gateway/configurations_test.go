package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What general purpose buckets keep beside objects, on a store that has all of it and on the embedded one.
func TestConfigurationsOfGeneralBuckets(t *testing.T) {
	t.Run("minio", func(t *testing.T) {
		t.Parallel()
		place := proxytest.StartMinIO(t)
		p := proxytest.StartOn(t, place, proxytest.StartLocalKMS(t))
		bucket := proxytest.MakeBucket(t, p.Client(t), "plain")
		constantAnswers(t, p, bucket)
		tags(t, p, bucket)
		largestTags(t, p, bucket)
		objectLock(t, p)
		lifecycle(t, p, place.Direct(), bucket)
		storageClasses(t, p, bucket, "InvalidStorageClass")
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		p := proxytest.StartEmbedded(t, t.TempDir())
		bucket := proxytest.MakeBucket(t, p.Client(t), "plain")
		constantAnswers(t, p, bucket)
		tags(t, p, bucket)
		largestTags(t, p, bucket)
		absences(t, p, bucket)
	})
}

// constantAnswers: what no bucket has, and what can't be set up.
func constantAnswers(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	p.Put(bucket, "object", "x")
	for _, c := range []struct {
		method, key, query string
		status             int
		want               string // a code, or a part of the document
	}{
		{"GET", "", "location=", 200, ">us-west-2</LocationConstraint>"},
		{"GET", "", "acl=", 200, "<Permission>FULL_CONTROL</Permission>"},
		{"GET", "object", "acl=", 200, "<ID>123456789012</ID>"},
		{"GET", "nothing", "acl=", 404, "NoSuchKey"},
		{"PUT", "", "acl=", 400, "AccessControlListNotSupported"},
		{"PUT", "", "acl=&x-amz-acl=private", 200, ""},
		{"PUT", "object", "acl=&x-amz-acl=bucket-owner-full-control", 200, ""},
		{"PUT", "object", "acl=&x-amz-acl=public-read", 400, "AccessControlListNotSupported"},
		{"PUT", "nothing", "acl=&x-amz-acl=private", 404, "NoSuchKey"},
		{"GET", "", "cors=", 404, "NoSuchCORSConfiguration"},
		{"PUT", "", "cors=", 501, "NotImplemented"},
		{"DELETE", "", "cors=", 204, ""},
		{"GET", "", "website=", 404, "NoSuchWebsiteConfiguration"},
		{"PUT", "", "website=", 501, "NotImplemented"},
		{"DELETE", "", "website=", 204, ""},
		{"GET", "", "replication=", 404, "ReplicationConfigurationNotFoundError"},
		{"PUT", "", "replication=", 501, "NotImplemented"},
		{"GET", "", "publicAccessBlock=", 404, "NoSuchPublicAccessBlockConfiguration"},
		{"GET", "", "ownershipControls=", 200, "<ObjectOwnership>BucketOwnerEnforced</ObjectOwnership>"},
		{"PUT", "", "ownershipControls=", 400, "MalformedXML"},
		{"DELETE", "", "ownershipControls=", 204, ""},
		{"GET", "", "ownershipControls=", 404, "OwnershipControlsNotFoundError"},
		{"PUT", "", "publicAccessBlock=", 400, "MalformedXML"},
		{"GET", "", "logging=", 200, "<BucketLoggingStatus "},
		{"PUT", "", "logging=", 501, "NotImplemented"},
		{"GET", "", "notification=", 200, "<NotificationConfiguration "},
		{"PUT", "", "notification=", 501, "NotImplemented"},
		{"GET", "", "requestPayment=", 200, "<Payer>BucketOwner</Payer>"},
		{"GET", "", "accelerate=", 200, "<AccelerateConfiguration "},
		{"GET", "", "inventory=", 200, "<ListInventoryConfigurationsResult "},
		{"GET", "", "inventory=&id=one", 404, "NoSuchConfiguration"},
		{"PUT", "", "inventory=&id=one", 501, "NotImplemented"},
		{"GET", "", "metrics=&id=one", 404, "NoSuchConfiguration"},
		{"GET", "", "analytics=&id=one", 404, "NoSuchConfiguration"},
		{"GET", "", "intelligent-tiering=", 200, "<ListBucketIntelligentTieringConfigurationsOutput "},
		{"GET", "", "tagging=", 404, "NoSuchTagSet"},
		{"GET", "", "lifecycle=", 404, "NoSuchLifecycleConfiguration"},
		{"GET", "", "object-lock=", 404, "ObjectLockConfigurationNotFoundError"},
		{"GET", "", "versioning=", 200, "<VersioningConfiguration "},
		{"GET", "object", "torrent=", 501, "NotImplemented"},
		{"POST", "object", "restore=", 501, "NotImplemented"},
		{"POST", "object", "select=&select-type=2", 501, "NotImplemented"},
		{"GET", "nothing", "tagging=", 404, "NoSuchKey"},
	} {
		path := "/" + bucket
		if c.key != "" {
			path += "/" + c.key
		}
		a := p.Do(&proxytest.Request{Method: c.method, Path: path, Query: c.query})
		if a.StatusCode != c.status || c.status < 300 && !strings.Contains(a.Text, c.want) || c.status >= 300 &&
			a.Code() != c.want {
			t.Errorf("%s %s?%s: %d %s, want %d %s", c.method, path, c.query, a.StatusCode, a.Text, c.status, c.want)
		}
	}
}

// absences: what the embedded store doesn't have is said not to be there, and can't be set up.
func absences(t *testing.T, p *proxytest.Program, bucket string) {
	t.Helper()
	for query, document := range map[string]string{
		"versioning=": `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`,
		"lifecycle=":  `<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter/><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`,
	} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket, Query: query,
			Body: document,
		}); a.StatusCode != 501 || a.Code() != "NotImplemented" {
			t.Errorf("PUT ?%s: %d %s", query, a.StatusCode, a.Text)
		}
	}
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket + "/locked", Body: "x",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Lock-Legal-Hold", "ON")},
	})
	if a.StatusCode != 400 || a.Code() != "InvalidRequest" {
		t.Errorf("a legal hold in a bucket without Object Lock: %d %s", a.StatusCode, a.Text)
	}
	p.MustNotExist(bucket, "locked")
	// Without versions every object has one, null.
	a = p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: "prefix=object&versions="})
	if a.StatusCode != 200 || proxytest.Element(a.Text, "Key") != "object" ||
		proxytest.Element(a.Text, "VersionId") != "null" || proxytest.Element(a.Text, "Size") != "1" ||
		!strings.HasPrefix(proxytest.Element(a.Text, "ETag"), "&#34;sf-") {
		t.Errorf("versions: %d %s", a.StatusCode, a.Text)
	}
	p.MustCopy(bucket+"/object?versionId=null", bucket+"/object-copy")
	for _, method := range []string{"GET", "HEAD", "DELETE"} {
		if a := p.Do(&proxytest.Request{
			Method: method, Path: "/" + bucket + "/object",
			Query: "versionId=null",
		}); a.StatusCode/100 != 2 {
			t.Errorf("%s of the version null: %d %s", method, a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/" + bucket + "/large",
		Query: "versionId=01ARZ3NDEKTSV4RRFFQ69G5FAV",
	}); a.StatusCode/100 != 4 ||
		strings.Contains(a.Text, "NoSuchKey") {
		t.Errorf("GET of a version that isn't there: %d %s", a.StatusCode, a.Text)
	}
}

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

func objectLock(t *testing.T, p *proxytest.Program) {
	t.Helper()
	client, ctx := p.Client(t), t.Context()
	bucket, key := "locked", aws.String("held")
	if _, err := client.CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: &bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &bucket})
	if err != nil || got.ObjectLockConfiguration.ObjectLockEnabled != types.ObjectLockEnabledEnabled {
		t.Fatalf("%+v, %v", got, err)
	}
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	out, err := client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &bucket, Key: key, Body: strings.NewReader("held"), ObjectLockMode: types.ObjectLockModeGovernance,
		ObjectLockRetainUntilDate: &until,
		ObjectLockLegalHoldStatus: types.ObjectLockLegalHoldStatusOn,
	})
	if err != nil {
		t.Fatal(err)
	}
	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: key})
	if err != nil || head.ObjectLockMode != types.ObjectLockModeGovernance ||
		!aws.ToTime(head.ObjectLockRetainUntilDate).Equal(until) ||
		head.ObjectLockLegalHoldStatus != types.ObjectLockLegalHoldStatusOn {
		t.Errorf("HEAD: %+v, %v", head, err)
	}
	remove := func(bypass bool) error {
		_, err := client.DeleteObject(context.WithoutCancel(ctx),
			&s3.DeleteObjectInput{
				Bucket: &bucket, Key: key, VersionId: out.VersionId,
				BypassGovernanceRetention: &bypass,
			})
		return err
	}
	if err := remove(true); proxytest.Code(err) != "AccessDenied" {
		t.Errorf("deletion under a legal hold: %v", err)
	}
	many, err := client.DeleteObjects(ctx,
		&s3.DeleteObjectsInput{
			Bucket: &bucket,
			Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: key, VersionId: out.VersionId}}},
		})
	if err != nil || len(many.Errors) != 1 || aws.ToString(many.Errors[0].Code) != "AccessDenied" {
		t.Errorf("DeleteObjects under a legal hold: %+v, %v", many, err)
	}
	if _, err := client.PutObjectLegalHold(ctx,
		&s3.PutObjectLegalHoldInput{
			Bucket: &bucket, Key: key,
			LegalHold: &types.ObjectLockLegalHold{Status: types.ObjectLockLegalHoldStatusOff},
		}); err != nil {
		t.Error(err)
	}
	if hold, err := client.GetObjectLegalHold(ctx,
		&s3.GetObjectLegalHoldInput{Bucket: &bucket, Key: key}); err != nil ||
		hold.LegalHold.Status != types.ObjectLockLegalHoldStatusOff {
		t.Errorf("legal hold: %+v, %v", hold, err)
	}
	if kept, err := client.GetObjectRetention(ctx,
		&s3.GetObjectRetentionInput{Bucket: &bucket, Key: key}); err != nil ||
		!aws.ToTime(kept.Retention.RetainUntilDate).Equal(until) {
		t.Errorf("retention: %+v, %v", kept, err)
	}
	if err := remove(false); proxytest.Code(err) != "AccessDenied" {
		t.Errorf("deletion under retention: %v", err)
	}
	if err := remove(true); err != nil {
		t.Errorf("deletion past governance: %v", err)
	}
	past := time.Now().Add(-time.Hour)
	if _, err := client.PutObject(ctx,
		&s3.PutObjectInput{
			Bucket: &bucket, Key: key, Body: strings.NewReader("x"),
			ObjectLockMode:            types.ObjectLockModeGovernance,
			ObjectLockRetainUntilDate: &past,
		}); proxytest.Code(err) != "InvalidArgument" {
		t.Errorf("a retention that has ended: %v", err)
	}
	if _, err := client.GetObjectRetention(ctx,
		&s3.GetObjectRetentionInput{
			Bucket: aws.String("plain"),
			Key:    aws.String("object"),
		}); proxytest.Code(err) != "InvalidRequest" {
		t.Errorf("retention in a bucket without Object Lock: %v", err)
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/plain/object", Body: "x",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Lock-Legal-Hold", "ON")},
	}); a.Code() != "InvalidRequest" {
		t.Errorf("a legal hold in a bucket without Object Lock: %d %s", a.StatusCode, a.Text)
	}
}

// lifecycle: the store gets rules about sealed sizes, the client sees its own.
func lifecycle(t *testing.T, p *proxytest.Program, direct *s3.Client, bucket string) {
	t.Helper()
	client, ctx := p.Client(t), t.Context()
	rule := types.LifecycleRule{
		ID: aws.String("rule"), Status: types.ExpirationStatusEnabled,
		Expiration: &types.LifecycleExpiration{Days: aws.Int32(7)},
		Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{
			Prefix:                aws.String("old/"),
			ObjectSizeGreaterThan: aws.Int64(100_000), ObjectSizeLessThan: aws.Int64(200_000),
		}},
	}
	put := func(rule types.LifecycleRule) error {
		_, err := client.PutBucketLifecycleConfiguration(context.WithoutCancel(ctx),
			&s3.PutBucketLifecycleConfigurationInput{
				Bucket:                 &bucket,
				LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{rule}},
			})
		return err
	}
	if err := put(rule); err != nil {
		t.Fatal(err)
	}
	sizes := func(client *s3.Client) (more, less int64) {
		out, err := client.GetBucketLifecycleConfiguration(ctx,
			&s3.GetBucketLifecycleConfigurationInput{Bucket: &bucket})
		if err != nil || len(out.Rules) != 1 || out.Rules[0].Filter.And == nil ||
			aws.ToInt32(out.Rules[0].Expiration.Days) != 7 {
			t.Fatalf("%+v, %v", out, err)
		}
		return aws.ToInt64(out.Rules[0].Filter.And.ObjectSizeGreaterThan),
			aws.ToInt64(out.Rules[0].Filter.And.ObjectSizeLessThan)
	}
	if more, less := sizes(client); more != 100_000 || less != 200_000 {
		t.Errorf("the client sees sizes %d to %d", more, less)
	}
	// 100,000 and 200,000 bytes have two and four segments, and end in 304 bytes.
	if more, less := sizes(direct); more != 100_000+2*16+304 || less != 200_000+4*16+304 {
		t.Errorf("the store has sizes %d to %d", more, less)
	}
	rule.Expiration, rule.Transitions = nil,
		[]types.Transition{{Days: aws.Int32(1), StorageClass: types.TransitionStorageClassGlacier}}
	if err := put(rule); proxytest.Code(err) != "NotImplemented" {
		t.Errorf("a transition: %v", err)
	}
	if _, err := client.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: &bucket}); err != nil {
		t.Error(err)
	}
	if _, err := client.GetBucketLifecycleConfiguration(ctx,
		&s3.GetBucketLifecycleConfigurationInput{Bucket: &bucket}); proxytest.Code(err) != "NoSuchLifecycleConfiguration" {
		t.Error(err)
	}
}

// storageClasses: the store decides which there are.
func storageClasses(t *testing.T, p *proxytest.Program, bucket, refusal string) {
	t.Helper()
	client, ctx := p.Client(t), t.Context()
	for class, shown := range map[types.StorageClass]types.StorageClass{
		types.StorageClassStandard:          "",
		types.StorageClassReducedRedundancy: types.StorageClassReducedRedundancy,
	} {
		key := "class/" + string(class)
		if _, err := client.PutObject(ctx,
			&s3.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: strings.NewReader("x"),
				StorageClass: class,
			}); err != nil {
			t.Fatal(err)
		}
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		if err != nil || head.StorageClass != shown {
			t.Errorf("%s is shown as %q, %v", class, head.StorageClass, err)
		}
		list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &key})
		if err != nil || len(list.Contents) != 1 || string(list.Contents[0].StorageClass) != string(class) {
			t.Errorf("%s is listed as %+v, %v", class, list.Contents, err)
		}
	}
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket + "/class/other", Body: "x",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Storage-Class", "STANDARD_IA")},
	})
	if a.Code() != refusal || proxytest.Element(a.Text, "StorageClassRequested") != "STANDARD_IA" {
		t.Errorf("a class that the store lacks: %d %s", a.StatusCode, a.Text)
	}
}

// Settings that hold whatever they say are kept, in the form that S3 takes.
func TestSettingsThatAreShown(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := proxytest.MakeBucket(t, p.Client(t), "shown")
	access := func(inner string) string {
		return "<PublicAccessBlockConfiguration>" + inner + "</PublicAccessBlockConfiguration>"
	}
	ownership := func(value string) string {
		return "<OwnershipControls><Rule><ObjectOwnership>" + value + "</ObjectOwnership></Rule></OwnershipControls>"
	}
	for _, c := range []struct {
		name, query, document string
		status                int
		code, shows           string
	}{
		{
			"all four", "publicAccessBlock=",
			access("<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>TRUE</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>"), 200, "", "<IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy>",
		},
		{
			"one", "publicAccessBlock=", access("<BlockPublicPolicy>true</BlockPublicPolicy>"), 200, "",
			"<IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy>",
		},
		{"none", "publicAccessBlock=", access(""), 400, "InvalidRequest", "<BlockPublicPolicy>true<"},
		{
			"no truth", "publicAccessBlock=", access("<BlockPublicPolicy>maybe</BlockPublicPolicy>"), 400, "MalformedXML",
			"",
		},
		{"another element", "publicAccessBlock=", access("<BlockAll>true</BlockAll>"), 400, "MalformedXML", ""},
		{
			"the ownership there is", "ownershipControls=", ownership("BucketOwnerEnforced"), 200, "",
			"BucketOwnerEnforced",
		},
		{
			"one with ACLs", "ownershipControls=", ownership("ObjectWriter"), 501, "NotImplemented",
			"BucketOwnerEnforced",
		},
		{"one that is none", "ownershipControls=", ownership("Nobody"), 400, "MalformedXML", ""},
		{"no rule", "ownershipControls=", "<OwnershipControls/>", 400, "MalformedXML", ""},
	} {
		a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket, Query: c.query, Body: c.document})
		if a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", c.name, a.StatusCode, a.Text, c.status, c.code)
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket, Query: c.query}); a.StatusCode != 200 ||
			!strings.Contains(a.Text, c.shows) {
			t.Errorf("%s shows %d %s, want %s", c.name, a.StatusCode, a.Text, c.shows)
		}
	}
	long := lifecycleOf("<Filter/><Expiration><Days>3</Days></Expiration>")
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket, Query: "lifecycle=", Body: long,
		Header: []sigv4.Field{proxytest.Field("X-Amz-Transition-Default-Minimum-Object-Size", "128K")},
	})
	if a.StatusCode != 400 || a.Code() != "InvalidArgument" {
		t.Errorf("a least size that is none: %d %s", a.StatusCode, a.Text)
	}
}
