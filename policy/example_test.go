package policy_test

import (
	"fmt"

	"sealfront/policy"
)

// A PutObject in a session of an SSE-KMS bucket, decided step by step.
func ExampleDecideEncryption() {
	r := &policy.Request{
		Method: "PUT", Bucket: "demo--usw2-az1--x-s3", Key: "report.txt", TLS: true,
		Header: policy.MapFields{"x-amz-server-side-encryption": {"AES256"}},
	}
	b := &policy.Bucket{
		Name: r.Bucket, Kind: policy.Directory, Account: "123456789012", Region: "us-west-2",
		ARN:      "arn:aws:s3express:us-west-2:123456789012:bucket/demo--usw2-az1--x-s3",
		BoundKey: "arn:aws:kms:us-west-2:123456789012:key/1234",
	}
	b.Default = policy.Encryption{SSE: policy.SSEKMS, KeyARN: b.BoundKey, BucketKey: true}
	s := &policy.Session{Bucket: b.Name, Encryption: b.Default}

	op, refusal := policy.Classify(r)
	fmt.Println(op, refusal == nil)
	_, refusal = policy.DecideEncryption(op, r, b, s, &policy.Options{})
	fmt.Println(refusal.Row, refusal)

	r.Reset() // the same without the header
	r.Method, r.Bucket, r.Key = "PUT", b.Name, "report.txt"
	d, _ := policy.DecideEncryption(op, r, b, s, &policy.Options{})
	d.ResponseHeaders(func(name, value string) { fmt.Println(name+":", value) })
	// Output:
	// PutObject true
	// PUT-2 InvalidRequest: The encryption headers must match the encryption settings of the session.
	// x-amz-server-side-encryption: aws:kms
	// x-amz-server-side-encryption-aws-kms-key-id: arn:aws:kms:us-west-2:123456789012:key/1234
	// x-amz-server-side-encryption-bucket-key-enabled: true
}
