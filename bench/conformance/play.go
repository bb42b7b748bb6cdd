package conformance

import (
	"crypto/md5" //nolint:gosec // what Content-MD5 is made of
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"hash/crc32"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A play is a row that is written as exchanges, at work.
type play struct {
	c       *check
	bucket  string
	general bool
	values  map[string]string // of {name}
}

// exchange sends a row's requests and compares the answers. The first step says where.
func (c *check) exchange(steps []step) {
	p := &play{c: c, values: make(map[string]string)}
	for _, need := range steps[0].fields {
		if c.without(need) {
			c.Skip("the endpoint has no " + need + ": -lacks")
		}
	}
	where, fresh := strings.CutSuffix(steps[0].target, " new")
	switch {
	case where == "general" && fresh:
		p.general, p.bucket = true, c.generalName(c.key)
		c.makeGeneral(p.bucket)
	case where == "general":
		p.general, p.bucket = true, c.general()
	case fresh:
		p.bucket = c.scratch(where, "$K")
	default:
		p.bucket = c.bucket(where)
	}
	if steps[0].body == "ten" {
		made := p.send(&request{method: "PUT", key: c.key, body: ten, raw: []string{
			"x-amz-checksum-sha256: " + base64SHA256(ten),
		}})
		c.status(made, http.StatusOK)
		p.values["etag"] = made.header.Get("ETag")
		p.values["date"] = p.send(&request{method: "HEAD", key: c.key}).header.Get("Last-Modified")
	}
	for i := range steps[1:] {
		s := &steps[1+i]
		for _, method := range s.methods {
			a := p.send(p.request(s, method))
			c.judged = p.written(a)
			p.compare(s, method, a)
		}
		if c.failed {
			return
		}
	}
}

// send sends a request into the row's bucket.
func (p *play) send(r *request) *answer {
	r.bucket = p.bucket
	if p.general {
		return p.c.inGeneral(r)
	}
	return p.c.do(r)
}

func (p *play) request(s *step, method string) *request {
	c := p.c
	r := &request{method: method, plain: s.plain, chunked: s.chunked, body: p.filled(s.body)}
	target, query, _ := strings.Cut(s.target, "?")
	target, query = p.filled(target), p.filledQuery(query)
	r.key, r.query = strings.TrimPrefix(target, "/"), query
	r.regional = !p.general && regionalQuery(method, r.key, query) && s.as == ""
	switch s.as {
	case "":
	case "long":
		r.as = c.long
	case "anonymous":
		r.as = anonymous
	case "v2":
		r.as = signatureV2
	default:
		r.as = c.limitedTo(s.as)
	}
	sum := md5.Sum([]byte(r.body)) //nolint:gosec // what Content-MD5 is made of
	sums := strings.NewReplacer("$SHA256", base64SHA256(r.body), "$MD5", base64.StdEncoding.EncodeToString(sum[:]),
		"$CRC32", base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(r.body)))))
	for _, field := range s.fields {
		name, value, _ := strings.Cut(field, ":")
		value = p.filled(sums.Replace(strings.TrimSpace(value)))
		r.raw = append(r.raw, name+": "+value)
		if !p.general && strings.EqualFold(name, "x-amz-copy-source") && r.as == nil {
			r.as = c.long
		}
	}
	return r
}

var (
	named    = regexp.MustCompile(`\{([a-z0-9]+)(-1h)?\}`)
	variable = regexp.MustCompile(`\$[A-Z0-9]+`)
)

// filled replaces the variables of a text.
func (p *play) filled(text string) string {
	c := p.c
	text = named.ReplaceAllStringFunc(text, func(name string) string {
		bare := strings.Trim(name, "{}")
		earlier, hour := strings.CutSuffix(bare, "-1h")
		value, ok := p.values[earlier]
		if !ok {
			c.Fatalf("%s stands for nothing yet", name)
		}
		if hour {
			date, err := http.ParseTime(value)
			c.ok(err)
			value = date.Add(-time.Hour).UTC().Format(http.TimeFormat)
		}
		return value
	})
	return variable.ReplaceAllStringFunc(text, func(name string) string {
		switch name {
		case "$KEY":
			return c.key
		case "$BUCKET":
			return p.bucket
		case "$ACCOUNT":
			return c.account
		case "$REGION":
			return c.region
		case "$ZONE":
			return c.zone
		case "$RUN":
			return c.run
		case "$LARGE":
			return large()
		case "$K1025":
			return c.key + strings.Repeat("k", 1025-len(c.key))
		}
		value, err := c.expand(p.bucket, name)
		c.ok(err)
		return value
	})
}

