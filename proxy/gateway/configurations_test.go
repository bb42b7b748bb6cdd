package gateway_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What general purpose buckets keep besides objects, on a store that has all of it and on the embedded one.
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
		t.Errorf("a class that the store does not have: %d %s", a.StatusCode, a.Text)
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
