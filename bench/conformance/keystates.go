package conformance

import (
	"net/http"
	"time"
)

// bound makes a bucket bound to a key of this case's own, and writes nothing into it, so that no bucket key is cached.
func (c *check) bound(kind string) (bucket, arn string) {
	if !c.keys.states {
		c.Skip("this key service enforces neither key states nor key usage")
	}
	variable := "$OTHER-" + c.key
	arn = c.named(variable)
	bucket = c.scratch(kind, variable)
	return bucket, arn
}

// change changes a key's state.
func (c *check) change(action, arn string) {
	c.ok(c.keys.change(action, arn))
}

// written makes a bucket whose key has been used, with an object; then the key changes.
func (c *check) written(action string) (bucket, arn string) {
	bucket, arn = c.bound(stateKMS)
	c.put(bucket, c.key, ten, "", nil)
	c.change(action, arn)
	return bucket, arn
}

// uncached makes cached bucket keys go: by the admin address, or with -slow by waiting.
func (c *check) uncached() {
	switch {
	case c.admin != "":
		c.dropKeys()
	case c.slow:
		timer := time.NewTimer(5*time.Minute + 15*time.Second)
		defer timer.Stop()
		<-timer.C
	default:
		c.Skip("a cached bucket key can neither be dropped nor waited for: -admin or -slow")
	}
}

