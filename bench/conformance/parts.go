package conformance

import (
	"fmt"
	"net/http"
	"strings"
)

// partRows are section 2.9.
func partRows() []row {
	var rows []row
	for column, want := range map[string]string{
		"sA none": "AES256", "sA kms": "AES256", "sK kms": "kms bk", "sK back": "kms bk",
	} {
		rows = append(rows, row{id: "UP-1", says: "UploadPart without headers, " + column, run: func(c *check) {
			bucket, as := c.by(column)
			u := c.upload(bucket, c.key, "", as)
			c.encrypted(u.part(1, "part", ""), want)
			c.encrypted(u.complete(), want)
			c.reads(bucket, "part", want)
		}})
	}
	sortRows(rows)
	for _, headers := range []string{"sse=aws:kms", "sse=AES256", "key=$K", "sse=aws:kms key=$K"} {
		rows = append(rows,
			row{
				id: "UP-2", says: "UploadPart with " + headers, open: "?", want: "InvalidArgument sse",
				judge: func(c *check, want string) {
					bucket, as := c.by("sK kms")
					u := c.upload(bucket, c.key, "", as)
					r := u.partRequest(1, headers)
					r.body = "part"
					c.refused(c.do(r), want)
					if a := c.do(u.request("GET", "")); strings.Contains(a.body, "<Part>") {
						c.Errorf("the part was stored: %s", a.body)
					}
				},
			})
	}
	rows = append(rows,
		row{
			id: "UP-3", says: "UploadPart of a KMS upload in a session of AES256", open: "U-18", run: func(c *check) {
				c.otherSession("", "sse=AES256", "kms bk")
			},
		},
		row{
			id: "UP-3", says: "UploadPart of an AES256 upload in a session of KMS", open: "U-18", run: func(c *check) {
				c.otherSession("sse=AES256", "", "AES256")
			},
		},
	)
	for state, want := range map[string]string{stateNone: "AES256", stateKMS: "kms", stateBack: "AES256"} {
		open := ""
		if state == stateKMS {
			open = "U-20"
		}
		rows = append(rows,
			row{id: "UC-1", says: "UploadPartCopy, settings are the default, " + state, open: open, run: func(c *check) {
				bucket := c.bucket(state)
				source := c.bucket(stateKMS)
				c.put(source, c.key+"-source", "what is copied", "", nil)
				u := c.upload(bucket, c.key, "", nil)
				a := c.do(u.copyRequest(1, source+"/"+c.key+"-source", ""))
				c.status(a, 200)
				c.encrypted(a, want)
				u.add(1, a.element("ETag"))
				u.complete()
				if a := c.do(&request{method: "GET", bucket: bucket, key: c.key}); a.body != "what is copied" {
					c.Errorf("GET: %s %q", a, a.body)
				}
			}})
	}
	sortRows(rows)
	copied := func(c *check, state, session, headers string, refusal string) {
		bucket := c.bucket(state)
		c.put(bucket, c.key+"-source", "what is copied", "", nil)
		u := c.upload(bucket, c.key, "", c.sessionOn(bucket, session))
		c.refused(c.do(u.copyRequest(1, bucket+"/"+c.key+"-source", headers)), refusal)
		if a := c.do(u.request("GET", "")); strings.Contains(a.body, "<Part>") {
			c.Errorf("the part was stored: %s", a.body)
		}
	}
	rows = append(rows,
		row{
			id: "UC-2", says: "UploadPartCopy into an AES256 upload of a KMS bucket", open: "U-19", want: "InvalidRequest",
			judge: func(c *check, want string) {
				copied(c, stateKMS, "sse=AES256", "", want)
			},
		},
		row{
			id: "UC-2", says: "UploadPartCopy into a KMS upload of an AES256 bucket", open: "U-19", want: "InvalidRequest",
			judge: func(c *check, want string) {
				copied(c, stateBack, "sse=aws:kms key=$K", "", want)
			},
		},
	)
	for _, r := range []struct{ id, open, headers, want string }{
		{"UC-3", "?", "sse=aws:kms", "InvalidArgument sse"},
		{"UC-3", "?", "key=$K", "InvalidArgument sse"},
		{"UC-3", "?", "ctx=$CTX", "InvalidArgument ctx"},
		{"UC-4", "U-10", "ssec=AES256", "NotImplemented"},
		{"UC-4", "U-10", "srcssec=AES256", "NotImplemented"},
	} {
		rows = append(rows, row{
			id: r.id, says: "UploadPartCopy with " + r.headers, open: r.open, want: r.want,
			judge: func(c *check, want string) {
				copied(c, stateKMS, "", r.headers, want)
			},
		})
	}
	for column, want := range map[string]string{"sA none": "AES256", "sK kms": "kms bk"} {
		rows = append(rows, row{id: "CM-1", says: "CompleteMultipartUpload, " + column, run: func(c *check) {
			bucket, as := c.by(column)
			u := c.upload(bucket, c.key, "", as)
			u.part(1, large(), "")
			u.part(2, "end", "")
			c.encrypted(u.complete(), want)
			c.reads(bucket, large()+"end", want)
		}})
	}
	sortRows(rows)
	return append(rows,
		row{id: "CM-2", says: "CompleteMultipartUpload with SSE headers", open: "?", run: func(c *check) {
			u := c.upload(c.bucket(stateKMS), c.key, "", nil)
			u.part(1, "part", "")
			r := u.completeRequest()
			r.headers = "sse=AES256"
			a := c.do(r)
			c.status(a, 200)
			c.encrypted(a, "kms bk")
		}},
		row{id: "CM-2", says: "ListParts and AbortMultipartUpload with SSE headers", open: "?", run: func(c *check) {
			u := c.upload(c.bucket(stateKMS), c.key, "", nil)
			for _, m := range []struct {
				method string
				status int
			}{{"GET", http.StatusOK}, {"DELETE", http.StatusNoContent}} {
				r := u.request(m.method, "")
				r.headers = "sse=AES256"
				a := c.do(r)
				c.status(a, m.status)
				c.encrypted(a, "plain")
			}
		}})
}

