package policy_test

import (
	"maps"
	"testing"

	"sealfront/policy"
)

func generalBucket(state string) *policy.Bucket {
	b := &policy.Bucket{
		Name: "plain", ARN: "arn:aws:s3:::plain", Account: account, Region: "us-west-2", Kind: policy.General,
	}
	switch state {
	case "s3":
		b.Default = policy.Encryption{SSE: policy.SSES3}
	case "kms":
		b.Default = policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK, BucketKey: true}
	case "kms0":
		b.Default = policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK}
	}
	return b
}

func TestGeneralPurposeRows(t *testing.T) {
	words["$PAIRS"] = encoded(`{"team":"a","stage":"b"}`)
	words["$OWN"] = encoded(`{"team":"a","aws:s3:arn":"arn:aws:s3:::plain"}`)
	words["$OBJECT"] = encoded(`{"team":"a","aws:s3:arn":"arn:aws:s3:::plain/` +
		request(policy.PutObject, "plain", "").Key + `"}`)
	columns, rows := table(t, "general.txt")
	for _, row := range rows {
		for i, want := range row[2:] {
			for _, op := range []policy.Operation{policy.PutObject, policy.CopyObject, policy.CreateMultipartUpload} {
				t.Run(row[0]+" "+op.String()+" "+row[1]+", "+columns[i+2], func(t *testing.T) {
					r := request(op, "plain", row[1])
					if op == policy.CopyObject {
						r.Header.(policy.MapFields)["x-amz-copy-source"] = []string{"plain/other"}
					}
					b := generalBucket(columns[i+2])
					refusal := policy.CheckRequest(op, r)
					var d policy.Decision
					if refusal == nil {
						d, refusal = policy.DecideEncryption(op, r, b, nil, &policy.Options{})
					}
					got := ""
					if refusal != nil {
						got = written(t, refusal)
					} else {
						got = shown(&d)
						if d.BucketKeyHeader != d.Encryption.BucketKey {
							t.Error("the header doesn't say what is done")
						}
					}
					if got != want {
						t.Errorf("got %s, want %s", got, want)
					}
				})
			}
		}
	}
}

func shown(d *policy.Decision) string {
	kind, bucketKey, context := "plain", "", ""
	d.ResponseHeaders(func(name, value string) {
		switch name {
		case short["sse"]:
			kind = map[string]string{"AES256": "AES256", "aws:kms": "kms"}[value]
		case short["bk"]:
			bucketKey = " bk"
		case short["ctx"]:
			context = " ctx"
		}
	})
	return kind + bucketKey + context
}

func TestCopiesFromADirectoryBucketUseNoBucketKey(t *testing.T) {
	r := request(policy.CopyObject, "plain", "") // its source is a directory bucket
	d, refusal := policy.DecideEncryption(policy.CopyObject, r, generalBucket("kms"), nil, &policy.Options{})
	if refusal != nil || d.Encryption.BucketKey || d.BucketKeyHeader || d.Encryption.KeyARN != keyK {
		t.Errorf("got %+v, %v", d, refusal)
	}
}

func TestAliasesAreLeftToKMS(t *testing.T) {
	r := request(policy.PutObject, "plain", "sse=aws:kms key=$ALIAS")
	b, o := generalBucket("s3"), &policy.Options{}
	d, refusal := policy.DecideEncryption(policy.PutObject, r, b, nil, o)
	if refusal != nil || d.ResolveKey != "alias/mine" || d.Encryption.KeyARN != "" {
		t.Fatalf("got %+v, %v", d, refusal)
	}
	if refusal := d.ResolvedKey(b, keyForeign, o); refusal == nil || d.Encryption.KeyARN != "" {
		t.Errorf("an alias of a foreign key: %+v, %v", d, refusal)
	}
	if refusal := d.ResolvedKey(b, keyOther, o); refusal != nil || d.Encryption.KeyARN != keyOther ||
		d.ResolveKey != "" {
		t.Errorf("got %+v, %v", d, refusal)
	}
}

func TestTheDefaultKeyStandsInForTheAWSManagedOne(t *testing.T) {
	r := request(policy.PutObject, "plain", "sse=aws:kms")
	d, refusal := policy.DecideEncryption(policy.PutObject, r, generalBucket("s3"), nil,
		&policy.Options{DefaultKey: keyOther})
	if refusal != nil || d.Encryption.KeyARN != keyOther || d.Row != "GP-4" {
		t.Errorf("got %+v, %v", d, refusal)
	}
}

