package policy_test

import (
	"testing"

	"sealfront/policy"
)

const (
	maker    = "arn:aws:iam::" + account + ":user/maker"
	somebody = "arn:aws:iam::" + account + ":user/somebody"
)

func TestSessionsCountOnlyForWhatTheyWereMadeFor(t *testing.T) {
	readWrite := policy.Session{Bucket: bucketName, Principal: maker}
	readOnly := policy.Session{Bucket: bucketName, Principal: maker, Mode: policy.ReadOnly}
	provisional := policy.Session{Bucket: bucketName, Principal: maker, Provisional: true}
	elsewhere := policy.Session{Bucket: "other--usw2-az1--x-s3", Principal: maker}
	made, madeByOther := bucket("kms"), bucket("kms")
	made.Creator, madeByOther.Creator = maker, somebody
	for _, c := range []struct {
		name    string
		op      policy.Operation
		session *policy.Session
		bucket  *policy.Bucket
		want    string // row and code of the refusal, "" for none
	}{
		{"a long-term key may do everything", policy.PutObject, nil, made, ""},
		{"a long-term key finds no bucket", policy.PutObject, nil, nil, "1.1 NoSuchBucket"},
		{"a long-term key creates the bucket", policy.CreateBucket, nil, nil, ""},
		{"CreateSession with a session", policy.CreateSession, &readWrite, made, "3.1 InvalidRequest"},
		{"a session of another bucket", policy.GetObject, &elsewhere, made, "SE-4 AccessDenied"},
		{"a write in a ReadOnly session", policy.PutObject, &readOnly, made, "SE-8 AccessDenied"},
		{"a delete in a ReadOnly session", policy.DeleteObject, &readOnly, made, "SE-8 AccessDenied"},
		{"a rename in a ReadOnly session", policy.RenameObject, &readOnly, made, "SE-8 AccessDenied"},
		{"an upload begun in a ReadOnly session", policy.CreateMultipartUpload, &readOnly, made, "SE-8 AccessDenied"},
		{"a read in a ReadOnly session", policy.GetObject, &readOnly, made, ""},
		{"HeadBucket in a ReadOnly session", policy.HeadBucket, &readOnly, made, ""},
		{"ListParts in a ReadOnly session", policy.ListParts, &readOnly, made, ""},
		{"a write in a ReadWrite session", policy.PutObject, &readWrite, made, ""},
		{"CopyObject with a session", policy.CopyObject, &readWrite, made, "U-17 AccessDenied"},
		{"UploadPartCopy with a session", policy.UploadPartCopy, &readWrite, made, "U-17 AccessDenied"},
		{"the bucket is gone", policy.GetObject, &readWrite, nil, "SE-12 NoSuchBucket"},
		{"the bucket is made again", policy.CreateBucket, &readWrite, nil, ""},
		{"REG-1: PutBucketEncryption with a session", policy.PutBucketEncryption, &readWrite, made, ""},
		{"REG-1: GetBucketEncryption with a ReadOnly session", policy.GetBucketEncryption, &readOnly, made, ""},
		{
			"REG-1: PutBucketEncryption with a ReadOnly session", policy.PutBucketEncryption, &readOnly, made,
			"REG-1 AccessDenied",
		},
		{"REG-1: DeleteBucket with a ReadOnly session", policy.DeleteBucket, &readOnly, made, "REG-1 AccessDenied"},
		{"REG-2: CreateBucket with a provisional session", policy.CreateBucket, &provisional, nil, ""},
		{"REG-2: a write before the bucket is made", policy.PutObject, &provisional, nil, "REG-2 NoSuchBucket"},
		{
			"REG-2: a change before the bucket is made", policy.PutBucketEncryption, &provisional, nil,
			"REG-2 NoSuchBucket",
		},
		{
			"REG-2, REG-4: a change after the principal made the bucket", policy.PutBucketEncryption,
			&provisional, made, "",
		},
		{"REG-2, REG-4: a write after the principal made the bucket", policy.PutObject, &provisional, made, ""},
		{"REG-2: somebody else made the bucket", policy.PutObject, &provisional, madeByOther, "REG-2 NoSuchBucket"},
		{
			"REG-2: somebody else made the bucket, so it can't be made", policy.CreateBucket, &provisional, madeByOther,
			"REG-2 NoSuchBucket",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			now, refusal := policy.DecideSession(c.op, request(c.op, bucketName, ""), c.bucket, c.session)
			got := ""
			if refusal != nil {
				got = refusal.Row + " " + refusal.Code
			}
			if got != c.want {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			if c.session == &provisional && c.bucket == made &&
				(now.Provisional || now.Mode != policy.ReadWrite || now.Encryption.KeyARN != keyK) {
				t.Errorf("it must count as a ReadWrite session with the default of the bucket: %+v", now)
			}
		})
	}
	if provisional.Provisional != true || provisional.Encryption.SSE != policy.NoSSE {
		t.Error("the session that was given has changed")
	}
}

