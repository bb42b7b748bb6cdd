package policy_test

import (
	"testing"

	"sealfront/policy"
)

// caller has a policy of one statement an argument.
func caller(t testing.TB, statements ...policy.Statement) *policy.Caller {
	return &policy.Caller{Principal: maker, Account: account, Policy: compiled(t, statements...)}
}

func TestAuthorize(t *testing.T) {
	directory := policy.Target{Kind: policy.Directory, BucketARN: bucketARN}
	sealed := policy.Target{Kind: policy.Directory, BucketARN: bucketARN, KeyARN: keyK}
	object := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain", Key: "a/b"}
	sealedObject := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain", Key: "a/b", KeyARN: keyK}
	session := allow("s3express:CreateSession", bucketARN)
	readOnly := under(session, "StringEquals", "s3express:SessionMode", "ReadOnly")
	readWrite := under(session, "StringEquals", "s3express:SessionMode", "ReadWrite")
	for _, c := range []struct {
		name   string
		op     policy.Operation
		target policy.Target
		mode   policy.Mode
		policy []policy.Statement
		want   bool
	}{
		{"nothing is allowed by default", policy.GetObject, directory, 0, nil, false},
		{"CreateSession decides zonal reads", policy.GetObject, directory, 0, []policy.Statement{session}, true},
		{"CreateSession decides zonal writes", policy.PutObject, directory, 0, []policy.Statement{session}, true},
		{
			"s3:GetObject means nothing in directory buckets", policy.GetObject, directory, 0,
			[]policy.Statement{allow("s3:*", "*")},
			false,
		},
		{"ReadOnly permits reads", policy.GetObject, directory, 0, []policy.Statement{readOnly}, true},
		{"ReadOnly doesn't permit writes", policy.PutObject, directory, 0, []policy.Statement{readOnly}, false},
		{"ReadWrite permits reads", policy.ListObjectsV2, directory, 0, []policy.Statement{readWrite}, true},
		{
			"ReadWrite permits a ReadWrite session", policy.CreateSession, directory, policy.ReadWrite,
			[]policy.Statement{readWrite},
			true,
		},
		{
			"ReadWrite alone doesn't permit a ReadOnly session", policy.CreateSession, directory, policy.ReadOnly,
			[]policy.Statement{readWrite},
			false,
		},
		{
			"ReadOnly permits a ReadOnly session", policy.CreateSession, directory, policy.ReadOnly,
			[]policy.Statement{readOnly},
			true,
		},
		{
			"ReadOnly doesn't permit a ReadWrite session", policy.CreateSession, directory, policy.ReadWrite,
			[]policy.Statement{readOnly},
			false,
		},
		{
			"a KMS session needs the key", policy.CreateSession, sealed, policy.ReadWrite,
			[]policy.Statement{session},
			false,
		},
		{
			"a KMS session needs both permissions on the key", policy.CreateSession, sealed, policy.ReadWrite,
			[]policy.Statement{session, allow("kms:Decrypt", keyK)},
			false,
		},
		{
			"a KMS session with both permissions", policy.CreateSession, sealed, policy.ReadWrite, []policy.Statement{
				session, allow("kms:Decrypt kms:GenerateDataKey", keyK),
			}, true,
		},
		{
			"R25: reading needs kms:GenerateDataKey too", policy.GetObject, sealed, 0,
			[]policy.Statement{session, allow("kms:Decrypt", "*")},
			false,
		},
		{"a delete needs no key", policy.DeleteObject, sealed, 0, []policy.Statement{session}, true},
		{
			"PBE-22: PutBucketEncryption needs the key", policy.PutBucketEncryption, sealed, 0, []policy.Statement{
				allow("s3express:PutEncryptionConfiguration", bucketARN),
			}, false,
		},
		{
			"PutBucketEncryption", policy.PutBucketEncryption, sealed, 0, []policy.Statement{
				allow("s3express:PutEncryptionConfiguration", bucketARN), allow("kms:*", keyK),
			}, true,
		},
		{
			"DeleteBucketEncryption has the same permission", policy.DeleteBucketEncryption, directory, 0,
			[]policy.Statement{allow("s3express:PutEncryptionConfiguration", bucketARN)},
			true,
		},
		{
			"CreateSession doesn't permit regional operations", policy.DeleteBucket, directory, 0,
			[]policy.Statement{session},
			false,
		},
		{
			"CreateBucket", policy.CreateBucket, directory, 0,
			[]policy.Statement{allow("s3express:CreateBucket", "*")},
			true,
		},
		{
			"listing directory buckets", policy.ListDirectoryBuckets, policy.Target{}, 0, []policy.Statement{
				allow("s3express:ListAllMyDirectoryBuckets", "*"),
			}, true,
		},
		{
			"listing buckets", policy.ListBuckets,
			policy.Target{},
			0,
			[]policy.Statement{allow("s3:ListAllMyBuckets", "*")},
			true,
		},
		{
			"a general purpose read", policy.GetObject, object, 0, []policy.Statement{
				allow("s3:GetObject", "arn:aws:s3:::plain/a/*"),
			}, true,
		},
		{
			"a general purpose read of another key", policy.GetObject, object, 0, []policy.Statement{
				allow("s3:GetObject", "arn:aws:s3:::plain/c/*"),
			}, false,
		},
		{
			"a general purpose read needs kms:Decrypt alone", policy.GetObject, sealedObject, 0, []policy.Statement{
				allow("s3:GetObject", "*"), allow("kms:Decrypt", keyK),
			}, true,
		},
		{
			"a general purpose write needs kms:GenerateDataKey", policy.PutObject, sealedObject, 0, []policy.Statement{
				allow("s3:PutObject", "*"), allow("kms:Decrypt", keyK),
			}, false,
		},
		{
			"a general purpose listing is of the bucket", policy.ListObjectsV2, object, 0, []policy.Statement{
				allow("s3:ListBucket", "arn:aws:s3:::plain"),
			}, true,
		},
		{
			"general purpose encryption settings", policy.GetBucketEncryption, object, 0, []policy.Statement{
				allow("s3:GetEncryptionConfiguration", "arn:aws:s3:::plain"),
			}, true,
		},
		{
			"only over TLS, and it is", policy.GetObject, directory, 0, []policy.Statement{
				session, under(deny("*", "*"), "Bool", "aws:SecureTransport", "false"),
			}, true,
		},
		{"the key of the session is a condition", policy.CreateSession, sealed, 0, []policy.Statement{
			under(session, "StringEquals", "s3express:x-amz-server-side-encryption-aws-kms-key-id", keyK),
			allow("kms:*", "*"),
		}, true},
		{"another key of the session", policy.CreateSession, sealed, 0, []policy.Statement{
			under(session, "StringEquals", "s3express:x-amz-server-side-encryption-aws-kms-key-id", keyOther),
			allow("kms:*", "*"),
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			refusal := policy.Authorize(c.op, request(c.op, bucketName, ""), caller(t, c.policy...), &c.target, c.mode)
			if (refusal == nil) != c.want {
				t.Errorf("got %v", refusal)
			}
			if refusal != nil && refusal.Error() != "AccessDenied: Access Denied" {
				t.Errorf("the message says too much: %v", refusal)
			}
		})
	}
}