func TestGeneralPurposeBucketsWithoutAConfiguration(t *testing.T) {
	o := &policy.Options{DefaultKey: keyOther}
	if got := o.GeneralDefault(); got.SSE != policy.SSES3 || got.KeyARN != "" {
		t.Errorf("by default: %+v", got)
	}
	o.DefaultKMS = true
	b := generalBucket("s3")
	b.Default = o.GeneralDefault()
	d, refusal := policy.DecideEncryption(policy.PutObject, request(policy.PutObject, "plain", ""), b, nil, o)
	if refusal != nil || d.Row != "GP-1" || d.Encryption.SSE != policy.SSEKMS || d.Encryption.KeyARN != keyOther ||
		!d.BucketKeyHeader {
		t.Errorf("under the default key: %+v, %v", d, refusal)
	}
	if got := policy.EncryptionConfiguration(b, o); got != (policy.EncryptionRule{Algorithm: "aws:kms", BucketKey: true}) {
		t.Errorf("it says %+v", got)
	}
}

// On Amazon S3, the policy of aws/s3 lets everybody use it who may use the bucket.
func TestTheDefaultKeyNeedsNoPermissionOfItsOwn(t *testing.T) {
	s3Only := []policy.Statement{allow("s3:*", "*")}
	for _, c := range []struct {
		name       string
		statements []policy.Statement
		kind       policy.Kind
		key        string
		want       bool
	}{
		{"the default key", s3Only, policy.General, keyOther, true},
		{"another key", s3Only, policy.General, keyK, false},
		{
			"the default key, denied", append([]policy.Statement{deny("kms:*", "*")}, s3Only...), policy.General,
			keyOther, false,
		},
		{
			"the default key of a directory bucket",
			[]policy.Statement{allow("s3express:*", "*")},
			policy.Directory,
			keyOther, false,
		},
		{"the default key, by nobody", nil, policy.General, keyOther, false},
	} {
		target := &policy.Target{
			Kind: c.kind, BucketARN: "arn:aws:s3:::plain", Key: "key", KeyARN: c.key, ManagedKey: keyOther,
		}
		for _, op := range []policy.Operation{policy.GetObject, policy.PutObject, policy.PutBucketEncryption} {
			if got := policy.Authorize(op, request(op, "plain", ""), caller(t, c.statements...), target,
				0) == nil; got != c.want {
				t.Errorf("%s: %s: %t", c.name, op, got)
			}
		}
	}
}

