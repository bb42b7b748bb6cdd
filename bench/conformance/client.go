package conformance

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Signature Version 2 is made of it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"sealfront/sigv4"
)

// A credential signs requests. Those of a session carry their token in a header of its own.
type credential struct {
	sigv4.Credentials
	session bool
}

// anonymous and signatureV2 stand for credentials where a request isn't signed as usual.
var (
	anonymous   = &credential{}
	signatureV2 = &credential{}
)

// A request is what the suite sends. Nothing is added to it but Host, X-Amz-Date, X-Amz-Content-Sha256, the token and
// the signature, so whatever a client shouldn't send can be sent.
type request struct {
	method, bucket, key string // key is percent-encoded
	query               string // raw
	headers             string // in the tables' words, see target.expand
	raw                 []string
	body                string
	as                  *credential // default: a session of the bucket; for regional operations the long-term key
	regional            bool
	plain               bool   // over HTTP
	chunked             bool   // without Content-Length
	service             string // default s3express
}

// An answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// element is the text of the body's first element of this name.
func (a *answer) element(name string) string {
	_, rest, found := strings.Cut(a.body, "<"+name+">")
	text, _, closed := strings.Cut(rest, "</"+name+">")
	if !found || !closed {
		return ""
	}
	return html.UnescapeString(text)
}

// raw is the answer as it came over the wire, fields in the order of their names, without those that never say
// anything.
func (a *answer) raw() string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\n", a.status, http.StatusText(a.status))
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		if slices.Contains([]string{"Connection", "Date", "Server", "X-Amz-Id-2", "X-Amz-Request-Id"}, name) {
			continue
		}
		for _, value := range a.header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if a.body != "" {
		b.WriteString("\n" + a.body + "\n")
	}
	return b.String()
}

func (a *answer) code() string { return a.element("Code") }

func (a *answer) String() string {
	if a.status < 300 {
		return fmt.Sprint(a.status)
	}
	return fmt.Sprintf("%d %s %q ArgumentName %q", a.status, a.code(), a.element("Message"), a.element("ArgumentName"))
}

// address is where a request goes, and its path there.
func (x *target) address(r *request) (u *url.URL, path string) {
	u, virtual := x.zonal, x.virtual
	switch {
	case r.plain:
		u = x.plain
	case r.regional && x.control != nil:
		u, virtual = x.control, false
	}
	copied := *u
	path = "/" + r.key
	switch {
	case r.bucket == "":
	case virtual:
		copied.Host = r.bucket + "." + u.Host
	case r.key == "":
		path = "/" + r.bucket
	default:
		path = "/" + r.bucket + path
	}
	return &copied, path
}

