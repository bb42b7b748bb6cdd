package policy_test

import (
	"strings"
	"testing"
	"time"

	"sealfront/policy"
)

func TestDocumentsOfObjectEncryption(t *testing.T) {
	const namespace = ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`
	arn := "<KMSKeyArn>" + keyK + "</KMSKeyArn>"
	kms := func(inside string) string {
		return "<ObjectEncryption" + namespace + "><SSE-KMS>" + inside + "</SSE-KMS></ObjectEncryption>"
	}
	other := func(kind string) string { return "<ObjectEncryption><" + kind + "/></ObjectEncryption>" }
	for _, c := range []struct {
		name, document, row string
		bucketKey           bool
	}{
		{"as the SDK for Go writes it", kms("<BucketKeyEnabled>true</BucketKeyEnabled>" + arn), "", true},
		{"without a word on bucket keys", kms(arn), "", false},
		{"bucket key off", kms(arn + "<BucketKeyEnabled>false</BucketKeyEnabled>"), "", false},
		{"bucket key 1", kms(arn + "<BucketKeyEnabled> 1 </BucketKeyEnabled>"), "", true},
		{"no document", "", "UE-3", false},
		{"another document", "<Tagging/>", "UE-3", false},
		{
			"two encryptions", "<ObjectEncryption><SSE-KMS>" + arn + "</SSE-KMS><SSE-KMS>" + arn +
				"</SSE-KMS></ObjectEncryption>", "UE-3", false,
		},
		{"two kinds", "<ObjectEncryption><SSE-KMS>" + arn + "</SSE-KMS><SSE-S3/></ObjectEncryption>", "UE-3", false},
		{"two other kinds", "<ObjectEncryption><SSE-C/><SSE-S3/></ObjectEncryption>", "UE-3", false},
		{"an unknown kind", other("SSE-QUANTUM"), "UE-3", false},
		{"an unknown element", kms(arn + "<KMSContext>x</KMSContext>"), "UE-3", false},
		{"two keys", kms(arn + arn), "UE-3", false},
		{
			"two flags", kms(
				arn + "<BucketKeyEnabled>true</BucketKeyEnabled><BucketKeyEnabled>true</BucketKeyEnabled>"),
			"UE-3", false,
		},
		{"no encryption", "<ObjectEncryption/>", "UE-4", false},
		{"SSE-S3", other("SSE-S3"), "UE-4", false},
		{"SSE-C", other("SSE-C"), "UE-4", false},
		{"DSSE-KMS", other("DSSE-KMS"), "UE-4", false},
		{"no key", kms(""), "UE-5", false},
		{"an empty key", kms("<KMSKeyArn> </KMSKeyArn>"), "UE-5", false},
		{"a key id", kms("<KMSKeyArn>" + id + "</KMSKeyArn>"), "UE-5", false},
		{"an alias", kms("<KMSKeyArn>" + words["$ALIASARN"] + "</KMSKeyArn>"), "UE-5", false},
		{"the ARN of something else", kms("<KMSKeyArn>arn:aws:s3:::bucket</KMSKeyArn>"), "UE-5", false},
		{
			"an ARN without an id", kms("<KMSKeyArn>arn:aws:kms:us-west-2:" + account + ":key/</KMSKeyArn>"),
			"UE-5", false,
		},
		{
			"an ARN without an account", kms("<KMSKeyArn>arn:aws:kms:us-west-2::key/" + id + "</KMSKeyArn>"),
			"UE-5", false,
		},
		{"a flag that is neither", kms(arn + "<BucketKeyEnabled>TRUE</BucketKeyEnabled>"), "UE-6", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked, refusal := policy.ParseObjectEncryption([]byte(c.document))
			switch {
			case refusal != nil:
				written(t, refusal)
				if refusal.Row != c.row || (refusal.Code == "MalformedXML") != (c.row == "UE-3") ||
					refusal.Code != "MalformedXML" && refusal.Code != "InvalidRequest" {
					t.Errorf("row %s, want %s: %v", refusal.Row, c.row, refusal)
				}
			case c.row != "" || asked.KeyARN != keyK || asked.BucketKey != c.bucketKey:
				t.Errorf("%+v, want row %q", asked, c.row)
			}
		})
	}
}

func TestWhichKeyAnObjectMayBeUpdatedTo(t *testing.T) {
	for _, c := range []struct {
		name, key string
		options   policy.Options
		row, text string
	}{
		{"a key of the account", keyOther, policy.Options{}, "UE-1", ""},
		{"a key of another account", keyForeign, policy.Options{}, "GP-6", "must be owned by the same account"},
		{
			"a key of another account that is allowed", keyForeign,
			policy.Options{AllowedKeys: []string{keyForeign}},
			"UE-1", "",
		},
		{
			"a key of the account that isn't allowed", keyOther,
			policy.Options{AllowedKeys: []string{keyK}},
			"GP-6",
			"Access Denied",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, refusal := policy.DecideObjectEncryption(generalBucket("s3"),
				policy.ObjectEncryption{KeyARN: c.key, BucketKey: true}, &c.options)
			if refusal != nil {
				written(t, refusal)
				if refusal.Row != c.row || refusal.Code != "AccessDenied" ||
					!strings.Contains(refusal.Message, c.text) {
					t.Errorf("%s %v", refusal.Row, refusal)
				}
				return
			}
			if d.Row != c.row || d.Encryption.SSE != policy.SSEKMS || d.Encryption.KeyARN != c.key ||
				!d.Encryption.BucketKey {
				t.Errorf("%+v, want row %s", d, c.row)
			}
		})
	}
}

func TestWhatAnUpdateChanges(t *testing.T) {
	now := time.Date(2026, 11, 29, 20, 0, 0, 0, time.UTC)
	const before, after = "2026-11-29T19:00:00Z", "2026-11-29T21:00:00.000Z"
	pairs := map[string]string{"team": "a"}
	s3, withKey := policy.Encryption{SSE: policy.SSES3}, policy.Encryption{
		SSE: policy.SSEKMS, KeyARN: keyK, BucketKey: true, Context: pairs,
	}
	for _, c := range []struct {
		name     string
		existing policy.Encryption
		lock     policy.ObjectLock
		key      string
		row      string
	}{
		{"SSE-S3 to SSE-KMS", s3, policy.ObjectLock{}, keyK, "UE-1"},
		{"another key", withKey, policy.ObjectLock{}, keyOther, "UE-1"},
		{
			"no bucket key any more",
			policy.Encryption{SSE: policy.SSEKMS, KeyARN: keyK},
			policy.ObjectLock{},
			keyK, "UE-1",
		},
		{"what it has", withKey, policy.ObjectLock{}, keyK, "UE-7"},
		{
			"a retention that is over", s3,
			policy.ObjectLock{Mode: "COMPLIANCE", Until: before, Hold: "OFF"},
			keyK, "UE-1",
		},
		{"a retention", s3, policy.ObjectLock{Mode: "GOVERNANCE", Until: after}, keyK, "UE-8"},
		{"a retention without a readable end", s3, policy.ObjectLock{Mode: "GOVERNANCE", Until: "soon"}, keyK, "UE-8"},
		{"a legal hold", withKey, policy.ObjectLock{Hold: "ON"}, keyK, "UE-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := policy.Decision{
				Row: "UE-1", Encryption: policy.Encryption{SSE: policy.SSEKMS, KeyARN: c.key, BucketKey: true},
			}
			d, changes, refusal := policy.DecideUpdate(asked, c.existing, c.lock, now)
			row := d.Row
			if refusal != nil {
				written(t, refusal)
				row = refusal.Row
			}
			if row != c.row || changes != (c.row == "UE-1") || policy.Why(row) == "" {
				t.Errorf("row %s, changes %t, %v", row, changes, refusal)
			}
			if refusal == nil && len(d.Encryption.Context) != len(c.existing.Context) {
				t.Errorf("the context became %v", d.Encryption.Context)
			}
		})
	}
}

// Permission comes before the document, TLS and the key's own permissions with it.
func TestWhoMayUpdateAnObjectsEncryption(t *testing.T) {
	update := allow("s3:UpdateObjectEncryption", "arn:aws:s3:::plain/key")
	for _, c := range []struct {
		name       string
		statements []policy.Statement
		key        string
		plain      bool
		want       string
	}{
		{"before the document is read", []policy.Statement{update}, "", false, ""},
		{"by plain HTTP", []policy.Statement{update}, "", true, "T-1"},
		{"without the permission", []policy.Statement{allow("s3:PutObject", "*")}, "", true, "1.2"},
		{"without a permission on the key", []policy.Statement{update}, keyK, false, "1.2"},
		{"with another one on the key", []policy.Statement{update, allow("kms:Decrypt", keyK)}, keyK, false, "1.2"},
		{"with both", []policy.Statement{update, allow("kms:GenerateDataKey", keyK)}, keyK, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(policy.UpdateObjectEncryption, "plain", "")
			r.TLS = !c.plain
			b := generalBucket("s3")
			q := policy.Case{
				Operation: policy.UpdateObjectEncryption, Request: r, Bucket: b, Caller: caller(t, c.statements...),
				Options: &policy.Options{},
			}
			q.Target = policy.Target{Kind: policy.General, BucketARN: b.ARN, Account: account, Key: r.Key}
			ruling, refusal := policy.Decide(&q)
			if refusal == nil && c.key != "" {
				q.Target.KeyARN = c.key
				refusal = policy.Authorize(policy.UpdateObjectEncryption, r, q.Caller, &q.Target, policy.ReadWrite)
			}
			got := ""
			if refusal != nil {
				got = refusal.Row
			} else if ruling.Decision.Row != "UE-1" {
				t.Errorf("row %s", ruling.Decision.Row)
			}
			if got != c.want {
				t.Errorf("row %q, want %q", got, c.want)
			}
		})
	}
	e := policy.Explain(policy.UpdateObjectEncryption, request(policy.UpdateObjectEncryption, "plain", ""),
		&policy.Question{Bucket: generalBucket("s3")})
	if e.Decision != "allow" || e.Row != "UE-1" || len(e.Response) != 0 || e.Effective.Encryption != "aws:kms" {
		t.Errorf("%+v", e)
	}
	e = policy.Explain(policy.UpdateObjectEncryption, request(policy.UpdateObjectEncryption, bucketName, ""),
		&policy.Question{Bucket: bucket("kms")})
	if e.Decision != "refuse" || e.Code != "NotImplemented" {
		t.Errorf("a directory bucket: %+v", e)
	}
	if _, refusal := policy.DecideEncryption(policy.UpdateObjectEncryption,
		request(policy.UpdateObjectEncryption, "plain", "sse=aws:kms"), generalBucket("s3"), nil,
		&policy.Options{}); refusal == nil || refusal.Row != "UE-2" {
		t.Errorf("a header: %v", refusal)
	}
}
