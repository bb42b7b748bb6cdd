package conformance

import (
	"strings"
)

// attributeRows are reads of objects with parts, of missing ones, and section 4.7.
func attributeRows() []row {
	return []row{
		{id: "RD-2", says: "any range of an empty object", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key, "", "", nil)
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, raw: []string{"Range: bytes=0-"}}),
				"InvalidRange ActualObjectSize=0")
		}},
		{id: "RD-4", says: "parts of a multipart object", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			u := c.upload(bucket, c.key, "", nil)
			u.part(1, large(), "")
			u.part(2, "end", "")
			u.complete()
			a := c.do(&request{method: "GET", bucket: bucket, key: c.key, query: "partNumber=2"})
			c.status(a, 206)
			if a.body != "end" || a.header.Get("X-Amz-Mp-Parts-Count") != "2" ||
				a.header.Get("Content-Range") != "bytes 5242880-5242882/5242883" {
				c.Errorf("part 2: %q, %v", a.body, a.header)
			}
			c.encrypted(a, "kms bk")
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, query: "partNumber=3"}),
				"InvalidPartNumber PartNumberRequested=3")
			a = c.do(&request{method: "GET", bucket: bucket, key: c.key, raw: []string{"Range: bytes=5242878-5242881"}})
			if a.body != "efen" {
				c.Errorf("a range over both parts: %q", a.body)
			}
			a = c.do(&request{
				method: "GET", bucket: bucket, key: c.key, query: "attributes=", raw: []string{
					"x-amz-object-attributes: ETag,ObjectParts,ObjectSize,StorageClass,Checksum",
				},
			})
			c.status(a, 200)
			for name, want := range map[string]string{
				"ObjectSize": "5242883", "StorageClass": "EXPRESS_ONEZONE", "PartsCount": "2", "IsTruncated": "false",
				"PartNumberMarker": "0", "NextPartNumberMarker": "2",
			} {
				got := a.element(name)
				if name == "PartsCount" && got == "" {
					got = a.element("TotalPartsCount")
				}
				if got != want {
					c.Errorf("%s is %q, want %q in %s", name, got, want, a.body)
				}
			}
			if n := strings.Count(a.body, "<PartNumber>"); n != 2 {
				c.Errorf("%d parts are listed: %s", n, a.body)
			}
		}},
		{id: "RD-12", says: "a missing key", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key}), "NoSuchKey Key="+c.key)
			c.absent(bucket, c.key)
			readOnly := c.sessionOn(bucket, "mode=ReadOnly")
			c.refused(c.do(&request{method: "GET", bucket: bucket, key: c.key, as: readOnly}), "NoSuchKey")
		}},
		{id: "4.7", says: "ETag without quotes", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			etag := c.put(bucket, c.key, ten, "", nil).header.Get("ETag")
			a := c.do(&request{
				method: "GET", bucket: bucket, key: c.key, query: "attributes=",
				raw: []string{"x-amz-object-attributes: ETag"},
			})
			if a.element("ETag") != strings.Trim(etag, `"`) || a.element("ObjectSize") != "" {
				c.Errorf("%s, want the ETag %s alone", a.body, etag)
			}
		}},
		{id: "6.1", says: "the ETag is no MD5, and the same everywhere", run: func(c *check) {
			bucket := c.scratch(stateKMS, "$K")
			etag := c.put(bucket, c.key, ten, "", nil).header.Get("ETag")
			if again := c.put(bucket, c.key+"-2", ten, "", nil).header.Get("ETag"); again == etag {
				c.Errorf("two objects have the ETag %s", etag)
			}
			bare := strings.Trim(etag, `"`)
			if bare == "781e5e245d69b566979b86e28d23f2c7" || len(etag) != len(bare)+2 {
				c.Errorf("ETag %s", etag)
			}
			if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key}); a.header.Get("ETag") != etag {
				c.Errorf("HEAD: ETag %s, want %s", a.header.Get("ETag"), etag)
			}
			a := c.do(&request{method: "GET", bucket: bucket, query: "list-type=2"})
			_, rest, _ := strings.Cut(a.body, "<Key>"+c.key+"</Key>")
			if listed := (&answer{body: rest}).element("ETag"); listed != etag {
				c.Errorf("listed: ETag %s, want %s", listed, etag)
			}
		}},
		{id: "6.1", says: "a checksum that doesn't match", run: func(c *check) {
			before := c.stand(c.bucket(stateKMS))
			r := &request{
				method: "PUT", bucket: before.bucket, key: c.key, body: "x", raw: []string{
					"x-amz-checksum-sha256: " + base64SHA256("y"),
				},
			}
			c.refused(c.do(r), "BadDigest")
			r.raw = []string{"x-amz-checksum-sha256: short"}
			c.refused(c.do(r), "InvalidRequest")
			r.raw = []string{"x-amz-checksum-sha256: " + base64SHA256("x"), "x-amz-checksum-crc32: AAAAAA=="}
			c.refused(c.do(r), "InvalidRequest")
			before.unchanged()
		}},
		{id: "6.1", says: "DeleteObjects without checksum", run: func(c *check) {
			before := c.stand(c.bucket(stateNone))
			body := "<Delete><Object><Key>" + c.key + "</Key></Object></Delete>"
			c.refused(c.do(&request{method: "POST", bucket: before.bucket, query: "delete=", body: body}),
				"InvalidRequest")
			before.unchanged()
		}},
	}
}