// Finding S1: what lies in the store must not choose the key.
func TestKeysAreBelievedOnlyWhereTheBucketSaysSo(t *testing.T) {
	o := &policy.Options{ServiceKey: keyOther}
	patterns := &policy.Options{ServiceKey: keyOther, AllowedKeys: []string{"arn:aws:kms:*:210987654321:key/*"}}
	for _, c := range []struct {
		name   string
		bucket *policy.Bucket
		sse    policy.SSE
		key    string
		o      *policy.Options
		want   bool
	}{
		{"K of a directory bucket", bucket("kms"), policy.SSEKMS, keyK, o, true},
		{"K after going back to SSE-S3", bucket("back"), policy.SSEKMS, keyK, o, true},
		{
			"another key of the account", bucket("kms"), policy.SSEKMS, "arn:aws:kms:us-west-2:" + account +
				":key/x", o, false,
		},
		{"the service key as if it were K", bucket("kms"), policy.SSEKMS, keyOther, o, false},
		{"any key where none was set", bucket("none"), policy.SSEKMS, keyK, o, false},
		{"no key where none was set", bucket("none"), policy.SSEKMS, "", o, false},
		{"the service key for SSE-S3", bucket("none"), policy.SSES3, keyOther, o, true},
		{"K as if it were the service key", bucket("kms"), policy.SSES3, keyK, o, false},
		{"no service key", bucket("none"), policy.SSES3, "", &policy.Options{}, false},
		{"patterns mean nothing to directory buckets", bucket("kms"), policy.SSEKMS, keyForeign, patterns, false},
		{"a key of the account", generalBucket("s3"), policy.SSEKMS, keyK, o, true},
		{"a foreign key", generalBucket("s3"), policy.SSEKMS, keyForeign, o, false},
		{"a foreign key that is allowed", generalBucket("s3"), policy.SSEKMS, keyForeign, patterns, true},
		{
			"a key of the account that isn't among the allowed", generalBucket("s3"), policy.SSEKMS, keyK,
			patterns, false,
		},
		{"something that isn't a key", generalBucket("s3"), policy.SSEKMS, "arn:aws:s3:::" + account, o, false},
		{"an object without encryption", generalBucket("s3"), policy.NoSSE, keyK, o, false},
	} {
		if got := policy.KeyAllowed(c.bucket, c.sse, c.key, c.o); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestTheContextOfKMSCallsNamesTheBucket(t *testing.T) {
	if got := policy.KMSContext(bucket("kms"), policy.Encryption{}); !maps.Equal(
		got, map[string]string{"aws:s3express:arn": bucketARN}) {
		t.Errorf("directory bucket: %v", got)
	}
	extra := map[string]string{"team": "a", "aws:s3:arn": "arn:aws:s3:::stolen"}
	got := policy.KMSContext(generalBucket("kms"), policy.Encryption{Context: extra})
	if !maps.Equal(got, map[string]string{"aws:s3:arn": "arn:aws:s3:::plain", "team": "a"}) {
		t.Errorf("general purpose bucket: %v", got)
	}
	got["team"] = "b"
	if extra["team"] != "a" {
		t.Error("the map is shared")
	}
	r := request(policy.PutObject, "plain", "sse=aws:kms key=$K")
	r.Header.(policy.MapFields)[short["ctx"]] = []string{encoded(`{"team":"a","aws:s3:arn":"arn:aws:s3:::plain/key"}`)}
	d, refusal := policy.DecideEncryption(policy.PutObject, r, generalBucket("s3"), nil, &policy.Options{})
	if refusal != nil || !maps.Equal(d.Encryption.Context, map[string]string{"team": "a"}) {
		t.Errorf("only additional pairs are kept: %v, %v", d.Encryption.Context, refusal)
	}
	if got := policy.BucketARN(bucketName, "us-west-2", account); got != bucketARN {
		t.Errorf("got %s", got)
	}
}

func TestCP10ACopyOntoItselfMustChangeSomething(t *testing.T) {
	s3, kms := policy.Encryption{SSE: policy.SSES3}, policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK}
	for _, c := range []struct {
		name      string
		bucket    *policy.Bucket
		headers   string
		directive string
		source    policy.Encryption
		changes   bool
	}{
		{"nothing", bucket("kms"), "", "", kms, false},
		{"COPY", bucket("kms"), "", "COPY", kms, false},
		{"REPLACE", bucket("kms"), "", "REPLACE", kms, true},
		{"from SSE-S3 to the default", bucket("kms"), "", "", s3, true},
		{"from SSE-KMS to SSE-S3", bucket("kms"), "sse=AES256", "", kms, true},
		{"the same kind, named", bucket("kms"), "sse=aws:kms", "", kms, false},
		{"the same kind, named, general purpose", generalBucket("kms"), "sse=aws:kms", "", kms, true},
		{"nothing, general purpose", generalBucket("kms"), "", "", kms, false},
		{"nothing, general purpose, with encryption set by hand", configured(generalBucket("kms")), "", "", kms, true},
		{"nothing, with encryption set by hand", configured(bucket("kms")), "", "", kms, false},
	} {
		r := request(policy.CopyObject, c.bucket.Name, c.headers)
		if c.directive != "" {
			r.Header.(policy.MapFields)["x-amz-metadata-directive"] = []string{c.directive}
		}
		d, refusal := policy.DecideEncryption(policy.CopyObject, r, c.bucket, nil, &policy.Options{})
		if refusal != nil {
			t.Fatal(c.name, refusal)
		}
		if refusal := policy.DecideSelfCopy(r, c.bucket, d, c.source); (refusal == nil) != c.changes {
			t.Errorf("%s: %v", c.name, refusal)
		}
	}
}

// configured is b after PutBucketEncryption.
func configured(b *policy.Bucket) *policy.Bucket {
	b.Configured = true
	return b
}

// C-02: the documented answer can be had by a setting.
func TestStrictSessionsMustNameTheKey(t *testing.T) {
	o := &policy.Options{StrictSessionKey: true}
	if got := decide(t, policy.CreateSession, request(policy.CreateSession, bucketName, "sse=aws:kms"), bucket("kms"),
		nil, o); got != "InvalidArgument key" {
		t.Errorf("without key: %s", got)
	}
	if got := decide(t, policy.CreateSession, request(policy.CreateSession, bucketName, "sse=aws:kms key=$ID"),
		bucket("kms"), nil, o); got != "kms bk" {
		t.Errorf("with key: %s", got)
	}
	if got := decide(t, policy.PutObject, request(policy.PutObject, bucketName, "sse=aws:kms"), bucket("kms"),
		session("sK"), o); got != "kms bk" {
		t.Errorf("R20 lets writes leave it out: %s", got)
	}
}
