package conformance

import (
	"slices"
	"strings"
)

// sortRows puts rows of one kind in the order of their ids and texts.
func sortRows(rows []row) {
	slices.SortStableFunc(rows, func(a, b row) int { return strings.Compare(a.id+" "+a.says, b.id+" "+b.says) })
}

// setEncryption changes a bucket's default; sessions that are older aren't used any more.
func (c *check) setEncryption(bucket, inner string) {
	c.status(c.do(putEncryption(bucket, inner)), 200)
	c.ok(c.settled(c.ctx))
	c.forget(bucket)
}

// encryptionIs compares GetBucketEncryption. key is what the KMSMasterKeyID must be, "" for none.
func (c *check) encryptionIs(bucket, algorithm, key string) {
	a := c.do(&request{method: "GET", bucket: bucket, query: "encryption=", regional: true})
	c.status(a, 200)
	if a.element("SSEAlgorithm") != algorithm || a.element("KMSMasterKeyID") != key {
		c.Errorf("GetBucketEncryption: %s, want %s %s", a.body, algorithm, key)
	}
}

// stateIs asserts what a bucket's state means to whoever writes into it.
func (c *check) stateIs(bucket, state string) {
	want := "AES256"
	if state == stateKMS {
		want = "kms bk"
	}
	c.forget(bucket)
	c.encrypted(c.put(bucket, c.key+"-state", "body", "", nil), want)
	a := c.do(c.createSession(bucket, "sse=aws:kms key=$K"))
	if bound := a.status == 200; bound != (state != stateNone) {
		c.Errorf("a session of SSE-KMS in the state %s: %s", state, a)
	}
}

// changes is a PutBucketEncryption that succeeds and makes another state of a new bucket.
func changes(id, says, open, before, inner, after string) row {
	return row{id: id, says: says + ", bucket " + before, open: open, run: func(c *check) {
		bucket := c.scratch(before, "$K")
		c.setEncryption(bucket, c.filled(inner))
		c.stateIs(bucket, after)
	}}
}

// keeps is a PutBucketEncryption that is refused and changes nothing.
func keeps(id, says, open, state, inner, want string) row {
	return row{id: id, says: says + ", bucket " + state, open: open, want: want, judge: func(c *check, want string) {
		bucket := c.bucket(state)
		c.refused(c.do(putEncryption(bucket, c.filled(inner))), want)
		if state == stateKMS {
			c.encryptionIs(bucket, "aws:kms", c.named("$K"))
		} else {
			c.encryptionIs(bucket, "AES256", "")
		}
		c.stateIs(bucket, state)
	}}
}

// filled replaces the variables in a document.
func (c *check) filled(inner string) string {
	for {
		i := strings.IndexByte(inner, '$')
		if i < 0 {
			return inner
		}
		end := i + strings.IndexByte(inner[i:], '<')
		value, err := c.expand("", inner[i:end])
		c.ok(err)
		inner = inner[:i] + value + inner[end:]
	}
}