// copyOntoItselfRows are CP-10 and the signature of copies.
func copyOntoItselfRows() []row {
	onto := func(c *check, state, headers, want string) {
		bucket := c.bucket(state)
		c.put(bucket, c.key, ten, "", nil)
		r := &request{
			method: "PUT", bucket: bucket, key: c.key, headers: "source=" + bucket + "/" + c.key + " " +
				headers, as: c.long,
		}
		a := c.do(r)
		if !stored(want) {
			c.refused(a, want)
			if a := c.do(&request{method: "GET", bucket: bucket, key: c.key}); a.body != ten {
				c.Errorf("GET afterwards: %s %q", a, a.body)
			}
			return
		}
		c.status(a, 200)
		c.encrypted(a, want)
		c.reads(bucket, ten, want)
	}
	return []row{
		{
			id: "CP-10", says: "copy onto itself from KMS to AES256", want: "AES256",
			judge: func(c *check, want string) { onto(c, stateKMS, "sse=AES256", want) },
		},
		{
			id: "CP-10", says: "copy onto itself from AES256 to KMS", open: "U-07", want: "kms",
			judge: func(c *check, want string) { onto(c, stateBack, "sse=aws:kms", want) },
		},
		{
			id: "CP-10", says: "copy onto itself without any change",
			want:  "InvalidRequest",
			judge: func(c *check, want string) { onto(c, stateKMS, "", want) },
		},
		{id: "CP-1", says: "CopyObject signed with a session", open: "U-17", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key+"-source", ten, "", nil)
			c.refused(c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, headers: "source=" + bucket + "/" + c.key + "-source",
			}), "AccessDenied")
			c.absent(bucket, c.key)
		}},
	}
}

const conditionalDelete = "conditional-delete"

// needsConditionalDelete skips a case where the store behind the endpoint has no conditional deletes, once the endpoint
// has refused one rather than ignored it. before is the object it must leave.
func (c *check) needsConditionalDelete(before *standing) {
	if !c.without(conditionalDelete) {
		return
	}
	r := &request{method: "DELETE", bucket: before.bucket, key: before.key, raw: []string{`If-Match: "another"`}}
	c.refused(c.do(r), "NotImplemented")
	before.unchanged()
	c.Skip("the store behind the endpoint has no conditional deletes; they are refused: -lacks")
}

// conditionRows are what of sections 6.2 to 6.4 takes several requests.
func conditionRows() []row {
	return []row{
		{id: "6.2", says: "conditions of PutObject and DeleteObject that hold", run: func(c *check) {
			before := c.stand(c.bucket(stateKMS))
			bucket, etag := before.bucket, before.etag
			c.needsConditionalDelete(before)
			a := c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, body: "new", raw: []string{"If-Match: " + etag},
			})
			c.status(a, 200)
			now := a.header.Get("ETag")
			c.refused(c.do(&request{method: "DELETE", bucket: bucket, key: c.key, raw: []string{"If-Match: " + etag}}),
				"PreconditionFailed")
			c.status(c.do(&request{
				method: "DELETE", bucket: bucket, key: c.key, raw: []string{
					"If-Match: " + now, "x-amz-if-match-size: 3",
				},
			}), 204)
			c.absent(bucket, c.key)
		}},
		{id: "6.2", says: "conditions of CopyObject on the source's date", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key+"-source", ten, "", nil)
			date := c.do(&request{method: "HEAD", bucket: bucket, key: c.key + "-source"}).header.Get("Last-Modified")
			r := &request{
				method: "PUT", bucket: bucket, key: c.key, headers: "source=" + bucket + "/" + c.key +
					"-source", as: c.long,
			}
			r.raw = []string{"x-amz-copy-source-if-modified-since: " + date}
			c.refused(c.do(r), "PreconditionFailed")
			c.absent(bucket, c.key)
			r.raw = []string{"x-amz-copy-source-if-unmodified-since: " + date}
			c.status(c.do(r), 200)
		}},
		{id: "6.2", says: "CompleteMultipartUpload with If-None-Match on a key that exists", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			before := c.stand(bucket)
			u := c.upload(bucket, c.key, "", nil)
			u.part(1, "part", "")
			r := u.completeRequest()
			r.raw = []string{"If-None-Match: *"}
			c.refused(c.do(r), "PreconditionFailed Condition=If-None-Match")
			before.unchanged()
		}},
		{id: "6.2", says: "conditions of DeleteObjects fail one by one", run: func(c *check) {
			before := c.stand(c.bucket(stateKMS))
			c.needsConditionalDelete(before)
			body := "<Delete><Object><Key>" + c.key + "</Key><ETag>&quot;another&quot;</ETag></Object></Delete>"
			a := c.do(withCRC32(&request{method: "POST", bucket: before.bucket, query: "delete=", body: body}))
			c.status(a, 200)
			if a.code() != "PreconditionFailed" {
				c.Errorf("DeleteObjects: %s, want an Error of PreconditionFailed", a.body)
			}
			before.unchanged()
		}},
		{id: "6.4", says: "forms of the source", open: "C-10", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			for i, source := range []string{
				c.key + "-old", "/" + c.key + "-old", bucket + "/" + c.key + "-old", "/" + bucket + "/" +
					c.key + "-old",
			} {
				c.put(bucket, c.key+"-old", source, "", nil)
				a := c.do(&request{
					method: "PUT", bucket: bucket, key: c.key, query: "renameObject=", headers: "rename=" + source,
				})
				if a.status != 200 || a.body != "" {
					c.Errorf("form %d: %s %q", i, a, a.body)
				}
				c.reads(bucket, source, "kms bk")
			}
		}},
		{id: "6.4", says: "a client token", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key+"-old", ten, "", nil)
			r := &request{
				method: "PUT", bucket: bucket, key: c.key, query: "renameObject=", headers: "rename=" + c.key +
					"-old x-amz-client-token=token-" + c.target.run + c.key,
			}
			c.status(c.do(r), 200)
			c.status(c.do(r), 200)
			r.key += "-elsewhere"
			c.refused(c.do(r), "IdempotencyParameterMismatch")
			c.reads(bucket, ten, "kms bk")
		}},
		{id: "6.3", says: "an append with a stale offset changes nothing", run: func(c *check) {
			before := c.stand(c.bucket(stateKMS))
			c.refused(c.do(&request{method: "PUT", bucket: before.bucket, key: c.key, body: "x", headers: "offset=1"}),
				"InvalidWriteOffset")
			before.unchanged()
		}},
	}
}