// send signs and sends a request. An error means that there was no whole answer.
func (x *target) send(ctx context.Context, r *request, c *credential) (*answer, error) {
	u, path := x.address(r)
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return nil, fmt.Errorf("path %q: %w", path, err)
	}
	u.Path, u.RawPath, u.RawQuery = decoded, path, r.query
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	h, err := http.NewRequestWithContext(ctx, r.method, u.String(), strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	h.URL.Path, h.URL.RawPath, h.URL.RawQuery = decoded, path, r.query
	if r.body == "" {
		h.Body, h.ContentLength = http.NoBody, 0
	}
	if r.chunked {
		h.ContentLength = -1
	}
	fields, err := x.fields(r)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(r.body))
	now := time.Now()
	add := func(name, value string) {
		fields = append(fields, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	switch c {
	case anonymous:
	case signatureV2:
		add("Date", now.UTC().Format(http.TimeFormat))
	default:
		add("X-Amz-Date", string(sigv4.AppendTimestamp(nil, now)))
		add("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
		switch {
		case c.SessionToken == "":
		case c.session:
			add("X-Amz-S3session-Token", c.SessionToken)
		default:
			add("X-Amz-Security-Token", c.SessionToken)
		}
	}
	for _, f := range fields {
		name := http.CanonicalHeaderKey(string(f.Name))
		h.Header[name] = append(h.Header[name], string(f.Value))
	}
	switch c {
	case anonymous:
	case signatureV2:
		h.Header.Set("Authorization", x.authorizationV2(h, r))
	default:
		m := &sigv4.Message{Method: []byte(r.method), Path: []byte(path), Query: []byte(r.query)}
		m.Header = append([]sigv4.Field{{Name: []byte("Host"), Value: []byte(u.Host)}}, fields...)
		service := r.service
		if service == "" {
			service = "s3express"
		}
		signed := sigv4.NewSigner(x.region, service).AppendAuthorization(nil, m, &c.Credentials, now)
		h.Header.Set("Authorization", string(signed))
	}
	return x.read(h)
}

func (x *target) read(h *http.Request) (*answer, error) {
	resp, err := x.client.Do(h)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s %s: %w", h.Method, h.URL, err)
	}
	return &answer{resp.StatusCode, resp.Header, string(body)}, nil
}

// authorizationV2 is the Authorization header of AWS Signature Version 2.
func (x *target) authorizationV2(h *http.Request, r *request) string {
	resource := "/" + r.bucket + "/" + r.key
	text := r.method + "\n\n" + h.Header.Get("Content-Type") + "\n" + h.Header.Get("Date") + "\n" + resource
	mac := hmac.New(sha1.New, []byte(x.long.SecretAccessKey))
	mac.Write([]byte(text))
	return "AWS " + x.long.AccessKeyID + ":" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// fields are a request's header fields in their order, the tables' words expanded.
func (x *target) fields(r *request) ([]sigv4.Field, error) {
	var fields []sigv4.Field
	for word := range strings.FieldsSeq(r.headers) {
		name, value, _ := strings.Cut(word, "=")
		if long, ok := short[name]; ok {
			name = long
		}
		value, err := x.expand(r.bucket, value)
		if err != nil {
			return nil, err
		}
		fields = append(fields, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	for _, line := range r.raw {
		name, value, _ := strings.Cut(line, ": ")
		fields = append(fields, sigv4.Field{Name: []byte(name), Value: []byte(value)})
	}
	return fields, nil
}

// short are the tables' words for headers.
var short = map[string]string{
	"sse":     "x-amz-server-side-encryption",
	"key":     "x-amz-server-side-encryption-aws-kms-key-id",
	"ctx":     "x-amz-server-side-encryption-context",
	"bk":      "x-amz-server-side-encryption-bucket-key-enabled",
	"bk2":     "x-amz-server-side-encryption-aws-bucket-key-enabled",
	"ssec":    "x-amz-server-side-encryption-customer-algorithm",
	"sseckey": "x-amz-server-side-encryption-customer-key",
	"ssecmd5": "x-amz-server-side-encryption-customer-key-md5",
	"srcssec": "x-amz-copy-source-server-side-encryption-customer-algorithm",
	"mode":    "x-amz-create-session-mode",
	"source":  "x-amz-copy-source",
	"rename":  "x-amz-rename-source",
	"offset":  "x-amz-write-offset-bytes",
}

// expand replaces a table's variable by what it stands for in a bucket.
func (x *target) expand(bucket, value string) (string, error) {
	context := func(pairs string) string { return base64.StdEncoding.EncodeToString([]byte(pairs)) }
	arn := "arn:" + x.partition + ":s3express:" + x.region + ":" + x.account + ":bucket/" + bucket
	switch value {
	case "$CTX":
		return context(`{"aws:s3express:arn":"` + arn + `"}`), nil
	case "$CTXODD":
		return context(`{"aws:s3express:arn":"arn:aws:s3:::` + arn + `"}`), nil
	case "$WRONG":
		return context(`{"aws:s3express:arn":"` + arn + `x"}`), nil
	case "$EXTRA":
		return context(`{"aws:s3express:arn":"` + arn + `","team":"a"}`), nil
	case "$GENERAL":
		return context(`{"aws:s3:arn":"` + arn + `"}`), nil
	case "$EMPTY":
		return context(`{}`), nil
	case "$JUNK":
		return "%%%", nil
	case "$NOTUTF8":
		return context("{\"a\":\"\xff\"}"), nil
	case "$LIST":
		return context(`["a"]`), nil
	case "$NUMBER":
		return context(`{"a":1}`), nil
	case "$ALIAS":
		return "alias/conformance", nil
	case "$ALIASARN":
		return "arn:" + x.partition + ":kms:" + x.region + ":" + x.account + ":alias/conformance", nil
	case "$CUSTOMERKEY":
		return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)), nil
	}
	if strings.HasPrefix(value, "$") {
		return x.keys.named(value)
	}
	return value, nil
}