// bucketEncryptionRows are section 2.4.
func bucketEncryptionRows() []row {
	kms := func(key string) string { return encryptionRule("aws:kms", key, "") }
	const bucketKey = "<BucketKeyEnabled>"
	rows := []row{
		changes("PBE-1", "AES256", "", stateNone, encryptionRule("AES256", "", ""), stateNone),
		changes("PBE-1", "AES256", "", stateKMS, encryptionRule("AES256", "", ""), stateBack),
		changes("PBE-1", "AES256", "", stateBack, encryptionRule("AES256", "", ""), stateBack),
		changes("PBE-2", "aws:kms with a key id", "", stateNone, kms("$ID"), stateKMS),
		changes("PBE-2", "aws:kms with a key ARN", "", stateNone, kms("$K"), stateKMS),
		changes("PBE-3", "the same key by id", "U-04", stateKMS, kms("$ID"), stateKMS),
		changes("PBE-3", "the same key by ARN", "U-04", stateBack, kms("$K"), stateKMS),
		keeps("PBE-4", "another key by ARN", "U-05", stateKMS, kms("$OTHER"), "InvalidRequest"),
		keeps("PBE-4", "another key by id", "U-05", stateKMS, kms("$OTHERID"), "InvalidRequest"),
		keeps("PBE-4", "another key by ARN", "U-05", stateBack, kms("$OTHER"), "InvalidRequest"),
		keeps("PBE-5", "no key", "?", stateNone, kms(""), "InvalidArgument ApplyServerSideEncryptionByDefault"),
		keeps("PBE-6", "no key", "?", stateKMS, kms(""), "InvalidArgument ApplyServerSideEncryptionByDefault"),
		keeps("PBE-6", "no key", "?", stateBack, kms(""), "InvalidArgument ApplyServerSideEncryptionByDefault"),
		keeps("PBE-7", "aws/s3", "?", stateNone, kms("aws/s3"), "KMS.NotFoundException"),
		keeps("PBE-7", "alias/aws/s3", "?", stateNone, kms("alias/aws/s3"), "KMS.NotFoundException"),
		keeps("PBE-7", "alias/aws/s3", "?", stateKMS, kms("alias/aws/s3"), "KMS.NotFoundException"),
		keeps("PBE-7", "an AWS managed key by ARN", "?", stateNone, kms("$MANAGED"), "InvalidArgument"),
		keeps("PBE-8", "an alias name", "?", stateNone, kms("$ALIAS"), "InvalidArgument"),
		keeps("PBE-8", "an alias ARN", "?", stateKMS, kms("$ALIASARN"), "InvalidArgument"),
		keeps("PBE-9", "the id of a key of another account", "", stateNone, kms("$FOREIGNID"), "KMS.NotFoundException"),
		keeps("PBE-11", "the ARN of a key of another account, not permitted", "?", stateNone, kms("$FORBIDDEN"),
			"AccessDenied"),
		keeps("PBE-12", "a key of another Region", "", stateNone, kms("$FAR"), "KMS.NotFoundException"),
		keeps("PBE-12", "a key of another Region", "", stateKMS, kms("$FAR"), "KMS.NotFoundException"),
		keeps("PBE-13", "an unknown key id", "", stateNone, kms("$UNKNOWNID"), "KMS.NotFoundException"),
		keeps("PBE-13", "an unknown key ARN", "", stateNone, kms("$UNKNOWN"), "KMS.NotFoundException"),
		keeps("PBE-14", "an asymmetric key", "?", stateNone, kms("$RSA"), "KMS.InvalidKeyUsageException"),
		keeps("PBE-14", "a signing key", "?", stateNone, kms("$SIGNING"), "KMS.InvalidKeyUsageException"),
		keeps("PBE-14", "an HMAC key", "?", stateNone, kms("$HMAC"), "KMS.InvalidKeyUsageException"),
		keeps("PBE-15", "a disabled key", "", stateNone, kms("$DISABLED"), "KMS.DisabledException"),
		keeps("PBE-16", "a key pending deletion", "", stateNone, kms("$PENDING"), "KMS.KMSInvalidStateException"),
		keeps("PBE-16", "a key pending import", "", stateNone, kms("$IMPORT"), "KMS.KMSInvalidStateException"),
		keeps("PBE-17", "aws:kms:dsse", "?", stateNone, encryptionRule("aws:kms:dsse", "$K", ""), "InvalidArgument"),
		keeps("PBE-17", "aws:kms:dsse", "?", stateKMS, encryptionRule("aws:kms:dsse", "$K", ""), "InvalidArgument"),
		keeps("PBE-18", "AES256 with a key", "", stateNone, encryptionRule("AES256", "$K", ""),
			"InvalidArgument ApplyServerSideEncryptionByDefault"),
		keeps("PBE-18", "AES256 with a key", "", stateKMS, encryptionRule("AES256", "$K", ""),
			"InvalidArgument ApplyServerSideEncryptionByDefault"),
		keeps("PBE-19", "no rule", "", stateNone, "", "MalformedXML"),
		keeps("PBE-19", "broken XML", "", stateNone, "<Rule>", "MalformedXML"),
		keeps("PBE-19", "an unknown algorithm", "?", stateNone, encryptionRule("aws:fsx", "", ""), "MalformedXML"),
		keeps("PBE-19", "two rules", "?", stateKMS, encryptionRule("AES256", "", "")+encryptionRule("AES256", "", ""),
			"MalformedXML"),
		keeps("PBE-20", "BucketKeyEnabled false", "U-06", stateNone,
			encryptionRule("aws:kms", "$K", bucketKey+"false</BucketKeyEnabled>"), "InvalidArgument BucketKeyEnabled"),
		keeps("PBE-21", "BlockedEncryptionTypes", "?", stateNone,
			encryptionRule("AES256", "",
				"<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>"),
			"InvalidArgument"),
		{id: "PBE-10", says: "the ARN of a key of another account, permitted by its policy", run: func(c *check) {
			foreign := c.named("$FOREIGN")
			bucket := c.scratch(stateNone, "$K")
			c.setEncryption(bucket, kms(foreign))
			c.encryptionIs(bucket, "aws:kms", foreign)
			a := c.put(bucket, c.key, "body", "", nil)
			c.headers(a, map[string]string{"sse": "aws:kms", "key": foreign, "bk": "true"})
			refused := &request{
				method: "PUT", bucket: bucket, key: c.key, body: "x", headers: "sse=aws:kms key=$FOREIGNID",
			}
			c.refused(c.do(refused), "InvalidArgument key") // H-16: an id means a key of the own account
		}},
		{id: "PBE-2", says: "a multi-Region key counts as a single-Region key (R5)", run: func(c *check) {
			key := c.named("$MRK")
			bucket := c.scratch(stateKMS, "$MRK")
			c.encryptionIs(bucket, "aws:kms", key)
			c.headers(c.put(bucket, c.key, "body", "sse=aws:kms key=$MRKID", nil),
				map[string]string{"sse": "aws:kms", "key": key, "bk": "true"})
		}},
		{id: "PBE-22", says: "the caller may not use the key", open: "?", run: func(c *check) {
			bucket, as := c.scratch(stateNone, "$K"), c.limitedTo("nokms")
			r := putEncryption(bucket, kms(c.named("$K")))
			r.as = as
			c.refused(c.do(r), "AccessDenied")
			c.stateIs(bucket, stateNone)
		}},
		{id: "DBE-1", says: "DeleteBucketEncryption", run: func(c *check) {
			for _, state := range []string{stateNone, stateKMS, stateBack} {
				bucket := c.scratch(state, "$K")
				for range 2 {
					c.status(c.do(&request{method: "DELETE", bucket: bucket, query: "encryption=", regional: true}),
						204)
				}
				c.ok(c.settled(c.ctx))
				c.encryptionIs(bucket, "AES256", "")
				if state != stateNone {
					state = stateBack
				}
				c.stateIs(bucket, state)
			}
		}},
		{id: "GBE-1", says: "GetBucketEncryption of SSE-S3", open: "?", run: func(c *check) {
			for _, state := range []string{stateNone, stateBack} {
				c.encryptionIs(c.bucket(state), "AES256", "")
				a := c.do(&request{method: "GET", bucket: c.bucket(state), query: "encryption=", regional: true})
				if enabled := a.element("BucketKeyEnabled"); enabled != "false" {
					c.Errorf("BucketKeyEnabled is %q, want false", enabled)
				}
			}
		}},
	}
	for _, flag := range []string{"", "true"} {
		says, more := "BucketKeyEnabled absent", ""
		if flag != "" {
			says, more = "BucketKeyEnabled "+flag, bucketKey+flag+"</BucketKeyEnabled>"
		}
		for _, id := range []string{"PBE-20", "GBE-2"} {
			key := map[string]string{"PBE-20": "$K", "GBE-2": "$ID"}[id]
			rows = append(rows, row{
				id: id, says: says + " with aws:kms reads back true, the key as it was given",
				run: func(c *check) {
					bucket := c.scratch(stateNone, "$K")
					c.setEncryption(bucket, encryptionRule("aws:kms", c.named(key), more))
					c.encryptionIs(bucket, "aws:kms", c.named(key))
					a := c.do(&request{method: "GET", bucket: bucket, query: "encryption=", regional: true})
					if enabled := a.element("BucketKeyEnabled"); enabled != "true" {
						c.Errorf("BucketKeyEnabled is %q, want true", enabled)
					}
				},
			})
		}
	}
	sortRows(rows)
	return rows
}
