package conformance

import (
	"encoding/json"
	"strings"
)

// bucketPolicy is PutBucketPolicy of one statement about everybody of the bucket's account.
func (c *check) bucketPolicy(bucket, effect, action string, condition map[string]map[string]string) *request {
	text, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Effect": effect, "Principal": map[string]string{"AWS": "*"}, "Action": action, "Condition": condition,
		"Resource": "arn:" + c.partition + ":s3express:" + c.region + ":" + c.account + ":bucket/" + bucket,
	}}})
	c.ok(err)
	return withCRC32(&request{method: "PUT", bucket: bucket, query: "policy=", body: string(text), regional: true})
}

// policyRows are section 1.2: what bucket policies may say, and that they count.
func policyRows() []row {
	const mode, keyIs = "s3express:SessionMode", "s3express:x-amz-server-side-encryption-aws-kms-key-id"
	return []row{
		{id: "1.2", says: "PutBucketPolicy, GetBucketPolicy, DeleteBucketPolicy", run: func(c *check) {
			bucket := c.scratch(stateNone, "$K")
			get := &request{method: "GET", bucket: bucket, query: "policy=", regional: true}
			c.refused(c.do(get), "NoSuchBucketPolicy")
			put := c.bucketPolicy(bucket, "Deny", "s3express:CreateSession",
				map[string]map[string]string{"StringEquals": {mode: "ReadWrite"}})
			c.status(c.do(put), 204)
			a := c.do(get)
			c.status(a, 200)
			if !strings.Contains(a.body, "s3express:CreateSession") || !json.Valid([]byte(a.body)) {
				c.Errorf("GetBucketPolicy: %s", a.body)
			}
			for range 2 {
				c.status(c.do(&request{method: "DELETE", bucket: bucket, query: "policy=", regional: true}), 204)
			}
			c.refused(c.do(get), "NoSuchBucketPolicy")
		}},
		{id: "1.2", says: "a bucket policy with another action than CreateSession", run: func(c *check) {
			bucket := c.scratch(stateNone, "$K")
			c.refused(c.do(c.bucketPolicy(bucket, "Allow", "s3express:PutObject", nil)), "MalformedPolicy")
			c.refused(c.do(&request{method: "GET", bucket: bucket, query: "policy=", regional: true}),
				"NoSuchBucketPolicy")
		}},
		{id: "1.2", says: "a bucket policy that isn't JSON", run: func(c *check) {
			r := withCRC32(&request{
				method: "PUT", bucket: c.bucket(stateNone), query: "policy=", body: "{", regional: true,
			})
			c.refused(c.do(r), "MalformedPolicy")
		}},
		{id: "1.2", says: "a bucket policy denies ReadWrite sessions", run: func(c *check) {
			bucket := c.scratch(stateKMS, "$K")
			c.put(bucket, c.key, ten, "", nil)
			c.status(
				c.do(c.bucketPolicy(bucket, "Deny", "s3express:CreateSession",
					map[string]map[string]string{"StringEquals": {mode: "ReadWrite"}})), 204)
			c.ok(c.settled(c.ctx))
			c.refused(c.do(c.createSession(bucket, "mode=ReadWrite")), "AccessDenied")
			a := c.do(c.createSession(bucket, ""))
			c.status(a, 200)
			s := sessionOf(a)
			c.refused(c.do(&request{method: "PUT", bucket: bucket, key: c.key, body: "x", as: s}), "AccessDenied")
			if a := c.do(&request{method: "GET", bucket: bucket, key: c.key, as: s}); a.body != ten {
				c.Errorf("GET: %s %q", a, a.body)
			}
			c.status(c.do(&request{method: "DELETE", bucket: bucket, query: "policy=", regional: true}), 204)
		}},
		{id: "1.2", says: "a bucket policy denies sessions under any other key", run: func(c *check) {
			bucket := c.scratch(stateKMS, "$K")
			c.status(
				c.do(c.bucketPolicy(bucket, "Deny", "s3express:CreateSession",
					map[string]map[string]string{"StringNotEquals": {keyIs: c.named("$K")}})), 204)
			c.ok(c.settled(c.ctx))
			c.refused(c.do(c.createSession(bucket, "sse=AES256")), "AccessDenied")
			c.status(c.do(c.createSession(bucket, "sse=aws:kms key=$ID")), 200)
			c.status(c.do(&request{method: "DELETE", bucket: bucket, query: "policy=", regional: true}), 204)
		}},
	}
}
