package main

import (
	"encoding/json"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
)

// The calls that tools which manage infrastructure make, in their order: the Terraform provider's (6.23 and later)
// resources aws_s3_bucket with those that belong to it, aws_s3_directory_bucket, aws_kms_key, aws_kms_alias and
// aws_kms_grant, CDK's custom resources, and Crossplane's observation of a bucket. What such a tool reads twice must be
// the same, and what it has set; otherwise it finds a difference for ever.

func TestInfrastructureAsCodeReadsTheSameTwice(t *testing.T) {
	t.Parallel()
	p := proxytest.StartOn(t, proxytest.StartMinIO(t), proxytest.StartLocalKMS(t))
	control := p.ControlClient(t, "localhost")
	t.Run("aws_s3_bucket", func(t *testing.T) { manageBucket(t, p, control) })
	t.Run("aws_s3_directory_bucket", func(t *testing.T) { manageDirectoryBucket(t, p, control) })
	t.Run("the S3 backend with use_lockfile", func(t *testing.T) { lockState(t, p) })
}

// lockState is what Terraform and OpenTofu do with a state in a versioned bucket: the lock file is made if it isn't
// there, and the next one takes the place of a delete marker.
func lockState(t *testing.T, p *proxytest.Program) {
	ctx, c := t.Context(), p.Client(t)
	bucket, lock, state := aws.String(proxytest.MakeBucket(t, c,
		"states")), aws.String("env/state.tflock"), aws.String("env/state")
	if _, err := c.PutBucketVersioning(ctx,
		&s3.PutBucketVersioningInput{
			Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"},
		}); err != nil {
		t.Fatal(err)
	}
	take := func(who string) string {
		_, err := c.PutObject(ctx,
			&s3.PutObjectInput{
				Bucket: bucket, Key: lock, Body: strings.NewReader(who), IfNoneMatch: aws.String("*"),
				ContentType: aws.String("application/json"),
			})
		return proxytest.Code(err)
	}
	for _, who := range []string{"one", "two", "three"} {
		if got := take(who); got != "" {
			t.Fatalf("%s can't lock: %s", who, got)
		}
		if got := take("another"); got != "PreconditionFailed" {
			t.Errorf("another one locks what %s has locked: %q", who, got)
		}
		proxytest.MustRead(t, c, *bucket, *lock, []byte(who))
		if _, err := c.PutObject(ctx,
			&s3.PutObjectInput{Bucket: bucket, Key: state, Body: strings.NewReader("state of " + who)}); err != nil {
			t.Error(err)
		}
		proxytest.MustRead(t, c, *bucket, *state, []byte("state of "+who))
		if _, err := c.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: lock}); err != nil {
			t.Error(err)
		}
		if _, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: lock}); proxytest.Code(err) != "NoSuchKey" {
			t.Errorf("the lock is still there: %v", err)
		}
	}
}

