package conformance

import (
	"strings"
)

// stored reports whether a cell is an encryption, not a refusal.
func stored(want string) bool { return want == "AES256" || strings.HasPrefix(want, "kms") }

func says(headers, rest string) string {
	if headers == "" {
		headers = "no headers"
	}
	return headers + ", " + rest
}

// columnOpen is what is UNVERIFIED about a cell because of its column.
func columnOpen(open, column, headers, want string) string {
	kms := strings.Contains(headers, "sse=aws:kms")
	switch {
	case strings.HasPrefix(column, "long"):
		return "U-16"
	case open != "":
		return open
	case want == "InvalidRequest":
		return "U-15"
	case kms && strings.HasSuffix(column, "none") && !stored(want):
		return "U-12"
	case kms && strings.HasSuffix(column, "back") && stored(want):
		return "U-07"
	}
	return ""
}

func createSessionRows() []row {
	var rows []row
	heading, lines := table("createsession.txt")
	for _, cells := range lines {
		headers := cells[2]
		for i, want := range cells[3:] {
			state := heading[3+i]
			rows = append(rows, row{
				id: cells[0], says: says(headers, "bucket "+state),
				open: columnOpen(cells[1], state, headers, want), want: want, judge: func(c *check, want string) {
					bucket := c.bucket(state)
					r := c.createSession(bucket, headers)
					a := c.do(r)
					if !stored(want) {
						c.refused(a, want)
						return
					}
					c.status(a, 200)
					c.encrypted(a, want, r)
					// What the session says is what an object gets.
					put := &request{method: "PUT", bucket: bucket, key: c.key, body: "body", as: sessionOf(a)}
					answer := c.do(put)
					c.status(answer, 200)
					c.encrypted(c.do(&request{method: "HEAD", bucket: bucket, key: c.key}),
						strings.TrimSuffix(want, " ctx"))
				},
			})
		}
	}
	return rows
}

// sessionKinds are the columns of put.txt: a bucket's state, and the headers of a session; long is none.
var sessionKinds = map[string]struct {
	state, headers string
	long           bool
}{
	"sA none": {state: stateNone}, "sA kms": {state: stateKMS, headers: "sse=AES256"}, "sA back": {state: stateBack},
	"sK kms": {state: stateKMS}, "sK back": {state: stateBack, headers: "sse=aws:kms key=$K"},
	"long none": {state: stateNone, long: true}, "long kms": {state: stateKMS, long: true},
	"long back": {state: stateBack, long: true},
}

func putRows() []row {
	var rows []row
	heading, lines := table("put.txt")
	for _, cells := range lines {
		headers := cells[2]
		for i, want := range cells[3:] {
			column := heading[3+i]
			open := columnOpen(cells[1], column, headers, want)
			rows = append(
				rows,
				row{
					id: cells[0], says: says(headers, "PutObject, "+column), open: open, want: want,
					judge: func(c *check, want string) {
						c.writes(column, headers, want)
					},
				},
				row{
					id: cells[0], says: says(headers, "CreateMultipartUpload, "+column), open: open, want: want,
					judge: func(c *check, want string) {
						c.uploads(column, headers, want)
					},
				},
			)
		}
	}
	return rows
}

func headerRows() []row {
	var rows []row
	_, lines := table("headers.txt")
	for _, cells := range lines {
		column := map[string]string{"sK": "sK kms", "sA": "sA none"}[cells[2]]
		rows = append(rows, row{
			id: cells[0], says: says(cells[3], column), open: cells[1], want: cells[4],
			judge: func(c *check, want string) { c.writes(column, cells[3], want) },
		})
	}
	return rows
}

// by is the bucket and the credentials of a column.
func (c *check) by(column string) (bucket string, as *credential) {
	kind := sessionKinds[column]
	bucket = c.bucket(kind.state)
	if kind.long {
		return bucket, c.long
	}
	return bucket, c.sessionOn(bucket, kind.headers)
}

// writes is PutObject: stored as the cell says and read back, or refused with what was there unchanged.
func (c *check) writes(column, headers, want string) {
	bucket, as := c.by(column)
	r := &request{method: "PUT", bucket: bucket, key: c.key, body: "the body of " + c.key, headers: headers, as: as}
	if !stored(want) {
		before := c.stand(bucket)
		c.refused(c.do(r), want)
		before.unchanged()
		return
	}
	a := c.do(r)
	c.status(a, 200)
	c.encrypted(a, want, r)
	c.reads(bucket, r.body, strings.TrimSuffix(want, " ctx"))
}

// reads expects an object under the case's key by GET and HEAD.
func (c *check) reads(bucket, body, want string) {
	for _, method := range []string{"GET", "HEAD"} {
		a := c.do(&request{method: method, bucket: bucket, key: c.key})
		c.status(a, 200)
		c.encrypted(a, want)
		if method == "GET" && a.body != body {
			c.Errorf("GET: %q, want %q", a.body, body)
		}
	}
}

// uploads is CreateMultipartUpload, and what follows it with the upload's settings.
func (c *check) uploads(column, headers, want string) {
	bucket, as := c.by(column)
	r := &request{method: "POST", bucket: bucket, key: c.key, query: "uploads=", headers: headers, as: as}
	a := c.do(r)
	if !stored(want) {
		c.refused(a, want)
		c.absent(bucket, c.key)
		return
	}
	c.status(a, 200)
	c.encrypted(a, want, r)
	u := &upload{c: c, bucket: bucket, key: c.key, id: a.element("UploadId"), as: as}
	if column != "sA none" && column != "sK kms" { // the parts of the others are UP-1's and CM-1's
		c.status(c.do(u.request("DELETE", "")), 204)
		return
	}
	want = strings.TrimSuffix(want, " ctx")
	c.encrypted(u.part(1, "a part of "+c.key, ""), want)
	c.encrypted(u.complete(), want)
	c.reads(bucket, "a part of "+c.key, want)
}

func copyRows() []row {
	var rows []row
	heading, lines := table("copy.txt")
	for _, cells := range lines {
		headers := cells[2]
		for i, want := range cells[3:] {
			state := heading[3+i]
			for _, from := range []string{stateNone, stateKMS} {
				open := columnOpen(cells[1], state, headers, want)
				if open == "U-20" && want == "AES256" {
					open = ""
				}
				rows = append(rows, row{
					id: cells[0], says: says(headers, "from "+from+" to "+state), open: open, want: want,
					judge: func(c *check, want string) {
						c.copies(from, state, headers, want)
					},
				})
			}
		}
	}
	return append(rows, copyOntoItselfRows()...)
}

// copies is CopyObject between buckets.
func (c *check) copies(from, to, headers, want string) {
	source, bucket := c.bucket(from), c.bucket(to)
	body := "what is copied by " + c.key
	c.put(source, c.key+"-source", body, "", nil)
	r := &request{
		method: "PUT", bucket: bucket, key: c.key, headers: headers, raw: []string{
			"x-amz-copy-source: " + source + "/" + c.key + "-source",
		}, as: c.long,
	}
	if !stored(want) {
		before := c.stand(bucket)
		c.refused(c.do(r), want)
		before.unchanged()
		return
	}
	a := c.do(r)
	c.status(a, 200)
	c.encrypted(a, want, r)
	if a.element("ETag") == "" || a.element("LastModified") == "" {
		c.Errorf("CopyObjectResult without ETag or LastModified: %s", a.body)
	}
	c.reads(bucket, body, strings.TrimSuffix(want, " ctx"))
}
