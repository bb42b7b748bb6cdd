package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"testing"

	"sealfront/policy"
)

// FuzzEncryptionContext asserts that a directory bucket accepts no context but the default one, as an
// independent reading of the JSON sees it, and that a general purpose bucket seals under just the pairs
// that were sent.
func FuzzEncryptionContext(f *testing.F) {
	for _, word := range []string{
		"$CTX", "$CTXODD", "$WRONG", "$EXTRA", "$EMPTY", "$LIST", "$NUMBER", "$TWICE", "$TAIL", "$NOTUTF8",
	} {
		text, err := base64.StdEncoding.DecodeString(words[word])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value := base64.StdEncoding.EncodeToString(text)
		decided := func(b *policy.Bucket) (policy.Decision, *policy.Refusal) {
			r := request(policy.PutObject, b.Name, "sse=aws:kms")
			r.Header.(policy.MapFields)[short["ctx"]] = []string{value}
			return policy.DecideEncryption(policy.PutObject, r, b, nil, &policy.Options{})
		}
		var pairs map[string]string
		readable := json.Unmarshal(text, &pairs) == nil && pairs != nil
		own := len(pairs) == 1 && (pairs["aws:s3express:arn"] == bucketARN ||
			pairs["aws:s3express:arn"] == "arn:aws:s3:::"+bucketARN)
		d, refusal := decided(bucket("kms"))
		if refusal == nil && !(readable && (len(pairs) == 0 || own)) {
			t.Errorf("%q was accepted", text)
		}
		if refusal == nil && (d.Encryption.Context != nil || d.EchoContext != value) {
			t.Errorf("%q became %+v", text, d)
		}
		d, refusal = decided(generalBucket("kms"))
		if refusal != nil {
			return
		}
		delete(pairs, "aws:s3:arn")
		if !readable || len(d.Encryption.Context) != len(pairs) {
			t.Errorf("%q became %v", text, d.Encryption.Context)
		}
		for name, value := range pairs {
			if d.Encryption.Context[name] != value {
				t.Errorf("%q became %v", text, d.Encryption.Context)
			}
		}
	})
}

// FuzzParseEncryptionConfiguration asserts that what is read says the same when it is written and read
// again, and that what is refused gives nothing.
func FuzzParseEncryptionConfiguration(f *testing.F) {
	for _, rule := range []string{"AES256", "aws:kms key=$K bk=true", "aws:kms:dsse", "AES256 blocked"} {
		f.Add([]byte(document(rule)))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		rule, refusal := policy.ParseEncryptionConfiguration(body)
		if refusal != nil {
			if rule != (policy.EncryptionRule{}) || refusal.Code != "MalformedXML" {
				t.Errorf("%+v, %v", rule, refusal)
			}
			return
		}
		type byDefault struct {
			SSEAlgorithm   string
			KMSMasterKeyID string `xml:",omitempty"`
		}
		again, err := xml.Marshal(struct {
			XMLName xml.Name  `xml:"ServerSideEncryptionConfiguration"`
			Default byDefault `xml:"Rule>ApplyServerSideEncryptionByDefault"`
			Enabled bool      `xml:"Rule>BucketKeyEnabled"`
		}{Default: byDefault{rule.Algorithm, rule.KeyID}, Enabled: rule.BucketKey})
		if err != nil {
			t.Fatal(err)
		}
		rule.Blocks, rule.BlocksNone, rule.NoBucketKey = false, false, !rule.BucketKey
		if second, refusal := policy.ParseEncryptionConfiguration(again); refusal != nil || second != rule {
			t.Errorf("%+v, then %+v, %v of %s", rule, second, refusal, again)
		}
	})
}