func manageBucket(t *testing.T, p *proxytest.Program, control *s3control.Client) {
	ctx, c, bucket := t.Context(), p.Client(t), aws.String("managed")
	arn := aws.String("arn:aws:s3:::managed")
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err := c.CreateBucket(ctx,
		&s3.CreateBucketInput{
			Bucket: bucket, ObjectLockEnabledForBucket: aws.Bool(true),
			CreateBucketConfiguration: &types.CreateBucketConfiguration{
				LocationConstraint: "us-west-2",
				Tags: []types.Tag{
					{Key: aws.String("Name"), Value: aws.String("managed")},
					{Key: aws.String("aws-cdk:auto-delete-objects"), Value: aws.String("true")},
				},
			},
		})
	must("CreateBucket", err)
	first := readBucket(t, c, control, bucket)
	first.is(t, readBucket(t, c, control, bucket))
	first.says(t, map[string]string{
		"HeadBucket": `"BucketRegion":"us-west-2"`, "GetBucketPolicy": "NoSuchBucketPolicy",
		"GetBucketAcl": `"Permission":"FULL_CONTROL"`, "GetBucketCors": "NoSuchCORSConfiguration",
		"GetBucketWebsite": "NoSuchWebsiteConfiguration", "GetBucketVersioning": `"Status":"Enabled"`,
		"GetBucketAccelerateConfiguration": `"Status":""`,
		"GetBucketRequestPayment":          `"Payer":"BucketOwner"`, "GetBucketLogging": `"LoggingEnabled":null`,
		"GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
		"GetBucketReplication":            "ReplicationConfigurationNotFoundError",
		"GetBucketEncryption":             `"SSEAlgorithm":"AES256"`,
		"GetObjectLockConfiguration":      `"ObjectLockEnabled":"Enabled"`,
		"GetBucketLocation":               `"LocationConstraint":"us-west-2"`,
		"GetBucketTagging":                `"Key":"Name","Value":"managed" … "Key":"aws-cdk:auto-delete-objects"`,
		"GetPublicAccessBlock":            "NoSuchPublicAccessBlockConfiguration",
		"GetBucketOwnershipControls":      `"ObjectOwnership":"BucketOwnerEnforced"`,
		"GetBucketAbac":                   `"Status":"Disabled"`, "GetBucketPolicyStatus": "NoSuchBucketPolicy",
		"ListTagsForResource": `"Key":"Name","Value":"managed" … "Key":"aws-cdk:auto-delete-objects"`,
	})

	// The resources that belong to it.
	document := `{"Statement":[{"Action":"s3:*","Condition":{"Bool":{"aws:SecureTransport":"false"}},"Effect":"Deny","Principal":{"AWS":"*"},"Resource":["arn:aws:s3:::managed","arn:aws:s3:::managed/*"]}],"Version":"2012-10-17"}`
	rules := []types.LifecycleRule{{
		ID: aws.String("old"), Status: types.ExpirationStatusEnabled,
		Filter:                      &types.LifecycleRuleFilter{Prefix: aws.String("logs/")},
		Expiration:                  &types.LifecycleExpiration{Days: aws.Int32(30)},
		NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(7)},
	}}
	set := func(size types.TransitionDefaultMinimumObjectSize, sse types.ServerSideEncryptionByDefault, block bool) {
		t.Helper()
		_, err := c.PutBucketVersioning(ctx,
			&s3.PutBucketVersioningInput{
				Bucket: bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: "Enabled"},
			})
		must("PutBucketVersioning", err)
		_, err = c.PutBucketEncryption(ctx,
			&s3.PutBucketEncryptionInput{
				Bucket: bucket,
				ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
					Rules: []types.ServerSideEncryptionRule{
						{
							ApplyServerSideEncryptionByDefault: &sse, BucketKeyEnabled: &block,
							BlockedEncryptionTypes: &types.BlockedEncryptionTypes{EncryptionType: []types.EncryptionType{"SSE-C"}},
						},
					},
				},
			})
		must("PutBucketEncryption", err)
		_, err = c.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: bucket, Policy: &document})
		must("PutBucketPolicy", err)
		put, err := c.PutBucketLifecycleConfiguration(ctx,
			&s3.PutBucketLifecycleConfigurationInput{
				Bucket: bucket, TransitionDefaultMinimumObjectSize: size,
				LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules},
			})
		must("PutBucketLifecycleConfiguration", err)
		if put.TransitionDefaultMinimumObjectSize != size {
			t.Errorf("the lifecycle's least size is answered as %q, want %q", put.TransitionDefaultMinimumObjectSize, size)
		}
		_, err = c.PutObjectLockConfiguration(ctx,
			&s3.PutObjectLockConfigurationInput{Bucket: bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{
				ObjectLockEnabled: "Enabled",
				Rule: &types.ObjectLockRule{
					DefaultRetention: &types.DefaultRetention{Mode: "GOVERNANCE", Days: aws.Int32(1)},
				},
			}})
		must("PutObjectLockConfiguration", err)
		_, err = c.PutBucketOwnershipControls(ctx,
			&s3.PutBucketOwnershipControlsInput{
				Bucket: bucket,
				OwnershipControls: &types.OwnershipControls{
					Rules: []types.OwnershipControlsRule{{ObjectOwnership: "BucketOwnerEnforced"}},
				},
			})
		must("PutBucketOwnershipControls", err)
		_, err = c.PutPublicAccessBlock(ctx,
			&s3.PutPublicAccessBlockInput{Bucket: bucket, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{
				BlockPublicAcls: &block, BlockPublicPolicy: aws.Bool(true), IgnorePublicAcls: &block,
				RestrictPublicBuckets: aws.Bool(true),
			}})
		must("PutPublicAccessBlock", err)
	}
	for _, s := range []struct {
		size     types.TransitionDefaultMinimumObjectSize
		sse      types.ServerSideEncryptionByDefault
		block    bool
		expected map[string]string
	}{
		{"all_storage_classes_128K", types.ServerSideEncryptionByDefault{SSEAlgorithm: "AES256"}, true, map[string]string{
			"GetBucketEncryption": `"SSEAlgorithm":"AES256" … "BlockedEncryptionTypes":{"EncryptionType":["SSE-C"]} … "BucketKeyEnabled":true`, "GetBucketLifecycleConfiguration": `"TransitionDefaultMinimumObjectSize":"all_storage_classes_128K"`,
			"GetPublicAccessBlock": `{"BlockPublicAcls":true,"BlockPublicPolicy":true,"IgnorePublicAcls":true,"RestrictPublicBuckets":true}`,
		}},
		{
			"varies_by_storage_class",
			types.ServerSideEncryptionByDefault{SSEAlgorithm: "aws:kms", KMSMasterKeyID: aws.String(p.Env["SEALFRONT_KMS_KEY"])},
			false,
			map[string]string{
				"GetBucketEncryption": `"KMSMasterKeyID":"` + p.Env["SEALFRONT_KMS_KEY"] +
					`" … "SSEAlgorithm":"aws:kms" … "BucketKeyEnabled":false`,
				"GetBucketLifecycleConfiguration": `"TransitionDefaultMinimumObjectSize":"varies_by_storage_class"`,
				"GetPublicAccessBlock":            `{"BlockPublicAcls":false,"BlockPublicPolicy":true,"IgnorePublicAcls":false,"RestrictPublicBuckets":true}`,
			},
		},
	} {
		set(s.size, s.sse, s.block)
		_, err = control.TagResource(ctx,
			&s3control.TagResourceInput{
				AccountId: aws.String(proxytest.Account), ResourceArn: arn, Tags: proxytest.ControlTags("Stage", string(s.size)),
			})
		must("TagResource", err)
		_, err = control.UntagResource(ctx,
			&s3control.UntagResourceInput{AccountId: aws.String(proxytest.Account), ResourceArn: arn, TagKeys: []string{"Name"}})
		must("UntagResource", err)
		found := readBucket(t, c, control, bucket)
		found.is(t, readBucket(t, c, control, bucket))
		found.says(t, s.expected)
		text, _ := json.Marshal(document)
		ruled, _ := json.Marshal(rules)
		found.says(t, map[string]string{
			"GetBucketPolicy": string(text), "GetBucketVersioning": `"Status":"Enabled"`,
			"GetBucketLifecycleConfiguration": string(ruled),
			"GetObjectLockConfiguration":      `"Days":1 … "Mode":"GOVERNANCE"`, "GetBucketPolicyStatus": `"IsPublic":false`,
			"ListTagsForResource": `[{"Key":"aws-cdk:auto-delete-objects","Value":"true"},{"Key":"Stage","Value":"` +
				string(s.size) + `"}]`,
			"GetBucketTagging": `[{"Key":"aws-cdk:auto-delete-objects","Value":"true"},{"Key":"Stage","Value":"` +
				string(s.size) + `"}]`,
		})
	}

	// The end, in the reverse order: each resource waits until what it has removed isn't found.
	_, err = c.DeletePublicAccessBlock(ctx, &s3.DeletePublicAccessBlockInput{Bucket: bucket})
	must("DeletePublicAccessBlock", err)
	_, err = c.DeleteBucketOwnershipControls(ctx, &s3.DeleteBucketOwnershipControlsInput{Bucket: bucket})
	must("DeleteBucketOwnershipControls", err)
	_, err = c.PutObjectLockConfiguration(ctx,
		&s3.PutObjectLockConfigurationInput{
			Bucket: bucket, ObjectLockConfiguration: &types.ObjectLockConfiguration{ObjectLockEnabled: "Enabled"},
		})
	must("PutObjectLockConfiguration", err)
	_, err = c.DeleteBucketLifecycle(ctx, &s3.DeleteBucketLifecycleInput{Bucket: bucket})
	must("DeleteBucketLifecycle", err)
	_, err = c.DeleteBucketPolicy(ctx, &s3.DeleteBucketPolicyInput{Bucket: bucket})
	must("DeleteBucketPolicy", err)
	_, err = c.DeleteBucketEncryption(ctx, &s3.DeleteBucketEncryptionInput{Bucket: bucket})
	must("DeleteBucketEncryption", err)
	readBucket(t, c, control, bucket).says(t, map[string]string{
		"GetPublicAccessBlock":            "NoSuchPublicAccessBlockConfiguration",
		"GetBucketOwnershipControls":      "OwnershipControlsNotFoundError",
		"GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
		"GetBucketPolicy":                 "NoSuchBucketPolicy", "GetBucketEncryption": `"SSEAlgorithm":"AES256"`,
	})
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	must("DeleteBucket", err)
	gone := readBucket(t, c, control, bucket)
	for name, found := range gone {
		want := "NoSuchBucket"
		switch name {
		case "HeadBucket":
			want = "NotFound"
		case "ListTagsForResource":
			want = "NoSuchResource"
		}
		if found != want {
			t.Errorf("%s of a bucket that is gone: %s", name, found)
		}
	}
}