// multipartRows are section 6.6.
func multipartRows() []row {
	refused := func(says, want string, request func(c *check, u *upload) *request) row {
		return row{id: "6.6", says: says, want: want, judge: func(c *check, want string) {
			u := c.upload(c.bucket(stateKMS), c.key, "", nil)
			c.refused(c.do(request(c, u)), want)
			c.absent(u.bucket, u.key)
		}}
	}
	return []row{
		refused("Complete with an unknown part", "InvalidPart", func(_ *check, u *upload) *request {
			u.part(1, "part", "")
			u.parts = nil
			u.add(1, `"another"`)
			return u.completeRequest()
		}),
		refused("Complete with a gap", "InvalidPartOrder", func(_ *check, u *upload) *request {
			u.part(1, large(), "")
			u.part(3, "end", "")
			return u.completeRequest()
		}),
		refused("Complete not ascending", "InvalidPartOrder", func(_ *check, u *upload) *request {
			u.part(2, large(), "")
			u.part(1, "end", "")
			return u.completeRequest()
		}),
		refused("Complete with a small part that isn't the last", "EntityTooSmall MinSizeAllowed=5242880",
			func(_ *check, u *upload) *request {
				u.part(1, "small", "")
				u.part(2, "end", "")
				return u.completeRequest()
			}),
		refused("Complete with another x-amz-mp-object-size", "InvalidRequest", func(_ *check, u *upload) *request {
			u.part(1, "part", "")
			r := u.completeRequest()
			r.raw = []string{"x-amz-mp-object-size: 5"}
			return r
		}),
		refused("an aborted upload is unknown", "NoSuchUpload", func(c *check, u *upload) *request {
			u.part(1, "part", "")
			c.status(c.do(u.request("DELETE", "")), 204)
			return u.completeRequest()
		}),
		{id: "6.6", says: "Complete with an empty list", run: func(c *check) {
			u := c.upload(c.bucket(stateKMS), c.key, "", nil)
			a := c.do(u.completeRequest())
			want := "InvalidRequest"
			if a.code() == "MalformedXML" { // both were seen
				want = "MalformedXML"
			}
			c.refused(a, want)
			c.absent(u.bucket, u.key)
		}},
		{id: "6.6", says: "Complete again, Abort again", run: func(c *check) {
			u := c.upload(c.bucket(stateKMS), c.key, "", nil)
			u.part(1, "part", "")
			first, again := u.complete(), u.complete()
			if first.element("ETag") != again.element("ETag") {
				c.Errorf("ETags %s and %s", first.element("ETag"), again.element("ETag"))
			}
			c.status(c.do(u.request("DELETE", "")), 204)
			c.reads(u.bucket, "part", "kms bk")
		}},
		{id: "6.6", says: "DeleteBucket while an upload is in progress", open: "?", run: func(c *check) {
			bucket := c.scratch(stateNone, "$K")
			u := c.upload(bucket, c.key, "", nil)
			c.refused(c.do(&request{method: "DELETE", bucket: bucket, regional: true}), "BucketNotEmpty")
			c.status(c.do(u.request("DELETE", "")), 204)
			c.status(c.do(&request{method: "DELETE", bucket: bucket, regional: true}), 204)
		}},
	}
}