// otherSession makes an upload on a KMS bucket in one session and sends its part in another.
func (c *check) otherSession(made, sent, want string) {
	bucket := c.bucket(stateKMS)
	u := c.upload(bucket, c.key, "", c.sessionOn(bucket, made))
	u.as = c.sessionOn(bucket, sent)
	c.encrypted(u.part(1, "part", ""), want)
	u.complete()
	c.reads(bucket, "part", want)
}

// appendRows are section 2.10.
func appendRows() []row {
	appends := func(c *check, bucket string, size int, as *credential, headers string) *answer {
		return c.do(&request{
			method: "PUT", bucket: bucket, key: c.key, body: "more", headers: fmt.Sprintf("offset=%d ", size) + headers,
			as: as,
		})
	}
	same := func(column, want string) row {
		return row{id: "AP-1", says: "append to an object of the same kind, " + column, run: func(c *check) {
			bucket, as := c.by(column)
			c.put(bucket, c.key, ten, "", as)
			a := appends(c, bucket, 10, as, "")
			c.status(a, 200)
			c.encrypted(a, want)
			if a.header.Get("X-Amz-Object-Size") != "14" {
				c.Errorf("x-amz-object-size is %q, want 14", a.header.Get("X-Amz-Object-Size"))
			}
			c.reads(bucket, ten+"more", want)
		}}
	}
	differ := func(id, says, state, writer, appender string) row {
		return row{id: id, says: says, run: func(c *check) {
			bucket := c.bucket(state)
			c.put(bucket, c.key, ten, "", c.sessionOn(bucket, writer))
			c.refused(appends(c, bucket, 10, c.sessionOn(bucket, appender), ""), "EncryptionTypeMismatch")
			if a := c.do(&request{method: "GET", bucket: bucket, key: c.key}); a.body != ten {
				c.Errorf("GET afterwards: %s %q", a, a.body)
			}
		}}
	}
	return []row{
		same("sA none", "AES256"), same("sA kms", "AES256"), same("sK kms", "kms bk"),
		{id: "AP-1", says: "append at 0 makes the object", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			a := appends(c, bucket, 0, nil, "")
			c.status(a, 200)
			c.encrypted(a, "kms bk")
			c.reads(bucket, "more", "kms bk")
		}},
		differ("AP-2", "append of KMS to an AES256 object", stateKMS, "sse=AES256", ""),
		differ("AP-2", "append of AES256 to a KMS object", stateKMS, "", "sse=AES256"),
		differ("AP-3", "append after the default went back to SSE-S3", stateBack, "sse=aws:kms", ""),
		{id: "AP-3", says: "append after the default changed, the session carries the object's kind", run: func(c *check) {
			bucket := c.scratch(stateKMS, "$K")
			c.put(bucket, c.key, ten, "", nil)
			c.setEncryption(bucket, encryptionRule("AES256", "", ""))
			c.refused(appends(c, bucket, 10, nil, ""), "EncryptionTypeMismatch")
			a := appends(c, bucket, 10, c.sessionOn(bucket, "sse=aws:kms key=$K"), "")
			c.status(a, 200)
			c.encrypted(a, "kms bk")
		}},
		{
			id: "AP-3", says: "append after the default changed, the request carries the object's kind", open: "U-16",
			run: func(c *check) {
				bucket := c.bucket(stateBack)
				c.put(bucket, c.key, ten, "", c.sessionOn(bucket, "sse=aws:kms"))
				c.refused(appends(c, bucket, 10, c.long, ""), "EncryptionTypeMismatch")
				c.status(appends(c, bucket, 10, c.long, "sse=aws:kms"), 200)
			},
		},
		renamed("RN-1", "RenameObject of a KMS object", "", "sK kms", "", "kms bk"),
		renamed("RN-1", "RenameObject of an AES256 object of a KMS bucket, in a KMS session", "", "sA kms",
			"", "AES256"),
		renamed("RN-2", "RenameObject with SSE headers", "?", "sK kms", "sse=AES256", "kms bk"),
		{id: "DL-1", says: "DeleteObject with a usable key", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key, ten, "", nil)
			a := c.do(&request{method: "DELETE", bucket: bucket, key: c.key})
			c.status(a, http.StatusNoContent)
			c.encrypted(a, "plain")
			c.absent(bucket, c.key)
		}},
	}
}

// renamed is a rename in the bucket's default session of an object that the column's session wrote.
func renamed(id, says, open, column, headers, want string) row {
	return row{id: id, says: says, open: open, run: func(c *check) {
		bucket, as := c.by(column)
		c.do(&request{
			method: "PUT", bucket: bucket, key: c.key + "-old", body: ten, as: as,
			raw: []string{"x-amz-meta-colour: blue"},
		})
		a := c.do(&request{
			method: "PUT", bucket: bucket, key: c.key, query: "renameObject=", headers: "rename=" + c.key +
				"-old " + headers,
		})
		c.status(a, 200)
		c.encrypted(a, "plain")
		c.reads(bucket, ten, want)
		c.absent(bucket, c.key+"-old")
		if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key}); a.header.Get(
			"X-Amz-Meta-Colour") != "blue" {
			c.Errorf("metadata is lost: %v", a.header)
		}
	}}
}