func manageDirectoryBucket(t *testing.T, p *proxytest.Program, control *s3control.Client) {
	ctx, c, bucket := t.Context(), p.Client(t), aws.String("managed--usw2-az1--x-s3")
	arn := "arn:aws:s3express:us-west-2:" + proxytest.Account + ":bucket/" + *bucket
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	_, err := c.CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Bucket:   &types.BucketInfo{DataRedundancy: "SingleAvailabilityZone", Type: "Directory"},
			Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: "AvailabilityZone"},
			Tags:     []types.Tag{{Key: aws.String("Name"), Value: aws.String("managed")}},
		}})
	must("CreateBucket", err)
	all := func() reading {
		t.Helper()
		r := reading{}
		read(t, r, "HeadBucket", c.HeadBucket, &s3.HeadBucketInput{Bucket: bucket})
		read(t, r, "GetBucketPolicy", c.GetBucketPolicy, &s3.GetBucketPolicyInput{Bucket: bucket})
		read(t, r, "GetBucketEncryption", c.GetBucketEncryption, &s3.GetBucketEncryptionInput{Bucket: bucket})
		read(t, r, "GetBucketLifecycleConfiguration", c.GetBucketLifecycleConfiguration,
			&s3.GetBucketLifecycleConfigurationInput{Bucket: bucket})
		r.tags(t, control, arn)
		return r
	}
	first := all()
	first.is(t, all())
	first.says(t, map[string]string{
		"HeadBucket": `"BucketArn":"` + arn +
			`" … "BucketLocationName":"usw2-az1","BucketLocationType":"AvailabilityZone"`,
		"GetBucketPolicy":     "NoSuchBucketPolicy",
		"GetBucketEncryption": `"SSEAlgorithm":"AES256"`, "GetBucketLifecycleConfiguration": "NoSuchLifecycleConfiguration",
		"ListTagsForResource": `[{"Key":"Name","Value":"managed"}]`,
	})
	key := p.Env["SEALFRONT_KMS_KEY"]
	_, err = c.PutBucketEncryption(ctx,
		&s3.PutBucketEncryptionInput{
			Bucket: bucket,
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{
					{
						ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
							SSEAlgorithm: "aws:kms", KMSMasterKeyID: &key,
						},
						BucketKeyEnabled: aws.Bool(true),
					},
				},
			},
		})
	must("PutBucketEncryption", err)
	_, err = control.TagResource(ctx,
		&s3control.TagResourceInput{
			AccountId: aws.String(proxytest.Account), ResourceArn: &arn,
			Tags: proxytest.ControlTags("Name", "other", "Stage", "1"),
		})
	must("TagResource", err)
	second := all()
	second.is(t, all())
	second.says(t,
		map[string]string{
			"GetBucketEncryption": `"KMSMasterKeyID":"` + key + `" … "BucketKeyEnabled":true`,
			"ListTagsForResource": `[{"Key":"Name","Value":"other"},{"Key":"Stage","Value":"1"}]`,
		})
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	must("DeleteBucket", err)
	all().says(t,
		map[string]string{
			"HeadBucket": "NotFound", "GetBucketPolicy": "NoSuchBucket", "ListTagsForResource": "NoSuchResource",
		})
}