func TestNoSessionReachesAGeneralPurposeBucket(t *testing.T) {
	s := policy.Session{Bucket: "plain"}
	b := policy.Bucket{Name: "plain", Kind: policy.General}
	if _, refusal := policy.DecideSession(policy.GetObject, request(policy.GetObject, "plain", ""), &b,
		&s); refusal == nil || refusal.Row != "SE-4" {
		t.Errorf("got %v", refusal)
	}
}

func TestProvisionalSessionsNeedThePermissionToCreate(t *testing.T) {
	r := request(policy.CreateSession, bucketName, "")
	s, refusal := policy.DecideProvisional(r, maker, true)
	if refusal != nil || !s.Provisional || s.Bucket != bucketName || s.Principal != maker {
		t.Errorf("REG-2: %+v, %v", s, refusal)
	}
	if _, refusal := policy.DecideProvisional(r, maker, false); refusal == nil || refusal.Code != "NoSuchBucket" ||
		refusal.Row != "REG-3" {
		t.Errorf("REG-3: %v", refusal)
	}
}

func TestSessionModeIsTheHighestThatIsAllowed(t *testing.T) {
	for _, c := range []struct {
		asked               string
		readWrite, readOnly bool
		want                string
	}{
		{"", true, true, "ReadWrite"},
		{"", false, true, "ReadOnly"},
		{"", true, false, "ReadWrite"},
		{"", false, false, "SE-9"},
		{"ReadWrite", true, true, "ReadWrite"},
		{"ReadWrite", false, true, "SE-9"},
		{"ReadOnly", true, true, "ReadOnly"},
		{"ReadOnly", true, false, "SE-9"},
	} {
		r := request(policy.CreateSession, bucketName, "")
		if c.asked != "" {
			r.Header.(policy.MapFields)["x-amz-create-session-mode"] = []string{c.asked}
		}
		mode, refusal := policy.SessionMode(r, func(m policy.Mode) bool {
			return m == policy.ReadWrite && c.readWrite || m == policy.ReadOnly && c.readOnly
		})
		got := mode.String()
		if refusal != nil {
			got = refusal.Row
		}
		if got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func TestTLSAndSignatureVersion(t *testing.T) {
	kms, s3 := policy.SSEKMS, policy.SSES3
	for _, c := range []struct {
		name    string
		op      policy.Operation
		tls     bool
		sse     policy.SSE
		require policy.Require
		want    string
	}{
		{"T-1: a KMS write over HTTP", policy.PutObject, false, kms, policy.RequireKMS, "T-1 InvalidArgument"},
		{"T-1: a KMS read over HTTP", policy.GetObject, false, kms, policy.RequireKMS, "T-1 InvalidArgument"},
		{
			"T-1: HEAD of a KMS object over HTTP", policy.HeadObject, false, kms, policy.RequireKMS,
			"T-1 InvalidArgument",
		},
		{"T-1: a KMS copy over HTTP", policy.CopyObject, false, kms, policy.RequireKMS, "T-1 InvalidArgument"},
		{"T-1: a KMS part over HTTP", policy.UploadPart, false, kms, policy.RequireKMS, "T-1 InvalidArgument"},
		{
			"T-1: completing a KMS upload over HTTP", policy.CompleteMultipartUpload, false, kms, policy.RequireKMS,
			"T-1 InvalidArgument",
		},
		{"an SSE-S3 write over HTTP", policy.PutObject, false, s3, policy.RequireKMS, ""},
		{"a listing over HTTP", policy.ListObjectsV2, false, kms, policy.RequireKMS, ""},
		{"a KMS session over HTTP", policy.CreateSession, false, kms, policy.RequireKMS, ""},
		{"deleting a KMS object over HTTP", policy.DeleteObject, false, kms, policy.RequireKMS, ""},
		{"a KMS write over TLS", policy.PutObject, true, kms, policy.RequireAll, ""},
		{
			"T-3: a listing over HTTP where all must be TLS", policy.ListObjectsV2, false, policy.NoSSE,
			policy.RequireAll, "T-3 InvalidRequest",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if refusal := policy.DecideTLS(c.op, &policy.Request{TLS: c.tls}, c.sse, c.require); refusal != nil {
				got = refusal.Row + " " + refusal.Code
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		signature policy.Signature
		bucket    *policy.Bucket
		want      string
	}{
		"SigV4":                               {policy.SigV4, bucket("kms"), ""},
		"T-2: SigV2 where the default is KMS": {policy.SigV2, bucket("kms"), "T-2 InvalidArgument"},
		"SigV2 elsewhere":                     {policy.SigV2, bucket("none"), "T-2 InvalidRequest"},
		"SigV2 without a bucket":              {policy.SigV2, nil, "T-2 InvalidRequest"},
		"T-4: anonymous":                      {policy.Anonymous, bucket("kms"), "T-4 AccessDenied"},
		"T-4: anonymous and no such bucket":   {policy.Anonymous, nil, "T-4 AccessDenied"},
	} {
		got := ""
		if refusal := policy.DecideSignature(&policy.Request{Signature: c.signature}, c.bucket); refusal != nil {
			got = refusal.Row + " " + refusal.Code
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
