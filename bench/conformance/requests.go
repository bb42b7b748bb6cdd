package conformance

import (
	"net/url"
	"strings"
)

func unsupportedRows() []row {
	var rows []row
	_, lines := table("requests.txt")
	for _, cells := range lines {
		words := []string{cells[2]}
		for _, word := range cells[3:6] {
			if word != "" {
				words = append(words, strings.TrimSuffix(word, ";"))
			}
		}
		what := strings.Join(words, " ") + ", " + cells[6]
		rows = append(rows, row{
			id: cells[0], says: what, open: cells[1], want: cells[6],
			judge: func(c *check, want string) { c.byItself(cells[2], cells[3], cells[4], cells[5], want) },
		})
	}
	return rows
}

// byItself sends a request of requests.txt. After a refusal, and after a success of a write to another key, the object
// stands.
func (c *check) byItself(method, path, query, headers, want string) {
	bucket := c.bucket(stateNone)
	object, multipart := c.key+"/object", c.key+"/multipart"
	before := &standing{c, bucket, object, ten, c.put(bucket, object, ten, "", nil).header.Get("ETag")}
	if method == "DELETE" && headers != "" && path != "" && path != "multipart" &&
		strings.Contains(strings.ToLower(headers), "if-match") {
		c.needsConditionalDelete(before)
	}
	r := &request{method: method, bucket: bucket, query: query, regional: regionalQuery(method, path, query)}
	switch path {
	case "":
	case "NEW":
		r.key = c.key + "/new"
	case "K1025":
		r.key = c.key + strings.Repeat("k", 1025-len(c.key))
	default:
		r.key = c.key + "/" + path
	}
	if strings.Contains(query, "UPLOAD") {
		u := c.upload(bucket, multipart, "", nil)
		r.query = strings.ReplaceAll(query, "UPLOAD", url.QueryEscape(u.id))
	}
	if strings.Contains(headers, "multipart-source") || path == "multipart-source" {
		c.put(bucket, c.key+"/multipart-source", "another", "", nil)
	}
	for line := range strings.SplitSeq(headers, ";") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		line = strings.ReplaceAll(line, "BUCKET/", bucket+"/"+c.key+"/")
		line = strings.ReplaceAll(line, "BUCKET", bucket)
		line = strings.ReplaceAll(line, "ACCOUNT", c.account)
		line = strings.ReplaceAll(line, "M2100", strings.Repeat("m", 2100))
		if source, ok := strings.CutPrefix(line, "x-amz-rename-source: "); ok && !strings.Contains(source, "--x-s3/") {
			line = "x-amz-rename-source: " + c.key + "/" + source
		}
		r.raw = append(r.raw, line)
		if strings.HasPrefix(line, "x-amz-copy-source:") {
			r.as = c.long
		}
	}
	if query == "session=" {
		r.as = c.long
	}
	if method == "PUT" && r.as == nil && !strings.HasPrefix(query, "renameObject") {
		r.body = "9876543210"
	}
	a := c.do(r)
	if want == "ok" {
		if a.status >= 300 {
			c.Errorf("%s, want success", a)
		}
	} else {
		c.refused(a, want)
	}
	before.unchanged()
	if want != "ok" && path == "NEW" {
		c.absent(bucket, r.key)
	}
}
