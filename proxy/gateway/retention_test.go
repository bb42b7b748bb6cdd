package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

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
