package conformance

import (
	"crypto/md5" //nolint:gosec // a checksum
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The rows of what Amazon S3 has changed, or has been measured to do otherwise, since the behaviour reference was
// written: most of them in general purpose buckets. Their ids begin with N.

// shows compares header fields of an answer, whatever else it has.
func (c *check) shows(a *answer, fields map[string]string) {
	for name, want := range fields {
		if got := a.header.Get(name); got != want {
			c.Errorf("%s: %s is %q, want %q", a, name, got, want)
		}
	}
}

// sums are the values of the five algorithms of 2026 for "hello".
func sums() map[string]string {
	sha, md := sha512.Sum512([]byte("hello")), md5.Sum([]byte("hello")) //nolint:gosec // a checksum
	b64 := base64.StdEncoding.EncodeToString
	xx := func(text string) string {
		b, _ := hex.DecodeString(text)
		return b64(b)
	}
	return map[string]string{
		"sha512": b64(sha[:]), "md5": b64(md[:]), "xxhash64": xx("26c7827d889f6da3"), "xxhash3": xx("9555e8555c62dcfd"),
		"xxhash128": xx("b5e9c1ad071b3e7fc779cfaa5e523818"),
	}
}

func newsRows() []row {
	rows := []row{}
	add := func(id, says string, run func(c *check)) {
		open := ""
		if slices.Contains([]string{"N-HOLD", "N-FAMILY", "N-ANNOTATIONS"}, id) || says == "can't be set" {
			open = "?" // what isn't offered, and how a promise is refused that nobody knows
		}
		rows = append(rows, row{id: id, says: says, open: open, general: true, run: run})
	}
	// one is a request on an object of ten bytes, whose answer is a code, or a status with header fields or elements.
	one := func(id, says string, r request, want string) {
		add(id, says, func(c *check) {
			bucket := c.general()
			c.status(c.inGeneral(&request{
				method: "PUT", bucket: bucket, key: c.key, body: ten, raw: []string{"Cache-Control: no-cache"},
			}), http.StatusOK)
			r := r
			r.bucket, r.key = bucket, strings.Replace(r.key, "KEY", c.key, 1)
			r.raw = append([]string(nil), r.raw...)
			for i, line := range r.raw {
				r.raw[i] = strings.ReplaceAll(line, "BUCKET", bucket)
			}
			c.answers(c.inGeneral(&r), want)
		})
	}

	add("N-RD-2", "a suffix range of an empty object is 200 without a byte, any other range 416", func(c *check) {
		bucket := c.general()
		c.status(c.inGeneral(&request{method: "PUT", bucket: bucket, key: c.key}), http.StatusOK)
		a := c.inGeneral(&request{method: "GET", bucket: bucket, key: c.key, raw: []string{"Range: bytes=-5"}})
		if a.status != http.StatusOK || a.body != "" {
			c.Errorf("bytes=-5: %s %q", a, a.body)
		}
		c.refused(c.inGeneral(&request{method: "GET", bucket: bucket, key: c.key, raw: []string{"Range: bytes=0-"}}),
			"InvalidRange")
	})
	for name, value := range sums() {
		for _, kind := range []string{"general purpose", "directory"} {
			add("N-CHECKSUMS", name+" in a "+kind+" bucket", func(c *check) {
				send, bucket := c.inGeneral, ""
				if kind == "directory" {
					send, bucket = c.do, c.bucket(stateNone)
				} else {
					bucket = c.general()
				}
				header := "x-amz-checksum-" + name
				sum, err := base64.StdEncoding.DecodeString(value)
				c.ok(err)
				wrong := base64.StdEncoding.EncodeToString(make([]byte, len(sum)))
				c.refused(send(&request{
					method: "PUT", bucket: bucket, key: c.key, body: "hello", raw: []string{header + ": " + wrong},
				}), "BadDigest")
				c.status(send(&request{
					method: "PUT", bucket: bucket, key: c.key, body: "hello", raw: []string{header + ": " + value},
				}), http.StatusOK)
				c.shows(send(&request{
					method: "HEAD", bucket: bucket, key: c.key, raw: []string{"x-amz-checksum-mode: ENABLED"},
				}), map[string]string{header: value})
			})
		}
	}
	add("N-PBE-21", "BlockedEncryptionTypes alone is a rule and reads back; NONE would allow SSE-C", func(c *check) {
		bucket := c.generalName("blocked")
		c.makeGeneral(bucket)
		rule := func(kind string) *request {
			r := putEncryption(bucket, "<Rule><BlockedEncryptionTypes><EncryptionType>"+kind+
				"</EncryptionType></BlockedEncryptionTypes></Rule>")
			r.service = "s3"
			return r
		}
		c.status(c.inGeneral(rule("SSE-C")), http.StatusOK)
		a := c.inGeneral(&request{method: "GET", bucket: bucket, query: "encryption="})
		if a.element("EncryptionType") != "SSE-C" {
			c.Errorf("it reads back as %s", a.body)
		}
		c.refused(c.inGeneral(rule("NONE")), "NotImplemented")
	})
	one("N-U-10", "SSE-C is AccessDenied", request{method: "PUT", key: "KEY", body: ten, raw: []string{
		"x-amz-server-side-encryption-customer-algorithm: AES256",
		"x-amz-server-side-encryption-customer-key: a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=",
		"x-amz-server-side-encryption-customer-key-md5: 7/pFbQZKE6zLTI1RqRv9vw==",
	}}, "AccessDenied")
	one("N-DELETE", "If-Match: * deletes what is there", request{
		method: "DELETE", key: "KEY", raw: []string{"If-Match: *"},
	}, "204")
	one("N-DELETE", "If-Match: * is 404 for what isn't", request{
		method: "DELETE", key: "KEY-none", raw: []string{"If-Match: *"},
	}, "NoSuchKey")
	one("N-DELETE", "DeleteObjects takes * for any ETag", withMD5(request{
		method: "POST", query: "delete=", body: "<Delete><Object><Key>absent</Key><ETag>*</ETag></Object></Delete>",
	}), "200 Code=NoSuchKey")
	one("N-DELETE", "DeleteObjects of a version that isn't there", withMD5(request{
		method: "POST", query: "delete=",
		body: "<Delete><Object><Key>absent</Key><VersionId>null</VersionId></Object></Delete>",
	}), "200 Key=absent")
	add("N-304", "304 has the headers of 200", func(c *check) {
		bucket := c.general()
		made := c.inGeneral(&request{
			method: "PUT", bucket: bucket, key: c.key, body: ten,
			raw: []string{"Cache-Control: no-cache", "Expires: 0"},
		})
		for _, method := range []string{"GET", "HEAD"} {
			a := c.inGeneral(&request{
				method: method, bucket: bucket, key: c.key, raw: []string{"If-None-Match: " + made.header.Get("ETag")},
			})
			c.status(a, http.StatusNotModified)
			c.shows(a, map[string]string{"ETag": made.header.Get("ETag"), "Cache-Control": "no-cache", "Expires": "0"})
			if a.header.Get("Last-Modified") == "" {
				c.Error("no Last-Modified")
			}
		}
	})
	add("N-6.5", "common prefixes of a directory bucket show uploads in progress", func(c *check) {
		bucket := c.bucket(stateNone)
		c.upload(bucket, c.key+"/open/key", "", nil)
		a := c.do(&request{
			method: "GET", bucket: bucket, query: "list-type=2&delimiter=%2F&prefix=" + url.QueryEscape(c.key+"/"),
		})
		if !strings.Contains(a.body, "<Prefix>"+c.key+"/open/</Prefix>") {
			c.Errorf("%s", a.body)
		}
	})
	add("N-METADATA", "metadata beyond ASCII is answered as words of RFC 2047, and taken so", func(c *check) {
		bucket := c.general()
		for i, sent := range []string{"grüße", "=?UTF-8?B?Z3LDvMOfZQ==?="} {
			key := c.key + strconv.Itoa(i)
			c.status(c.inGeneral(&request{
				method: "PUT", bucket: bucket, key: key, raw: []string{"x-amz-meta-a: " + sent},
			}), http.StatusOK)
			c.shows(c.inGeneral(&request{method: "HEAD", bucket: bucket, key: key}),
				map[string]string{"x-amz-meta-a": "=?UTF-8?B?Z3LDvMOfZQ==?="})
		}
	})
	for kind, suffix := range map[string]string{"general purpose": "", "directory": "-1"} {
		add("N-ATTRIBUTES", "a composite checksum in a "+kind+" bucket", func(c *check) {
			send, bucket := c.do, ""
			if kind == "directory" {
				bucket = c.bucket(stateNone)
			} else {
				send, bucket = c.inGeneral, c.general()
			}
			sha := "x-amz-checksum-sha256"
			value := "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
			id := send(&request{
				method: "POST", bucket: bucket, key: c.key, query: "uploads=",
				raw: []string{"x-amz-checksum-algorithm: SHA256"},
			}).element("UploadId")
			query := "uploadId=" + url.QueryEscape(id)
			part := send(&request{
				method: "PUT", bucket: bucket, key: c.key, query: "partNumber=1&" + query, body: "hello",
				raw: []string{sha + ": " + value},
			})
			list := "<Part><PartNumber>1</PartNumber><ETag>" + html.EscapeString(part.header.Get("ETag")) +
				"</ETag><ChecksumSHA256>" + value + "</ChecksumSHA256></Part>"
			done := send(&request{
				method: "POST", bucket: bucket, key: c.key, query: query, body: "<CompleteMultipartUpload>" + list +
					"</CompleteMultipartUpload>",
			})
			c.status(done, http.StatusOK)
			a := send(&request{
				method: "GET", bucket: bucket, key: c.key, query: "attributes=", raw: []string{
					"x-amz-object-attributes: Checksum,ObjectParts",
				},
			})
			_, rest, _ := strings.Cut(a.body, "<Checksum>")
			got, _, _ := strings.Cut(rest, "</ChecksumSHA256>")
			composite, _, _ := strings.Cut(done.element("ChecksumSHA256"), "-")
			if got = strings.TrimPrefix(got, "<ChecksumSHA256>"); composite == "" || got != composite+suffix {
				c.Errorf("%s, want %s%s", a.body, composite, suffix)
			}
		})
	}
	add("N-GAPS", "part checksums and gaps in the numbers are InvalidPartOrder", func(c *check) {
		bucket := c.general()
		id := c.inGeneral(&request{
			method: "POST", bucket: bucket, key: c.key, query: "uploads=",
			raw: []string{"x-amz-checksum-algorithm: SHA256"},
		}).element("UploadId")
		query := "uploadId=" + url.QueryEscape(id)
		value := "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
		part := c.inGeneral(&request{
			method: "PUT", bucket: bucket, key: c.key, query: "partNumber=2&" + query, body: "hello",
			raw: []string{"x-amz-checksum-sha256: " + value},
		})
		list := "<Part><PartNumber>2</PartNumber><ETag>" + html.EscapeString(part.header.Get("ETag")) +
			"</ETag><ChecksumSHA256>" + value + "</ChecksumSHA256></Part>"
		c.refused(c.inGeneral(&request{
			method: "POST", bucket: bucket, key: c.key, query: query, body: "<CompleteMultipartUpload>" + list +
				"</CompleteMultipartUpload>",
		}), "InvalidPartOrder")
	})
	add("N-LISTBUCKETS", "an empty or foreign continuation token", func(c *check) {
		for _, token := range []string{"", "foreign"} {
			c.refused(c.inGeneral(&request{method: "GET", query: "continuation-token=" + token}), "InvalidArgument")
		}
	})
	add("N-SELFCOPY", "a copy onto itself where encryption was set by hand", func(c *check) {
		bucket := c.generalName("self")
		c.makeGeneral(bucket)
		c.status(c.inGeneral(&request{method: "PUT", bucket: bucket, key: c.key, body: ten}), http.StatusOK)
		self := func() *answer {
			return c.inGeneral(&request{
				method: "PUT", bucket: bucket, key: c.key, raw: []string{"x-amz-copy-source: " + bucket + "/" + c.key},
			})
		}
		c.refused(self(), "InvalidRequest")
		r := putEncryption(bucket, encryptionRule("AES256", "", ""))
		c.status(c.inGeneral(r), http.StatusOK)
		c.ok(c.settled(c.ctx))
		c.status(self(), http.StatusOK)
	})
	add("N-DELIMITER", "any delimiter: pages end, and each prefix comes once", func(c *check) {
		bucket := c.general()
		for _, name := range []string{"a-1", "a-2", "b-1", "c"} {
			c.status(c.inGeneral(&request{method: "PUT", bucket: bucket, key: c.key + "/" + name}), http.StatusOK)
		}
		var seen []string
		query := "list-type=2&delimiter=-&max-keys=1&prefix=" + url.QueryEscape(c.key+"/")
		for page, token := 0, ""; page < 10; page++ {
			a := c.inGeneral(&request{method: "GET", bucket: bucket, query: query + token})
			c.status(a, http.StatusOK)
			_, rest, _ := strings.Cut(a.body, "</MaxKeys>")
			for _, name := range []string{"a-</Prefix>", "b-</Prefix>", "c</Key>"} {
				if strings.Contains(rest, c.key+"/"+name) {
					seen = append(seen, name)
				}
			}
			if a.element("IsTruncated") != "true" {
				break
			}
			token = "&continuation-token=" + url.QueryEscape(a.element("NextContinuationToken"))
		}
		if got := strings.Join(seen, " "); got != "a-</Prefix> b-</Prefix> c</Key>" {
			c.Errorf("%s", got)
		}
	})
	one("N-HOLD", "an event hold is refused by name", request{
		method: "PUT", key: "KEY", body: ten, raw: []string{"x-amz-object-lock-event-hold: ON"},
	}, "NotImplemented Header=x-amz-object-lock-event-hold")
	for _, family := range []string{
		"x-amz-object-lock-new", "x-amz-server-side-encryption-new", "x-amz-grant-new", "x-amz-write-new",
		"x-amz-if-new", "x-amz-checksum-new", "x-amz-sdk-checksum-new",
	} {
		one("N-FAMILY", family, request{method: "PUT", key: "KEY", body: ten, raw: []string{family + ": 1"}},
			"NotImplemented Header="+family)
	}
	one("N-ABAC", "is disabled", request{method: "GET", query: "abac="}, "200 Status=Disabled")
	one("N-ABAC", "can't be set", request{
		method: "PUT", query: "abac=", body: "<AbacStatus><Status>Enabled</Status></AbacStatus>",
	}, "NotImplemented")
	one("N-ANNOTATIONS", "aren't there", request{method: "GET", key: "KEY", query: "annotation="}, "NotImplemented")
	add("N-NAMESPACE", "an account regional name has its form", func(c *check) {
		r := &request{
			method: "PUT", bucket: c.generalName("namespace"),
			raw: []string{"x-amz-bucket-namespace: account-regional"},
		}
		if a := c.inGeneral(r); a.status != http.StatusBadRequest {
			c.Errorf("%s", a)
		}
	})
	return rows
}

func withMD5(r request) request {
	sum := md5.Sum([]byte(r.body)) //nolint:gosec // what the operation asks for
	r.raw = append(r.raw, "Content-MD5: "+base64.StdEncoding.EncodeToString(sum[:]))
	return r
}

// answers compares an answer with a code, as refused does, or with "STATUS Element=value".
func (c *check) answers(a *answer, want string) {
	first, more, _ := strings.Cut(want, " ")
	status, err := strconv.Atoi(first)
	if err != nil {
		c.refused(a, want)
		return
	}
	c.status(a, status)
	if element, value, named := strings.Cut(more, "="); named && a.element(element) != value {
		c.Errorf("%s is %q, want %q: %s", element, a.element(element), value, a.body)
	}
}
