package conformance

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
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
				id, says(cells[2], read.what+" of a KMS and of an AES256 object"), cells[1],
				func(c *check) {
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
								c.refused(a, cells[3])
								continue
							}
							want := 400
							if cells[3] == "NotImplemented" {
								want = 501
							}
							if a.status != want || a.body != "" {
								c.Errorf("%d %q, want %d without a body", a.status, a.body, want)
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
		{"2.11", "what shows no encryption: attributes, lists, deletes", "", func(c *check) {
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
		{"2.11", "GET and HEAD of a copy show no bucket key", "U-20", func(c *check) {
			bucket := c.bucket(stateKMS)
			c.put(bucket, c.key+"-source", ten, "", nil)
			c.status(c.do(&request{
				method: "PUT", bucket: bucket, key: c.key, headers: "source=" + bucket + "/" + c.key +
					"-source", as: c.long,
			}), 200)
			c.reads(bucket, ten, "kms")
		}},
		{"2.11", "refusals show no encryption", "", func(c *check) {
			a := c.do(&request{method: "PUT", bucket: c.bucket(stateKMS), key: c.key, body: "x", headers: "sse=AES256"})
			c.status(a, 400)
			c.encrypted(a, "plain")
		}},
		{"4.3", "headers of GET and HEAD", "", func(c *check) {
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
		{"RD-2", "the last bytes of an empty object are all it has", "", func(c *check) {
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
		{"6.5", "common prefixes show uploads in progress", "", func(c *check) {
			bucket := c.bucket(stateNone)
			c.status(c.do(&request{method: "POST", bucket: bucket, key: c.key + "/open/part", query: "uploads="}), 200)
			query := "delimiter=%2F&list-type=2&prefix=" + c.key + "%2F"
			listing := c.do(&request{method: "GET", bucket: bucket, query: query})
			if !strings.Contains(listing.body, "<CommonPrefixes><Prefix>"+c.key+"/open/</Prefix></CommonPrefixes>") {
				c.Errorf("not shown: %s", listing.body)
			}
		}},
		{"4.3", "Content-Type is binary/octet-stream when the PUT had none", "", func(c *check) {
			bucket := c.bucket(stateNone)
			c.put(bucket, c.key, ten, "", nil)
			if a := c.do(&request{method: "HEAD", bucket: bucket, key: c.key}); a.header.Get(
				"Content-Type") != "binary/octet-stream" {
				c.Errorf("Content-Type is %q", a.header.Get("Content-Type"))
			}
		}},
	}
}

// A read is a GET with headers or a query and what it must answer.
type read struct {
	id, says, open string
	query          string
	raw            []string // ETAG stands for the object's, LATER for a time after and EARLIER for one before its date
	status         int
	body           string // of a success
	code           string // of a refusal, as in check.refused
	header         map[string]string
}

// rangeRows are sections 4.4 to 4.7. Every read is of an SSE-KMS object, with a session.
func rangeRows() []row {
	reads := []read{
		{
			id: "RD-1", says: "bytes=2-5", raw: []string{"Range: bytes=2-5"}, status: 206, body: "2345",
			header: map[string]string{"Content-Range": "bytes 2-5/10", "Content-Length": "4"},
		},
		{
			id: "RD-1", says: "bytes=7-", raw: []string{"Range: bytes=7-"}, status: 206, body: "789",
			header: map[string]string{"Content-Range": "bytes 7-9/10"},
		},
		{
			id: "RD-1", says: "bytes=-3", raw: []string{"Range: bytes=-3"}, status: 206, body: "789",
			header: map[string]string{"Content-Range": "bytes 7-9/10"},
		},
		{
			id: "RD-1", says: "bytes=5-100", raw: []string{"Range: bytes=5-100"}, status: 206, body: "56789",
			header: map[string]string{"Content-Range": "bytes 5-9/10"},
		},
		{id: "RD-1", says: "two ranges", raw: []string{"Range: bytes=0-1,4-5"}, status: 200, body: ten},
		{id: "RD-1", says: "another unit", raw: []string{"Range: lines=0-1"}, status: 200, body: ten},
		{
			id: "RD-2", says: "beyond the end", raw: []string{"Range: bytes=10-"},
			code: "InvalidRange ActualObjectSize=10",
		},
		{
			id: "RD-2", says: "beyond the end, repeated", raw: []string{"Range: bytes=10-12"},
			code: "InvalidRange RangeRequested=bytes=10-12",
		},
		{id: "RD-3", says: "malformed", raw: []string{"Range: bytes=x-y"}, status: 200, body: ten},
		{id: "RD-3", says: "first after last", raw: []string{"Range: bytes=5-2"}, status: 200, body: ten},
		{
			id: "RD-4", says: "part 1 of a single object", query: "partNumber=1", status: 206, body: ten,
			header: map[string]string{"X-Amz-Mp-Parts-Count": ""},
		},
		{
			id: "RD-5", says: "part 2 of a single object", query: "partNumber=2",
			code: "InvalidPartNumber ActualPartCount=1",
		},
		{
			id: "RD-6", says: "partNumber with Range", query: "partNumber=1", raw: []string{"Range: bytes=0-1"},
			code: "InvalidRequest",
		},
		{id: "RD-7", says: "partNumber 0", query: "partNumber=0", code: "InvalidArgument partNumber"},
		{id: "RD-7", says: "partNumber 10001", query: "partNumber=10001", code: "InvalidArgument partNumber"},
		{id: "RD-7", says: "partNumber one", query: "partNumber=one", code: "InvalidArgument partNumber"},
		{
			id: "RD-8", says: "If-Match of another", raw: []string{`If-Match: "another"`},
			code: "PreconditionFailed Condition=If-Match",
		},
		{id: "RD-8", says: "If-Match of this", raw: []string{"If-Match: ETAG"}, status: 200, body: ten},
		{
			id: "RD-8", says: "If-Unmodified-Since earlier", raw: []string{"If-Unmodified-Since: EARLIER"},
			code: "PreconditionFailed Condition=If-Unmodified-Since",
		},
		{
			id: "RD-8", says: "If-Unmodified-Since its date", raw: []string{"If-Unmodified-Since: DATE"},
			status: 200, body: ten,
		},
		{
			id: "RD-9", says: "If-Modified-Since earlier", raw: []string{
				"If-Modified-Since: EARLIER", "Range: bytes=2-5",
			}, status: 206, body: "2345",
		},
		{
			id: "RD-9", says: "If-Modified-Since its date, with a range beyond the end", raw: []string{
				"If-Modified-Since: DATE", "Range: bytes=99-",
			}, status: 304,
		},
		{id: "RD-9", says: "If-None-Match of this", raw: []string{"If-None-Match: ETAG"}, status: 304},
		{
			id: "RD-9", says: "If-None-Match of another", raw: []string{`If-None-Match: "another"`},
			status: 200, body: ten,
		},
		{id: "RD-9", says: "If-Modified-Since its date", raw: []string{"If-Modified-Since: DATE"}, status: 304},
		{
			id: "RD-10", says: "If-Match of this, If-Unmodified-Since earlier", raw: []string{
				"If-Match: ETAG", "If-Unmodified-Since: EARLIER",
			}, status: 200, body: ten,
		},
		{
			id: "RD-11", says: "If-None-Match of this, If-Modified-Since earlier", raw: []string{
				"If-None-Match: ETAG", "If-Modified-Since: EARLIER",
			}, status: 304,
		},
		{id: "RD-13", says: "versionId null", query: "versionId=null", status: 200, body: ten},
		{id: "RD-13", says: "versionId 3", open: "?", query: "versionId=3", code: "InvalidArgument versionId"},
		{
			id: "RD-14", says: "If-Range of this", open: "?", raw: []string{"If-Range: ETAG", "Range: bytes=2-5"},
			status: 206, body: "2345",
		},
		{
			id: "RD-14", says: "If-Range of another", open: "?",
			raw: []string{`If-Range: "another"`, "Range: bytes=2-5"}, status: 200, body: ten,
		},
		{
			id: "4.5", says: "all overrides, with a range", status: 206, body: "23", raw: []string{"Range: bytes=2-3"},
			query: "response-cache-control=no-store&response-content-disposition=attachment&response-content-encoding=identity&response-content-language=de&response-content-type=text%2Fhtml&response-expires=Thu%2C%2001%20Jan%202032%2000%3A00%3A00%20GMT",
			header: map[string]string{
				"Cache-Control": "no-store", "Content-Disposition": "attachment", "Content-Encoding": "identity",
				"Content-Language": "de", "Content-Type": "text/html", "Expires": "Thu, 01 Jan 2032 00:00:00 GMT",
			},
		},
		{
			id: "4.5", says: "checksum-mode of a whole object", raw: []string{"x-amz-checksum-mode: ENABLED"},
			status: 200, body: ten, header: map[string]string{
				"X-Amz-Checksum-Sha256": base64SHA256(ten), "X-Amz-Checksum-Type": "FULL_OBJECT",
			},
		},
		{
			id: "4.5", says: "checksum-mode of a range", raw: []string{
				"x-amz-checksum-mode: ENABLED", "Range: bytes=0-1",
			}, status: 206, body: "01", header: map[string]string{"X-Amz-Checksum-Sha256": ""},
		},
	}
	var rows []row
	for _, r := range reads {
		rows = append(rows, row{r.id, r.says, r.open, func(c *check) { c.readsAs(&r) }})
	}
	return append(rows, attributeRows()...)
}

func base64SHA256(body string) string {
	sum := sha256.Sum256([]byte(body))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readsAs sends a read by GET, and by HEAD, whose status and headers are the same.
func (c *check) readsAs(r *read) {
	bucket := c.bucket(stateKMS)
	made := c.do(&request{
		method: "PUT", bucket: bucket, key: c.key, body: ten, raw: []string{
			"x-amz-checksum-sha256: " + base64SHA256(ten),
		},
	})
	c.status(made, 200)
	head := c.do(&request{method: "HEAD", bucket: bucket, key: c.key})
	date, err := http.ParseTime(head.header.Get("Last-Modified"))
	c.ok(err)
	words := strings.NewReplacer("ETAG", made.header.Get("ETag"), "EARLIER",
		date.Add(-time.Hour).Format(http.TimeFormat), "DATE", date.Format(http.TimeFormat))
	for _, method := range []string{"GET", "HEAD"} {
		q := &request{method: method, bucket: bucket, key: c.key, query: r.query}
		for _, line := range r.raw {
			q.raw = append(q.raw, words.Replace(line))
		}
		if method == "HEAD" && strings.HasPrefix(r.query, "response-") {
			continue
		}
		a := c.do(q)
		switch {
		case r.code != "" && method == "GET":
			c.refused(a, r.code)
		case r.code != "":
			code, _, _ := strings.Cut(r.code, " ")
			want := max(400, statusOf[code])
			if a.status != want || a.body != "" {
				c.Errorf("HEAD: %d %q, want %d without a body", a.status, a.body, want)
			}
		case a.status != r.status:
			c.Errorf("%s: %s, want %d", method, a, r.status)
		case method == "GET" && a.body != r.body:
			c.Errorf("GET: %q, want %q", a.body, r.body)
		default:
			if r.status != 304 {
				c.encrypted(a, "kms bk")
			}
			for name, want := range r.header {
				if got := a.header.Get(name); got != want {
					c.Errorf("%s: %s is %q, want %q", method, name, got, want)
				}
			}
		}
	}
}