func TestTheRequestAnswersConditionKeys(t *testing.T) {
	target := policy.Target{Kind: policy.General, BucketARN: "arn:aws:s3:::plain"}
	for _, c := range []struct {
		operator, key, value string
		want                 bool
	}{
		{"StringLike", "s3:prefix", "home/*", true},
		{"StringEquals", "s3:delimiter", "/", true},
		{"NumericLessThan", "s3:max-keys", "100", true},
		{"StringEquals", "s3:x-amz-server-side-encryption", "aws:kms", true},
		{"StringEquals", "s3:x-amz-content-sha256", "UNSIGNED-PAYLOAD", true},
		{"StringEquals", "aws:PrincipalArn", maker, true},
		{"StringEquals", "aws:PrincipalAccount", account, true},
		{"StringEquals", "aws:username", "maker", true},
		{"Null", "s3:x-amz-acl", "true", true},
		{"StringEquals", "aws:useragent", "x", false},
		{"StringEquals", "s3:authType", "REST-HEADER", false}, // a header of that name must not answer it
	} {
		r := received(t, "GET", "plain", "list-type=2&prefix=home/me&delimiter=/&max-keys=5",
			"x-amz-server-side-encryption=aws:kms x-amz-content-sha256=UNSIGNED-PAYLOAD authtype=REST-HEADER")
		who := caller(t, under(allow("*", "*"), c.operator, c.key, c.value))
		who.Values = policy.MapValues{"aws:username": "maker"}
		if refusal := policy.Authorize(policy.ListObjectsV2, r, who, &target, 0); (refusal == nil) != c.want {
			t.Errorf("%s %s %s: %v", c.operator, c.key, c.value, refusal)
		}
	}
}

func TestSourcesOfCopiesNeedReadPermission(t *testing.T) {
	source := policy.Target{Kind: policy.Directory, BucketARN: bucketARN, KeyARN: keyK}
	readOnly := under(allow("s3express:CreateSession", bucketARN), "StringEquals", "s3express:SessionMode", "ReadOnly")
	r := request(policy.CopyObject, bucketName, "")
	if refusal := policy.AuthorizeSource(r, caller(t, readOnly), &source); refusal == nil {
		t.Error("the key of the source isn't permitted")
	}
	if refusal := policy.AuthorizeSource(r, caller(t, readOnly, allow("kms:Decrypt", keyK)), &source); refusal != nil {
		t.Errorf("ReadOnly suffices for a source: %v", refusal)
	}
}