func TestInfrastructureAsCodeReadsKeysTheSameTwice(t *testing.T) {
	t.Parallel()
	keys := proxytest.StartKeyServer(t, proxytest.KeyServerConfig(t, "", ""))
	ctx := t.Context()
	c := kms.New(kms.Options{
		Region: "us-west-2", BaseEndpoint: aws.String(keys.Env["SEALFRONT_KMS_ENDPOINT"]), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(proxytest.KMSAccessKey, proxytest.KMSSecretKey, ""),
	})
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	policy := `{"Id":"managed","Statement":[{"Action":"kms:*","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Resource":"*","Sid":"all"}],"Version":"2012-10-17"}`
	made, err := c.CreateKey(ctx, &kms.CreateKeyInput{
		Description: aws.String("managed"), KeySpec: "SYMMETRIC_DEFAULT", KeyUsage: "ENCRYPT_DECRYPT", Policy: &policy,
		MultiRegion: aws.Bool(false),
		Tags:        []kmstypes.Tag{{TagKey: aws.String("Name"), TagValue: aws.String("managed")}},
	})
	must("CreateKey", err)
	id := made.KeyMetadata.KeyId
	_, err = c.EnableKeyRotation(ctx, &kms.EnableKeyRotationInput{KeyId: id, RotationPeriodInDays: aws.Int32(180)})
	must("EnableKeyRotation", err)
	alias := aws.String("alias/managed")
	_, err = c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: alias, TargetKeyId: id})
	must("CreateAlias", err)
	grantee := "arn:aws:iam::123456789012:role/app"
	grant, err := c.CreateGrant(ctx, &kms.CreateGrantInput{
		KeyId: id, GranteePrincipal: &grantee, Name: aws.String("managed"),
		Operations:  []kmstypes.GrantOperation{"Decrypt", "GenerateDataKey"},
		Constraints: &kmstypes.GrantConstraints{EncryptionContextSubset: map[string]string{"a": "b"}},
	})
	must("CreateGrant", err)
	all := func() reading {
		t.Helper()
		r := reading{}
		described, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})
		r.note(t, "DescribeKey", described, err)
		text, err := c.GetKeyPolicy(ctx, &kms.GetKeyPolicyInput{KeyId: id, PolicyName: aws.String("default")})
		r.note(t, "GetKeyPolicy", text, err)
		status, err := c.GetKeyRotationStatus(ctx, &kms.GetKeyRotationStatusInput{KeyId: id})
		r.note(t, "GetKeyRotationStatus", status, err)
		tags, err := c.ListResourceTags(ctx, &kms.ListResourceTagsInput{KeyId: id})
		r.note(t, "ListResourceTags", tags, err)
		aliases, err := c.ListAliases(ctx, &kms.ListAliasesInput{})
		r.note(t, "ListAliases", aliases, err)
		grants, err := c.ListGrants(ctx, &kms.ListGrantsInput{KeyId: id})
		r.note(t, "ListGrants", grants, err)
		return r
	}
	quoted := func(text string) string { b, _ := json.Marshal(text); return string(b) }
	first := all()
	first.is(t, all())
	first.says(t, map[string]string{
		"DescribeKey":  `"Description":"managed" … "Enabled":true … "KeyManager":"CUSTOMER" … "KeySpec":"SYMMETRIC_DEFAULT" … "KeyUsage":"ENCRYPT_DECRYPT" … "MultiRegion":false`,
		"GetKeyPolicy": quoted(policy), "GetKeyRotationStatus": `"KeyRotationEnabled":true … "RotationPeriodInDays":180`,
		"ListResourceTags": `{"TagKey":"Name","TagValue":"managed"}`,
		"ListAliases":      `"AliasName":"alias/managed" … "TargetKeyId":"` + *id + `"`,
		"ListGrants":       `"EncryptionContextSubset":{"a":"b"} … "GranteePrincipal":"` + grantee + `" … "Name":"managed"`,
	})
	changed := strings.Replace(policy, "managed", "changed", 1)
	_, err = c.UpdateKeyDescription(ctx, &kms.UpdateKeyDescriptionInput{KeyId: id, Description: aws.String("changed")})
	must("UpdateKeyDescription", err)
	_, err = c.PutKeyPolicy(ctx, &kms.PutKeyPolicyInput{KeyId: id, PolicyName: aws.String("default"), Policy: &changed})
	must("PutKeyPolicy", err)
	_, err = c.DisableKeyRotation(ctx, &kms.DisableKeyRotationInput{KeyId: id})
	must("DisableKeyRotation", err)
	_, err = c.TagResource(ctx,
		&kms.TagResourceInput{KeyId: id, Tags: []kmstypes.Tag{{TagKey: aws.String("Stage"), TagValue: aws.String("1")}}})
	must("TagResource", err)
	_, err = c.UntagResource(ctx, &kms.UntagResourceInput{KeyId: id, TagKeys: []string{"Name"}})
	must("UntagResource", err)
	_, err = c.RevokeGrant(ctx, &kms.RevokeGrantInput{KeyId: id, GrantId: grant.GrantId})
	must("RevokeGrant", err)
	_, err = c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id})
	must("DisableKey", err)
	second := all()
	second.is(t, all())
	second.says(t, map[string]string{
		"DescribeKey": `"Description":"changed" … "Enabled":false … "KeyState":"Disabled"`, "GetKeyPolicy": quoted(changed),
		"GetKeyRotationStatus": `"KeyRotationEnabled":false`,
		"ListResourceTags":     `[{"TagKey":"Stage","TagValue":"1"}]`, "ListGrants": `"Grants":[]`,
	})
	_, err = c.DeleteAlias(ctx, &kms.DeleteAliasInput{AliasName: alias})
	must("DeleteAlias", err)
	_, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(7)})
	must("ScheduleKeyDeletion", err)
	all().says(t, map[string]string{"DescribeKey": `"KeyState":"PendingDeletion"`})
	if found := all()["ListAliases"]; strings.Contains(found, "alias/managed") {
		t.Errorf("the alias is still there: %s", found)
	}
	_, err = c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id})
	if proxytest.Code(err) != "KMSInvalidStateException" || !strings.Contains(err.Error(), "is pending deletion") {
		t.Errorf("a second deletion, which the provider takes for done: %v", err)
	}
}
