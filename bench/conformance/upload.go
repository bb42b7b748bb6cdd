package conformance

import (
	"fmt"
	"net/url"
	"strings"
)

// An upload is a multipart upload at work.
type upload struct {
	c           *check
	bucket, key string
	id          string
	as          *credential // who sends its parts
	parts       []string    // the XML of each part
}

// upload makes one.
func (c *check) upload(bucket, key, headers string, as *credential) *upload {
	a := c.do(&request{method: "POST", bucket: bucket, key: key, query: "uploads=", headers: headers, as: as})
	c.status(a, 200)
	return &upload{c: c, bucket: bucket, key: key, id: a.element("UploadId"), as: as}
}

func (u *upload) request(method, query string) *request {
	if query != "" {
		query += "&"
	}
	return &request{
		method: method, bucket: u.bucket, key: u.key, query: query + "uploadId=" + url.QueryEscape(u.id), as: u.as,
	}
}

func (u *upload) partRequest(number int, headers string) *request {
	r := u.request("PUT", fmt.Sprintf("partNumber=%d", number))
	r.headers = headers
	return r
}

// part sends a part, which must be accepted.
func (u *upload) part(number int, body, headers string) *answer {
	r := u.partRequest(number, headers)
	r.body = body
	a := u.c.do(r)
	u.c.status(a, 200)
	u.add(number, a.header.Get("ETag"))
	return a
}

// copyRequest is UploadPartCopy, signed with the long-term key.
func (u *upload) copyRequest(number int, source, headers string) *request {
	r := u.partRequest(number, headers)
	r.raw, r.as = []string{"x-amz-copy-source: " + source}, u.c.long
	return r
}

func (u *upload) add(number int, etag string) {
	u.parts = append(u.parts, fmt.Sprintf("<Part><ETag>%s</ETag><PartNumber>%d</PartNumber></Part>",
		strings.ReplaceAll(etag, `"`, "&quot;"), number))
}

func (u *upload) completeRequest() *request {
	r := u.request("POST", "")
	r.body = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + strings.Join(u.parts, "") +
		`</CompleteMultipartUpload>`
	return r
}

// complete completes the upload, which must succeed.
func (u *upload) complete() *answer {
	a := u.c.do(u.completeRequest())
	u.c.status(a, 200)
	if a.code() != "" || a.element("ETag") == "" {
		u.c.Errorf("CompleteMultipartUpload: %s", a.body)
	}
	return a
}
