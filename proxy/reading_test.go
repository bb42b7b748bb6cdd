package main

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3control"

	"sealfront/proxy/proxytest"
)

// A reading is what a list of reads found: an answer as JSON, or an error's code, by the name of the call.
type reading map[string]string

// read runs one call of a list.
func read[In, Out any](
	t *testing.T, r reading, name string, call func(context.Context, *In, ...func(*s3.Options)) (*Out, error), in *In,
) *Out {
	t.Helper()
	out, err := call(t.Context(), in)
	return r.note(t, name, out, err).(*Out)
}

func (r reading) note(t *testing.T, name string, out any, err error) any {
	t.Helper()
	if err != nil {
		r[name] = proxytest.Code(err)
		if r[name] == "" {
			t.Errorf("%s: %v", name, err)
		}
		return out
	}
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	r[name] = string(text)
	return out
}

// is checks that another reading of the same list found the same.
func (r reading) is(t *testing.T, other reading) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(r)) {
		if r[name] != other[name] {
			t.Errorf("%s was read as %s, and then as %s", name, r[name], other[name])
		}
	}
}

// says checks what some calls found: a code, or parts of the answer.
func (r reading) says(t *testing.T, wants map[string]string) {
	t.Helper()
	for name, want := range wants {
		for part := range strings.SplitSeq(want, " … ") {
			if !strings.Contains(r[name], part) {
				t.Errorf("%s found %s, want %s", name, r[name], part)
			}
		}
	}
}

// tags is how the provider reads tags, since 6.23.
func (r reading) tags(t *testing.T, control *s3control.Client, arn string) {
	t.Helper()
	out, err := control.ListTagsForResource(t.Context(),
		&s3control.ListTagsForResourceInput{AccountId: aws.String(proxytest.Account), ResourceArn: &arn})
	r.note(t, "ListTagsForResource", out, err)
}

// readBucket is every read of a general purpose bucket.
func readBucket(t *testing.T, c *s3.Client, control *s3control.Client, bucket *string) reading {
	t.Helper()
	r := reading{}
	read(t, r, "HeadBucket", c.HeadBucket, &s3.HeadBucketInput{Bucket: bucket})
	read(t, r, "GetBucketPolicy", c.GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: bucket})
	read(t, r, "GetBucketAcl", c.GetBucketAcl, &s3.GetBucketAclInput{Bucket: bucket})
	read(t, r, "GetBucketCors", c.GetBucketCors, &s3.GetBucketCorsInput{Bucket: bucket})
	read(t, r, "GetBucketWebsite", c.GetBucketWebsite, &s3.GetBucketWebsiteInput{Bucket: bucket})
	read(t, r, "GetBucketVersioning", c.GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: bucket})
	read(t, r, "GetBucketAccelerateConfiguration", c.GetBucketAccelerateConfiguration,
		&s3.GetBucketAccelerateConfigurationInput{Bucket: bucket})
	read(t, r, "GetBucketRequestPayment", c.GetBucketRequestPayment, &s3.GetBucketRequestPaymentInput{Bucket: bucket})
	read(t, r, "GetBucketLogging", c.GetBucketLogging, &s3.GetBucketLoggingInput{Bucket: bucket})
	read(t, r, "GetBucketLifecycleConfiguration", c.GetBucketLifecycleConfiguration,
		&s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
	read(t, r, "GetBucketReplication", c.GetBucketReplication, &s3.GetBucketReplicationInput{Bucket: bucket})
	read(t, r, "GetBucketEncryption", c.GetBucketEncryption, &s3.GetBucketEncryptionInput{Bucket: bucket})
	read(t, r, "GetObjectLockConfiguration", c.GetObjectLockConfiguration,
		&s3.GetObjectLockConfigurationInput{Bucket: bucket})
	read(t, r, "GetBucketLocation", c.GetBucketLocation, &s3.GetBucketLocationInput{Bucket: bucket})
	read(t, r, "GetBucketTagging", c.GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: bucket})
	read(t, r, "GetPublicAccessBlock", c.GetPublicAccessBlock, &s3.GetPublicAccessBlockInput{Bucket: bucket})
	read(t, r, "GetBucketOwnershipControls", c.GetBucketOwnershipControls,
		&s3.GetBucketOwnershipControlsInput{Bucket: bucket})
	read(t, r, "GetBucketNotificationConfiguration", c.GetBucketNotificationConfiguration,
		&s3.GetBucketNotificationConfigurationInput{Bucket: bucket})
	read(t, r, "GetBucketAbac", c.GetBucketAbac, &s3.GetBucketAbacInput{Bucket: bucket})
	read(t, r, "GetBucketPolicyStatus", c.GetBucketPolicyStatus, &s3.GetBucketPolicyStatusInput{Bucket: bucket})
	read(t, r, "ListObjectVersions", c.ListObjectVersions, &s3.ListObjectVersionsInput{Bucket: bucket})
	r.tags(t, control, "arn:aws:s3:::"+*bucket)
	return r
}