// filledQuery is a query with its variables, encoded, and an = behind every name, as it is signed.
func (p *play) filledQuery(query string) string {
	if query == "" {
		return ""
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		if strings.ContainsAny(value, "{$") {
			value = url.QueryEscape(p.filled(value))
		}
		pairs[i] = name + "=" + strings.ReplaceAll(value, "/", "%2F")
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// matches compares a value with what is written of it, and keeps it where that is {name} of a new name.
func (p *play) matches(got, want string) bool {
	if want == "*" {
		return got != ""
	}
	if m := named.FindStringSubmatch(want); m != nil && m[0] == want && m[2] == "" {
		if _, known := p.values[m[1]]; !known {
			p.values[m[1]] = got
			return got != ""
		}
	}
	return got == p.filled(want)
}

// compare compares an answer with what is written of it.
func (p *play) compare(s *step, method string, a *answer) {
	c := p.c
	if a.status != s.status {
		c.Errorf("%s %s: %s, want %d %s", method, s.target, a, s.status, (&answer{body: s.wantBody}).code())
		return
	}
	for _, field := range s.wants {
		name, want := field[0], field[1]
		if isVolatile(name, want) || method == "HEAD" && name == "content-length" && s.status >= 300 {
			continue
		}
		got := strings.Join(a.header.Values(name), ",")
		switch {
		case want == "-" && got != "":
			c.Errorf("%s %s: %s is %q, and must be absent", method, s.target, name, got)
		case want != "-" && !p.matches(got, want):
			c.Errorf("%s %s: %s is %q, want %q", method, s.target, name, got, want)
		}
	}
	if method == "HEAD" {
		if a.body != "" {
			c.Errorf("HEAD %s has a body: %q", s.target, a.body)
		}
		return
	}
	switch want := s.wantBody; {
	case want == "":
		if s.status == http.StatusNotModified && a.body != "" {
			c.Errorf("%s %s: 304 has a body: %q", method, s.target, a.body)
		}
	case strings.HasPrefix(want, "<"):
		p.compareXML(s, a)
	case want == "*":
	case a.body != p.filled(want):
		c.Errorf("%s %s: the body is %q, want %q", method, s.target, shortened(a.body), shortened(p.filled(want)))
	}
	if s.status >= http.StatusBadRequest {
		if a.element("Message") == "" || a.element("RequestId") == "" {
			c.Errorf("the error has no Message or no RequestId: %s", shortened(a.body))
		}
		if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/xml") {
			c.Errorf("the error is of type %q", kind)
		}
	}
}

func shortened(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

// compareXML finds each element of the written body that holds text in the answer, in the same order, below the same
// root.
func (p *play) compareXML(s *step, a *answer) {
	c := p.c
	want, err := leaves(s.wantBody)
	c.ok(err)
	got, err := leaves(a.body)
	if err != nil {
		c.Errorf("%s: the body is no XML: %v: %s", s.target, err, shortened(a.body))
		return
	}
	if len(got) == 0 || got[0] != want[0] {
		c.Errorf("%s: the document is %q, want <%s>", s.target, shortened(a.body), want[0][0])
		return
	}
	rest, want := got, want[1:]
	for _, w := range want {
		if isVolatile(w[0], w[1]) {
			continue
		}
		if w[1] == "-" {
			for _, g := range got {
				if g[0] == w[0] {
					c.Errorf("%s: %s is %q, and must be absent", s.target, w[0], g[1])
				}
			}
			continue
		}
		found := false
		for i, g := range rest {
			if g[0] == w[0] && p.matches(g[1], w[1]) {
				rest, found = rest[i+1:], true
				break
			}
		}
		if !found {
			c.Errorf("%s: no <%s>%s</%s> where it should be in %s", s.target, w[0], w[1], w[0], shortened(a.body))
			return
		}
	}
}

// leaves are the root of a document, and the elements that hold text or nothing, with their names.
func leaves(document string) (all [][2]string, err error) {
	d := xml.NewDecoder(strings.NewReader(document))
	text, open := "", false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(all) == 0 {
				all = append(all, [2]string{t.Name.Local, ""})
			}
			text, open = "", true
		case xml.CharData:
			text += string(t)
		case xml.EndElement:
			if open && !(len(all) == 1 && t.Name.Local == all[0][0]) {
				all = append(all, [2]string{t.Name.Local, strings.TrimSpace(text)})
			}
			open = false
		}
	}
}

// written is an answer as a row could have it: what is known by a name in this run bears it.
func (p *play) written(a *answer) string {
	pairs := []string{p.bucket, "$BUCKET", p.c.key, "$KEY"}
	if k, err := p.c.keys.named("$K"); err == nil && k != "" {
		pairs = append([]string{k, "$K"}, pairs...)
	}
	for name, value := range p.values {
		if value != "" {
			pairs = append(pairs, value, "{"+name+"}", html.EscapeString(value), "{"+name+"}")
		}
	}
	return strings.NewReplacer(pairs...).Replace(a.raw())
}
