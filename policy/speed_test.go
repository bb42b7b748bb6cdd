package policy_test

import (
	"testing"

	"sealfront/policy"
)

// listedFields yields fields in order, as a server's headers do, without allocating.
type listedFields [][2]string

func (l listedFields) Get(name string) (string, bool) {
	for _, f := range l {
		if f[0] == name {
			return f[1], true
		}
	}
	return "", false
}

func (l listedFields) All(yield func(name, value string) bool) {
	for _, f := range l {
		if !yield(f[0], f[1]) {
			return
		}
	}
}

// typical is what SDKs send with each request.
var typical = listedFields{
	{"Host", "demo--usw2-az1--x-s3.s3.example.com"},
	{"User-Agent", "aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26.8"},
	{"Accept-Encoding", "identity"},
	{"Amz-Sdk-Invocation-Id", "4beeed02-15bc-4287-bf9a-e5489f888cc7"},
	{"Amz-Sdk-Request", "attempt=1; max=3"},
	{"X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"},
	{"X-Amz-Date", "20261123T070105Z"},
	{"X-Amz-S3session-Token", "token"},
	{"Authorization", "AWS4-HMAC-SHA256 Credential=…"},
	{"X-Amz-Meta-One", "1"},
	{"Content-Type", "text/plain"},
}

// hot are the requests of which most traffic consists.
var hot = []struct {
	op                   policy.Operation
	method, key, session string
	query                listedFields
}{
	{policy.PutObject, "PUT", "dir/key", "sK", listedFields{{"x-id", "PutObject"}}},
	{policy.GetObject, "GET", "dir/key", "sK", listedFields{{"x-id", "GetObject"}}},
	{policy.HeadObject, "HEAD", "dir/key", "sK", nil},
	{policy.ListObjectsV2, "GET", "", "sK", listedFields{{"list-type", "2"}, {"prefix", "dir/"}}},
	{policy.GetObject, "GET", "dir/key", "-", nil},
}

// exchange decides one request completely, as a gateway does, reusing r.
func exchange(
	c *policy.Case, r *policy.Request, i int, b *policy.Bucket, s *policy.Session, who *policy.Caller,
	target *policy.Target, o *policy.Options,
) *policy.Refusal {
	h := &hot[i]
	r.Reset()
	r.Method, r.Bucket, r.Key, r.TLS = h.method, bucketName, h.key, true
	r.Header = headers
	r.Query = queries[i]
	op, refusal := policy.Classify(r)
	if refusal != nil {
		return refusal
	}
	if refusal := policy.DecideSignature(r, b); refusal != nil {
		return refusal
	}
	*c = policy.Case{Operation: op, Request: r, Bucket: b, Session: s, Caller: who, Target: *target, Options: o}
	_, refusal = policy.Decide(c)
	return refusal
}

// Interface values made once, as a server's are by pooling.
var (
	headers policy.Fields = typical
	queries               = func() (q []policy.Fields) {
		for _, h := range hot {
			q = append(q, h.query)
		}
		return q
	}()
)

func TestDecidingAllocatesNothing(t *testing.T) {
	b, o := bucket("kms"), &policy.Options{Existing: stored("kms")}
	who := caller(t, under(allow("s3express:*", bucketARN), "StringEquals", "s3express:SessionMode", "ReadOnly"),
		allow("kms:*", "*"))
	target := &policy.Target{Kind: policy.Directory, BucketARN: bucketARN, KeyARN: keyK}
	r, c := new(policy.Request), new(policy.Case)
	for i, h := range hot {
		s := session(h.session)
		if refusal := exchange(c, r, i, b, s, who, target, o); refusal != nil {
			t.Fatal(h.op, refusal)
		}
		if n := testing.AllocsPerRun(100, func() { exchange(c, r, i, b, s, who, target, o) }); n != 0 {
			t.Errorf("%v with session %s allocates %v times", h.op, h.session, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	bk, o := bucket("kms"), &policy.Options{Existing: stored("kms")}
	who := caller(b, allow("s3express:*", bucketARN), allow("kms:*", "*"))
	target := &policy.Target{Kind: policy.Directory, BucketARN: bucketARN, KeyARN: keyK}
	for i, h := range hot {
		b.Run(h.op.String()+"/"+h.session, func(b *testing.B) {
			b.ReportAllocs()
			r, c, s := new(policy.Request), new(policy.Case), session(h.session)
			for b.Loop() {
				if refusal := exchange(c, r, i, bk, s, who, target, o); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}
