package conformance

import (
	"strings"
)

// readRows are sections 4.1 and 2.11.
func readRows() []row {
	var rows []row
	_, lines := table("reads.txt")
	reads := []struct {
		what, method, query string
		raw                 []string
	}{
		{what: "GetObject", method: "GET"},
		{what: "GetObject with a range", method: "GET", raw: []string{"Range: bytes=0-1"}},
		{what: "GetObject of part 1", method: "GET", query: "partNumber=1"},
		{what: "HeadObject", method: "HEAD"},
		{
			what: "GetObjectAttributes", method: "GET", query: "attributes=",
			raw: []string{"x-amz-object-attributes: ETag"},
		},
	}
	for _, cells := range lines {
		for _, read := range reads {
			id := cells[0]
			if read.method == "HEAD" {
				id = "G-5"
			}
			rows = append(rows, row{
				id: id, says: says(cells[2], read.what+" of a KMS and of an AES256 object"), open: cells[1], want: cells[3],
				judge: func(c *check, want string) {
					for _, state := range []string{stateKMS, stateNone} {
						bucket := c.bucket(state)
						c.put(bucket, c.key, ten, "", nil)
						// the check needs no look-up of the object
						for _, key := range []string{c.key, c.key + "-missing"} {
							r := &request{
								method: read.method, bucket: bucket, key: key, query: read.query, headers: cells[2],
								raw: read.raw,
							}
							a := c.do(r)
							if read.method != "HEAD" {
								c.refused(a, want)
								continue
							}
							status := statusFor(want)
							if a.status != status || a.body != "" {
								c.Errorf("%d %q, want %d without a body", a.status, a.body, status)
							}
						}
					}
				},
			})
		}
	}
	return append(rows, responseHeaderRows()...)
}

// responseHeaderRows are section 2.11 where no other row looks, and 4.3.
func responseHeaderRows() []row {
	return []row{
		{id: "2.11", says: "what shows no encryption: attributes, lists, deletes", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key, ten, "", nil)
			for _, r := range []*request{
				{method: "GET", key: c.key, query: "attributes=", raw: []string{"x-amz-object-attributes: ETag"}},
				{method: "GET", query: "list-type=2"},
				{method: "GET", query: "uploads="},
				{method: "HEAD"},
				withCRC32(&request{
					method: "POST", query: "delete=", body: "<Delete><Object><Key>" + c.key +
						"</Key></Object></Delete>",
				}),
				{method: "DELETE", key: c.key},
			} {
				r.bucket = bucket
				a := c.do(r)
				if a.status >= 300 {
					c.Errorf("%s ?%s: %s", r.method, r.query, a)
				}
				c.encrypted(a, "plain")
			}
			c.absent(bucket, c.key)
		}},
		{id: "2.11", says: "GET and HEAD of a copy show no bucket key", open: "U-20", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key+"-source", ten, "", nil)
			c.status(c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, headers: "source=" + bucket + "/" + c.key +
					"-source", as: c.long,
			}), 200)
			c.reads(bucket, ten, "kms")
		}},
		{id: "2.11", says: "refusals show no encryption", run: func(c *check) {
			a := c.do(&request{method: "PUT", bucket: c.bucket(stateKMS), key: c.key, body: "x", headers: "sse=AES256"})
			c.status(a, 400)
			c.encrypted(a, "plain")
		}},
		{id: "4.3", says: "headers of GET and HEAD", run: func(c *check) {
			bucket := c.bucket(stateKMS)
			c.do(&request{method: "PUT", bucket: bucket, key: c.key, body: ten, raw: []string{
				"Content-Type: text/plain", "Cache-Control: no-cache", "Content-Language: en",
				"Content-Disposition: inline", "x-amz-meta-colour: blue",
			}})
			for _, method := range []string{"GET", "HEAD"} {
				a := c.do(&request{method: method, bucket: bucket, key: c.key})
				for name, want := range map[string]string{
					"Accept-Ranges": "bytes", "Content-Length": "10", "Content-Type": "text/plain",
					"Cache-Control": "no-cache", "Content-Language": "en",
					"Content-Disposition": "inline", "X-Amz-Meta-Colour": "blue",
					"X-Amz-Storage-Class": "EXPRESS_ONEZONE", "X-Amz-Expiration": "NotImplemented",
				} {
					if got := a.header.Get(name); got != want {
						c.Errorf("%s: %s is %q, want %q", method, name, got, want)
					}
				}
				for _, name := range []string{"ETag", "Last-Modified", "X-Amz-Request-Id", "X-Amz-Id-2"} {
					if a.header.Get(name) == "" {
						c.Errorf("%s: no %s", method, name)
					}
				}
				for name := range a.header {
					if strings.HasPrefix(name, "X-Amz-Meta-") && name != "X-Amz-Meta-Colour" {
						c.Errorf("%s: %s wasn't stored by this client", method, name)
					}
				}
			}
		}},
		{id: "RD-2", says: "the last bytes of an empty object are all it has", run: func(c *check) {
			bucket := c.bucket(stateNone)
			c.put(bucket, c.key, "", "", nil)
			for value, status := range map[string]int{"bytes=-3": 200, "bytes=0-": 416} {
				a := c.do(&request{method: "GET", bucket: bucket, key: c.key, raw: []string{"Range: " + value}})
				c.status(a, status)
				if status == 200 && (a.body != "" || a.header.Get("Content-Range") != "") {
					c.Errorf("%s: %q, Content-Range %q", value, a.body, a.header.Get("Content-Range"))
				}
			}
		}},
		{id: "6.5", says: "common prefixes show uploads in progress", run: func(c *check) {
			bucket := c.bucket(stateNone)
			c.status(c.do(&request{method: "POST", bucket: bucket, key: c.key + "/open/part", query: "uploads="}), 200)
			query := "delimiter=%2F&list-type=2&prefix=" + c.key + "%2F"
			listing := c.do(&request{method: "GET", bucket: bucket, query: query})
			if !strings.Contains(listing.body, "<CommonPrefixes><Prefix>"+c.key+"/open/</Prefix></CommonPrefixes>") {
				c.Errorf("not shown: %s", listing.body)
			}
		}},
		{id: "4.3", says: "Content-Type is binary/octet-stream when the PUT had none", run: func(c *check) {
			bucket := c.bucket(stateNone)
			c.put(bucket, c.key, ten, "", nil)
			if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key}); a.header.Get(
				"Content-Type") != "binary/octet-stream" {
				c.Errorf("Content-Type is %q", a.header.Get("Content-Type"))
			}
		}},
	}
}
