package policy_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"sealfront/policy"
)

// FuzzClassify asserts of any request: that it is decided the same way twice; that reserved words in the
// query are never overlooked; that a write never comes of a GET or HEAD; that what is refused is
// refused with a known code and row; and that encryption never ends under a key that isn't the bucket's.
func FuzzClassify(f *testing.F) {
	f.Add("PUT", "k", "partNumber=1&uploadId=u", "x-amz-copy-source", "a/b")
	f.Add("GET", "", "list-type=2&prefix=a/", "x-amz-server-side-encryption", "aws:kms")
	f.Add("POST", "", "delete", "content-md5", "x")
	f.Add("PUT", "k", "X-Amz-Server-Side-Encryption=AES256", "X-AMZ-server-side-encryption-context", "e30=")
	f.Add("PUT", "k", "renameObject", "x-amz-rename-source", "%2Fold")
	f.Add("DELETE", "..", "uploadId=a&uploadId=b", "x-amz-if-match-size", "1")
	f.Fuzz(func(t *testing.T, method, key, query, header, value string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		fresh := func() *policy.Request {
			return &policy.Request{
				Method: method, Bucket: bucketName, Key: key, TLS: true,
				Query: policy.MapFields(q), Header: policy.MapFields{header: {value}},
			}
		}
		r := fresh()
		op, refusal := policy.Classify(r)
		again, secondly := policy.Classify(fresh())
		if again != op || (secondly == nil) != (refusal == nil) {
			t.Fatalf("first %v, %v, then %v, %v", op, refusal, again, secondly)
		}
		if refusal == nil {
			if op == 0 || !op.Supports(policy.Directory) {
				t.Fatalf("%v was let through", op)
			}
			if (method == "GET" || method == "HEAD") && op.Writes() {
				t.Fatalf("a %s is %v", method, op)
			}
			if op.OnObject() != (key != "") {
				t.Fatalf("%v for the key %q", op, key)
			}
			for _, word := range []string{
				"acl", "tagging", "versions", "torrent", "object-lock", "retention", "restore",
			} {
				level := key != "" == slices.Contains([]string{"torrent", "retention", "restore"}, word)
				if q.Has(word) && (level || word == "acl" || word == "tagging") {
					t.Fatalf("%s was overlooked, and the request taken for %v", word, op)
				}
			}
			refusal = policy.CheckRequest(op, r)
		}
		var d policy.Decision
		if refusal == nil {
			d, refusal = policy.DecideEncryption(op, r, bucket("kms"), session("sK"), &policy.Options{})
		}
		if refusal != nil {
			written(t, refusal)
			if d.Row != "" || d.Encryption.SSE != policy.NoSSE {
				t.Fatalf("a refusal still decided %+v", d)
			}
			return
		}
		if d.Encryption.KeyARN != "" && d.Encryption.KeyARN != keyK || d.Encryption.Context != nil {
			t.Fatalf("sealed as %+v", d.Encryption)
		}
		sse, said := r.Value(short["sse"])
		if op == policy.PutObject && (d.Encryption.SSE != policy.SSEKMS || said && sse != "aws:kms") {
			t.Fatalf("in an SSE-KMS session %q became %v", sse, d.Encryption.SSE)
		}
		if source, refusal := r.CopySource(); op == policy.CopyObject &&
			(refusal != nil || source.Bucket == "" || source.Key == "") {
			t.Fatalf("copy of %+v, %v", source, refusal)
		}
	})
}

// FuzzParseBucketPolicy asserts that a policy which is read never allows what its text can't: another
// bucket, or anything when no statement says Allow.
func FuzzParseBucketPolicy(f *testing.F) {
	f.Add([]byte(goodPolicy))
	f.Add([]byte(strings.Replace(goodPolicy, "Allow", "Deny", 1)))
	f.Add([]byte(strings.Replace(goodPolicy, `"ReadOnly"`, `"${aws:username, 'x'}${*}"`, 1)))
	f.Fuzz(func(t *testing.T, document []byte) {
		p, refusal := policy.ParseBucketPolicy(document, policy.Directory, bucketARN)
		if (p == nil) == (refusal == nil) {
			t.Fatalf("both or neither: %v, %v", p, refusal)
		}
		if refusal != nil {
			written(t, refusal)
			return
		}
		r := request(policy.GetObject, bucketName, "")
		other := policy.Target{Kind: policy.Directory, BucketARN: bucketARN + "x", BucketPolicy: p}
		if policy.Authorize(policy.GetObject, r, caller(t), &other, 0) == nil {
			t.Fatal("it allows another bucket")
		}
		mine := policy.Target{Kind: policy.Directory, BucketARN: bucketARN, BucketPolicy: p}
		if !strings.Contains(strings.ToLower(string(document)), "allow") && !strings.Contains(string(document), `\u`) &&
			policy.Authorize(policy.GetObject, r, caller(t), &mine, 0) == nil {
			t.Fatal("it allows without saying so")
		}
		if policy.Authorize(policy.DeleteBucket, r, caller(t), &mine, 0) == nil {
			t.Fatal("it allows more than sessions")
		}
	})
}
