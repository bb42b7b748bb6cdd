package conformance

import (
	"net/url"
	"strings"
	"time"

	"sealfront/sigv4"
)

// sessionRows are sections 3.1 to 3.3 but for what takes five minutes.
func sessionRows() []row {
	put := func(c *check, as *credential) *request {
		return &request{method: "PUT", bucket: c.bucket(stateKMS), key: c.key, body: "body", as: as}
	}
	changed := func(id, says, open, want string, change func(c *check, s *credential)) row {
		return row{id: id, says: says, open: open, want: want, judge: func(c *check, want string) {
			s := *c.sessionOn(c.bucket(stateKMS), "")
			change(c, &s)
			c.refused(c.do(put(c, &s)), want)
			c.absent(c.bucket(stateKMS), c.key)
		}}
	}
	return []row{
		{id: "3.1", says: "CreateSession with x-amz-s3session-token", open: "?", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			r := c.createSession(bucket, "")
			r.as = c.sessionOn(bucket, "")
			c.refused(c.do(r), "InvalidRequest")
		}},
		{id: "3.1", says: "CreateSession of an unknown bucket", run: func(c *check) {
			c.refused(c.do(&request{
				method: "GET", bucket: c.bucketName("none-such"), query: "session=", as: c.limitedTo("reader"),
			}), "NoSuchBucket")
		}},
		{id: "3.1", says: "an absent mode is the highest that is allowed", run: func(c *check) {
			bucket, reader := c.bucket(stateKMS), c.limitedTo("reader")
			a := c.do(&request{method: "GET", bucket: bucket, query: "session=", as: reader})
			c.status(a, 200)
			c.status(c.do(&request{method: "GET", bucket: bucket, query: "list-type=2", as: sessionOf(a)}), 200)
			c.refused(c.do(put(c, sessionOf(a))), "AccessDenied")
			c.refused(c.do(&request{
				method: "GET", bucket: bucket, query: "session=", headers: "mode=ReadWrite", as: reader,
			}), "AccessDenied")
		}},
		{id: "3.2", says: "the answer, and five minutes", run: func(c *check) {
			a := c.do(c.createSession(c.bucket(stateKMS), ""))
			c.status(a, 200)
			for _, name := range []string{"SessionToken", "SecretAccessKey", "AccessKeyId", "Expiration"} {
				if a.element(name) == "" {
					c.Errorf("no %s in %s", name, a.body)
				}
			}
			until, err := time.Parse(time.RFC3339, a.element("Expiration"))
			c.ok(err)
			if left := time.Until(until); !strings.HasSuffix(a.element("Expiration"), "Z") || left < 4*time.Minute ||
				left > 6*time.Minute {
				c.Errorf("Expiration %s is %s away", a.element("Expiration"), left)
			}
			if !strings.HasPrefix(a.header.Get("Content-Type"), "application/xml") ||
				!strings.Contains(a.body, `xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`) {
				c.Errorf("%s %s", a.header.Get("Content-Type"), a.body)
			}
			if n := len(a.element("SessionToken")); n > 4096 {
				c.Errorf("a token of %d bytes", n)
			}
		}},
		{id: "3.2", says: "what a ReadOnly session may", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key, ten, "", nil)
			u := c.upload(bucket, c.key+"-upload", "", nil)
			s := c.sessionOn(bucket, "mode=ReadOnly")
			for _, r := range []*request{
				{method: "GET", key: c.key},
				{method: "HEAD", key: c.key},
				{method: "HEAD"},
				{method: "GET", query: "list-type=2"},
				{method: "GET", query: "uploads="},
				{method: "GET", key: c.key, query: "attributes=", raw: []string{"x-amz-object-attributes: ETag"}},
				{method: "GET", key: u.key, query: "uploadId=" + url.QueryEscape(u.id)},
			} {
				r.bucket, r.as = bucket, s
				if a := c.do(r); a.status != 200 || r.method == "GET" && r.query == "" && a.body != ten {
					c.Errorf("%s /%s?%s: %s", r.method, r.key, r.query, a)
				}
			}
		}},
		{id: "3.2", says: "a session keeps its settings when the default changes", open: "U-14", run: func(c *check) {
			bucket := c.scratch(stateKMS, "$K")
			old := c.sessionOn(bucket, "")
			c.setEncryption(bucket, encryptionRule("AES256", "", ""))
			c.encrypted(c.put(bucket, c.key, "body", "", old), "kms bk")
			c.encrypted(c.put(bucket, c.key, "body", "", nil), "AES256")
		}},
		changed("SE-3", "an altered token", "?", "InvalidToken", func(_ *check, s *credential) {
			i := len(s.SessionToken) / 2
			other := byte('A')
			if s.SessionToken[i] == other {
				other = 'B'
			}
			s.SessionToken = s.SessionToken[:i] + string(other) + s.SessionToken[i+1:]
		}),
		changed("SE-3", "a token cut short", "?", "InvalidToken",
			func(_ *check, s *credential) { s.SessionToken = s.SessionToken[:len(s.SessionToken)/2] }),
		changed("SE-3", "an unknown token", "?", "InvalidToken",
			func(_ *check, s *credential) { s.SessionToken = "AQoEXAMPLE" }),
		changed("SE-4", "a token of another bucket", "U-22", "AccessDenied",
			func(c *check, s *credential) { *s = *c.sessionOn(c.bucket(stateNone), "") }),
		changed("SE-5", "a token with another access key id", "?", "InvalidToken",
			func(_ *check, s *credential) { s.AccessKeyID = "ASIAANOTHERACCESSKEY" }),
		changed("SE-6", "a session's access key id without its token", "?", "InvalidAccessKeyId",
			func(_ *check, s *credential) { s.SessionToken = "" }),
		changed("SE-7", "a long-term key with a session's token", "?", "InvalidToken", func(c *check, s *credential) {
			s.AccessKeyID, s.SecretAccessKey = c.long.AccessKeyID, c.long.SecretAccessKey
		}),
		{id: "SE-8", says: "writes in a ReadOnly session", open: "U-23", run: func(c *check) {
			before := c.stand(c.bucket(stateKMS))
			s := c.sessionOn(before.bucket, "mode=ReadOnly")
			for _, r := range []*request{
				{method: "PUT", key: c.key, body: "x"},
				{method: "DELETE", key: c.key},
				{method: "POST", key: c.key, query: "uploads="},
				{method: "PUT", key: c.key + "-new", query: "renameObject=", headers: "rename=" + c.key},
				withCRC32(&request{
					method: "POST", query: "delete=", body: "<Delete><Object><Key>" + c.key +
						"</Key></Object></Delete>",
				}),
			} {
				r.bucket, r.as = before.bucket, s
				c.refused(c.do(r), "AccessDenied")
			}
			before.unchanged()
		}},
		{id: "SE-9", says: "no permission for any mode", run: func(c *check) {
			c.refused(c.do(&request{
				method: "GET", bucket: c.bucket(stateKMS), query: "session=", as: c.limitedTo("nobody"),
			}), "AccessDenied")
		}},
		{id: "SE-9", says: "no permission to use the key", open: "?", run: func(c *check) {
			c.refused(c.do(&request{
				method: "GET", bucket: c.bucket(stateKMS), query: "session=", as: c.limitedTo("nokms"),
			}), "AccessDenied")
		}},
		{id: "SE-10", says: "different tokens in header and query", open: "?", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, query: "X-Amz-S3session-Token=another"}),
				"InvalidRequest")
		}},
		{id: "SE-11", says: "x-amz-security-token beside the session's token", open: "?", run: func(c *check) {
			r := put(c, nil)
			r.raw = []string{"x-amz-security-token: AQoEXAMPLE"}
			c.refused(c.do(r), "InvalidRequest")
			c.absent(r.bucket, c.key)
		}},
		{id: "SE-12", says: "the bucket was deleted meanwhile", run: func(c *check) {
			bucket := c.scratch(stateNone, "$K")
			s := c.sessionOn(bucket, "")
			c.status(c.do(&request{method: "DELETE", bucket: bucket, regional: true}), 204)
			c.ok(c.settled(c.ctx))
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, as: s}), "NoSuchBucket")
		}},
		{id: "7.3", says: "a wrong secret", run: func(c *check) {
			s := *c.sessionOn(c.bucket(stateKMS), "")
			s.SecretAccessKey = "wrong"
			c.refused(c.do(put(c, &s)), "SignatureDoesNotMatch")
			c.absent(c.bucket(stateKMS), c.key)
		}},
		{id: "7.3", says: "an unknown access key id", run: func(c *check) {
			c.refused(c.do(put(c, &credential{
				Credentials: sigv4.Credentials{AccessKeyID: "AKIACONFORMANCENONE", SecretAccessKey: "x"},
			})), "InvalidAccessKeyId")
		}},
	}
}