// keyStateRows are sections 5.3 and 5.4.
func keyStateRows() []row {
	state := func(id, says, action, code string) row {
		return row{id: id, says: says, want: code, judge: func(c *check, code string) {
			bucket, arn := c.bound(stateKMS)
			c.change(action, arn)
			// Signed with the long-term key; a session shows the same when it is made (U-13).
			c.refused(c.do(&request{method: "PUT", bucket: bucket, key: c.key, body: "x", as: c.long}), code)
			c.refused(c.do(&request{method: "POST", bucket: bucket, key: c.key, query: "uploads=", as: c.long}), code)
			source := c.bucket(stateNone)
			c.put(source, c.key, ten, "", nil)
			c.refused(c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, headers: "source=" + source + "/" + c.key, as: c.long,
			}), code)
			if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key, as: c.long}); a.status != 404 {
				c.Errorf("HEAD: %d, want 404", a.status)
			}
		}}
	}
	atSession := func(id, says, action, code string) row {
		return row{id: id, says: says, open: "U-13", want: code, judge: func(c *check, code string) {
			bucket, arn := c.bound(stateKMS)
			c.change(action, arn)
			c.refused(c.do(c.createSession(bucket, "")), code)
			c.status(c.do(c.createSession(bucket, "sse=AES256")), 200)
		}}
	}
	reading := func(id, says, action, code string) row {
		return row{id: id, says: says, run: func(c *check) {
			bucket, _ := c.written(action)
			// A copy calls KMS each time (R17), whatever is cached.
			to := c.bucket(stateNone)
			copying := &request{
				method: "PUT", bucket: to, key: c.key, headers: "source=" + bucket + "/" + c.key, as: c.long,
			}
			c.refused(c.do(copying), code)
			c.absent(to, c.key)
			c.uncached()
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, as: c.long}), code)
			c.refused(c.do(&request{
				method: "GET", bucket: bucket, key: c.key, as: c.long, raw: []string{"Range: bytes=0-1"},
			}), code)
			checked := &request{
				method: "HEAD", bucket: bucket, key: c.key, as: c.long, raw: []string{"x-amz-checksum-mode: ENABLED"},
			}
			if a := c.do(checked); a.status != 400 || a.body != "" {
				c.Errorf("HEAD with checksum-mode needs KMS (4.5), but answers %d %q", a.status, a.body)
			}
			if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key, as: c.long}); a.status != 200 {
				c.Errorf("HEAD without checksum-mode asks no KMS (CHOICE), but answers %d", a.status)
			}
		}}
	}
	return []row{
		{id: "KS-1", says: "an enabled key, disabled and enabled again", run: func(c *check) {
			bucket, arn := c.written("DisableKey")
			c.change("EnableKey", arn)
			a := c.do(&request{method: "GET", bucket: bucket, key: c.key, as: c.long})
			if a.body != ten {
				c.Errorf("GET: %s %q", a, a.body)
			}
			c.put(bucket, c.key, "new", "", c.long)
		}},
		state("KS-2", "writes under a disabled key", "DisableKey", "KMS.DisabledException"),
		reading("KS-2", "reads under a disabled key", "DisableKey", "KMS.DisabledException"),
		state("KS-3", "writes under a key pending deletion", "ScheduleKeyDeletion", "KMS.KMSInvalidStateException"),
		reading("KS-3", "reads under a key pending deletion", "ScheduleKeyDeletion", "KMS.KMSInvalidStateException"),
		atSession("KE-1", "CreateSession under a disabled key", "DisableKey", "KMS.DisabledException"),
		atSession("KE-2", "CreateSession under a key pending deletion", "ScheduleKeyDeletion",
			"KMS.KMSInvalidStateException"),
		{id: "KE-1", says: "the message names the key", run: func(c *check) {
			r := putEncryption(c.bucket(stateNone), encryptionRule("aws:kms", c.named("$DISABLED"), ""))
			c.refused(c.do(r), "KMS.DisabledException Message="+c.named("$DISABLED")+" is disabled.")
		}},
		{id: "KE-2", says: "the message names the key and its state", run: func(c *check) {
			r := putEncryption(c.bucket(stateNone), encryptionRule("aws:kms", c.named("$PENDING"), ""))
			c.refused(c.do(r), "KMS.KMSInvalidStateException Message="+c.named("$PENDING")+" is pending deletion.")
		}},
		{id: "KE-3", says: "the message names the key", run: func(c *check) {
			arn := c.named("$UNKNOWN")
			r := putEncryption(c.bucket(stateNone), encryptionRule("aws:kms", arn, ""))
			c.refused(c.do(r), "KMS.NotFoundException Message=Key '"+arn+"' does not exist")
		}},
		{id: "KE-4", says: "a key that isn't for encryption", open: "?", run: func(c *check) {
			r := putEncryption(c.bucket(stateNone), encryptionRule("aws:kms", c.named("$HMAC"), ""))
			c.refused(c.do(r), "KMS.InvalidKeyUsageException")
		}},
		{id: "KE-5", says: "writes and reads without permission to use the key", run: func(c *check) {
			bucket, as := c.bucket(stateKMS), c.limitedTo("nokms")
			before := c.stand(bucket)
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, as: as}), "AccessDenied")
			c.refused(c.do(&request{method: "PUT", bucket: bucket, key: c.key, body: "x", as: as}), "AccessDenied")
			c.refused(c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, headers: "source=" + bucket + "/" + c.key +
					" sse=AES256", as: as,
			}), "AccessDenied")
			before.unchanged()
		}},
		{id: "CM-3", says: "CompleteMultipartUpload with a key disabled meanwhile", open: "?", run: func(c *check) {
			bucket, arn := c.bound(stateKMS)
			u := c.upload(bucket, c.key, "", c.long)
			u.part(1, "part", "")
			c.change("DisableKey", arn)
			a := c.do(u.completeRequest())
			if a.status != 200 || a.code() != "" {
				c.refused(a, "KMS.DisabledException")
				c.status(c.do(&request{method: "HEAD", bucket: bucket, key: c.key, as: c.long}), 404)
				return // no bucket key was cached any more
			}
			c.uncached()
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, as: c.long}), "KMS.DisabledException")
		}},
		{id: "DL-1", says: "DeleteObject and DeleteObjects with a disabled key", run: func(c *check) {
			bucket, arn := c.bound(stateKMS)
			c.put(bucket, c.key, ten, "", c.long)
			c.put(bucket, c.key+"-2", ten, "", c.long)
			c.change("DisableKey", arn)
			c.status(c.do(&request{method: "DELETE", bucket: bucket, key: c.key, as: c.long}), 204)
			r := withCRC32(&request{
				method: "POST", bucket: bucket, query: "delete=", body: "<Delete><Object><Key>" + c.key +
					"-2</Key></Object></Delete>", as: c.long,
			})
			a := c.do(r)
			c.status(a, 200)
			if len(elements(a.body, "Deleted")) != 1 {
				c.Errorf("DeleteObjects: %s", a.body)
			}
		}},
	}
}

// dropKeys has the program forget its cached bucket keys.
func (c *check) dropKeys() {
	h, err := http.NewRequestWithContext(c.ctx, http.MethodPost, c.admin+"/keys/drop", nil)
	c.ok(err)
	resp, err := c.client.Do(h)
	c.ok(err)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		c.Fatalf("POST /keys/drop: %s", resp.Status)
	}
}