// slowRows take as long as a session lives. They run last, on a session that was made when they were asked for.
func slowRows() []row {
	expired := func(c *check) *credential {
		if !c.slow {
			c.Skip("a session lives for five minutes: -slow")
		}
		a := c.do(c.createSession(c.bucket(stateNone), "mode=ReadWrite"))
		c.status(a, 200)
		until, err := time.Parse(time.RFC3339, a.element("Expiration"))
		c.ok(err)
		timer := time.NewTimer(time.Until(until) + 20*time.Second) // clocks may differ
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			c.Fatal(c.ctx.Err())
		}
		return sessionOf(a)
	}
	return []row{
		{
			id: "SE-1", says: "an expired session, with the right and with a wrong secret (SE-2)", open: "U-21",
			run: func(c *check) {
				s := expired(c)
				r := &request{method: "PUT", bucket: c.bucket(stateNone), key: c.key, body: "x", as: s}
				c.refused(c.do(r), "ExpiredToken")
				s.SecretAccessKey = "wrong"
				c.refused(c.do(r), "ExpiredToken")
				c.absent(r.bucket, c.key)
			},
		},
	}
}

// regionalRows are section 1.4: regional operations at an endpoint that serves zonal ones as well.
func regionalRows() []row {
	needsOne := func(c *check) {
		if c.control != nil {
			c.Skip("regional operations have an endpoint of their own here")
		}
	}
	return []row{
		{id: "REG-1", says: "regional operations signed with a session", open: "?", run: func(c *check) {
			needsOne(c)
			bucket := c.scratch(stateKMS, "$K")
			s := c.sessionOn(bucket, "")
			r := putEncryption(bucket, encryptionRule("AES256", "", ""))
			r.as = s
			c.status(c.do(r), 200)
			for _, m := range []struct {
				method string
				status int
			}{{"GET", 200}, {"DELETE", 204}} {
				c.status(c.do(&request{method: m.method, bucket: bucket, query: "encryption=", as: s}), m.status)
			}
			c.status(c.do(&request{method: "DELETE", bucket: bucket, as: s}), 204)
		}},
		{id: "REG-1", says: "changes of a bucket in a ReadOnly session", open: "?", run: func(c *check) {
			needsOne(c)
			bucket := c.scratch(stateKMS, "$K")
			s := c.sessionOn(bucket, "mode=ReadOnly")
			r := putEncryption(bucket, encryptionRule("AES256", "", ""))
			for _, r := range []*request{
				r, {method: "DELETE", bucket: bucket, query: "encryption="}, {method: "DELETE", bucket: bucket},
			} {
				r.as = s
				c.refused(c.do(r), "AccessDenied")
			}
			c.stateIs(bucket, stateKMS)
		}},
		{id: "REG-2", says: "a session of a bucket that is still to be made", open: "?", run: func(c *check) {
			needsOne(c)
			bucket := c.bucketName("early")
			c.willBe(bucket)
			a := c.do(c.createSession(bucket, ""))
			c.status(a, 200)
			s := sessionOf(a)
			c.refused(c.do(&request{method: "PUT", bucket: bucket, key: c.key, body: "x", as: s}), "NoSuchBucket")
			c.refused(c.do(&request{method: "GET", bucket: bucket, query: "list-type=2", as: s}), "NoSuchBucket")
			made := c.createBucket(bucket)
			made.as = s
			c.status(c.do(made), 200)
			c.encrypted(c.put(bucket, c.key, "body", "", s), "AES256")
			r := putEncryption(bucket, encryptionRule("aws:kms", c.named("$K"), ""))
			r.as = s
			c.status(c.do(r), 200)
			c.encrypted(c.put(bucket, c.key, "body", "", s), "kms bk") // with the default at each request
		}},
		{id: "REG-3", says: "the same without permission to make it", open: "?", run: func(c *check) {
			for _, name := range []string{"reader", "nobody"} {
				r := c.createSession(c.bucketName("never"), "")
				r.as = c.limitedTo(name)
				c.refused(c.do(r), "NoSuchBucket")
			}
		}},
		{id: "REG-4", says: "make, encrypt and write at once, as SDKs do with one session", open: "?", run: func(c *check) {
			needsOne(c)
			bucket := c.bucketName("sdk")
			c.willBe(bucket)
			s := sessionOf(c.do(c.createSession(bucket, "")))
			made, kms := c.createBucket(bucket), putEncryption(bucket, encryptionRule("aws:kms", c.named("$K"), ""))
			for i, r := range []*request{made, kms, {method: "PUT", bucket: bucket, key: c.key, body: "body"}} {
				r.as = s
				a := c.do(r)
				if a.status != 200 {
					c.Errorf("request %d: %s", i, a)
				}
			}
			c.encrypted(c.do(&request{method: "HEAD", bucket: bucket, key: c.key, as: s}), "kms bk")
		}},
	}
}
