package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
)

// A check is a row at work. Its methods end the row's goroutine when it can't go on.
type check struct {
	*target
	ctx     context.Context //nolint:containedctx // a check lives as long as its row is tried
	row     *Row
	key     string // a key that no other row uses
	failed  bool
	skipped bool
	reason  string   // why it was skipped
	lines   []string // what was wrong, and what was noted
	judged  string   // the answer that the row is judged by
}

func (c *check) note(format string, args ...any) {
	c.lines = append(c.lines, fmt.Sprintf(format, args...))
}

func (c *check) Errorf(format string, args ...any) {
	c.failed = true
	c.note(format, args...)
}

func (c *check) Error(args ...any) { c.Errorf("%s", fmt.Sprint(args...)) }

func (c *check) Fatalf(format string, args ...any) {
	c.Errorf(format, args...)
	runtime.Goexit()
}

func (c *check) Fatal(args ...any) { c.Fatalf("%s", fmt.Sprint(args...)) }

// Skip skips the row, unless it has failed.
func (c *check) Skip(reason string) {
	c.skipped, c.reason = true, reason
	runtime.Goexit()
}

// judge keeps the answer that the row is judged by: the first that is compared with what it wants.
func (c *check) judge(a *answer, want string) {
	if c.row.Want != "" && want == c.row.Want && c.judged == "" {
		c.judged = a.raw()
	}
}

// do sends a request, signed with a session of its bucket unless it says otherwise.
func (c *check) do(r *request) *answer {
	if r.plain && c.plain == nil {
		c.Skip("no endpoint without TLS: -http-endpoint")
	}
	signer, err := c.signs(c.ctx, r)
	c.ok(err)
	a, err := c.send(c.ctx, r, signer)
	c.ok(err)
	return a
}

// ok ends the case at an error, and skips it when something is missing.
func (c *check) ok(err error) {
	if why, lacks := errors.AsType[missing](err); lacks {
		c.Skip(string(why))
	}
	if err != nil {
		c.Fatal(err)
	}
}

func (c *check) bucket(state string) string {
	bucket, err := c.shared(c.ctx, state)
	c.ok(err)
	return bucket
}

// scratch makes a bucket for this case alone.
func (c *check) scratch(state, key string) string {
	arn, err := c.keys.named(key)
	c.ok(err)
	c.target.mu.Lock()
	c.scratches++
	what := fmt.Sprintf("s%d", c.scratches)
	c.target.mu.Unlock()
	bucket, err := c.makeBucket(c.ctx, what, state, arn)
	c.ok(err)
	return bucket
}

func (c *check) sessionOn(bucket, headers string) *credential {
	s, err := c.session(c.ctx, bucket, headers)
	c.ok(err)
	return s
}

// limitedTo are the credentials of an identity with fewer rights.
func (c *check) limitedTo(name string) *credential {
	if c.limited[name] == nil {
		c.Skip("no credentials of another identity: CONFORMANCE_" + strings.ToUpper(name) + "_ACCESS_KEY_ID")
	}
	return c.limited[name]
}

func (c *check) named(variable string) string {
	arn, err := c.keys.named(variable)
	c.ok(err)
	return arn
}

// put stores an object for a case to use.
func (c *check) put(bucket, key, body, headers string, as *credential) *answer {
	a := c.do(&request{method: "PUT", bucket: bucket, key: key, body: body, headers: headers, as: as})
	c.status(a, http.StatusOK)
	return a
}

// status ends the case unless the answer has this status.
func (c *check) status(a *answer, want int) {
	if a.status != want {
		c.Fatalf("%s, want %d", a, want)
	}
}

// statusOf are the statuses of codes other than 400.
var statusOf = map[string]int{
	"AccessDenied": 403, "InvalidAccessKeyId": 403, "SignatureDoesNotMatch": 403, "NotImplemented": 501,
	"NoSuchBucket": 404, "NoSuchKey": 404,
	"NoSuchUpload": 404, "NoSuchResource": 404, "NoSuchBucketPolicy": 404, "NoSuchLifecycleConfiguration": 404,
	"NoSuchConfiguration": 404, "PreconditionFailed": 412, "InvalidRange": 416,
	"InvalidPartNumber": 416, "BucketNotEmpty": 409, "BucketAlreadyOwnedByYou": 409, "MissingContentLength": 411,
	"ConditionalRequestConflict": 409, "OperationAborted": 409, "MethodNotAllowed": 405,
}

// statusFor is the status of what a cell says: of a refusal, or 200.
func statusFor(want string) int {
	code, _, _ := strings.Cut(want, " ")
	if status := statusOf[code]; status != 0 {
		return status
	}
	return http.StatusBadRequest
}

// refused compares a refusal with "CODE" or "CODE argument", the latter a word of the tables or a header's name; or
// "CODE Element=value".
func (c *check) refused(a *answer, want string) {
	c.judge(a, want)
	code, more, _ := strings.Cut(want, " ")
	status := statusFor(want)
	if c.row.Open != "" {
		c.note("UNVERIFIED: answered %s", a)
	}
	if a.status != status || a.code() != code {
		c.Errorf("%s, want %d %s", a, status, code)
		return
	}
	if element, value, named := strings.Cut(more, "="); named {
		if got := a.element(element); got != value {
			c.Errorf("%s: %s is %q, want %q", a, element, got, value)
		}
	} else if more != "" {
		if long, ok := short[more]; ok {
			more = long
		}
		if got := a.element("ArgumentName"); !strings.EqualFold(got, more) {
			c.Errorf("%s: want ArgumentName %s", a, more)
		}
	}
	if a.element("Message") == "" || a.element("RequestId") == "" {
		c.Errorf("the error has no Message or no RequestId: %s", a.body)
	}
	if kind := a.header.Get("Content-Type"); !strings.HasPrefix(kind, "application/xml") {
		c.Errorf("the error is of type %q", kind)
	}
}

// encrypted compares the encryption headers of an answer with "plain", "AES256", "kms" or "kms bk", and " ctx" where
// the context of the request is repeated.
func (c *check) encrypted(a *answer, want string, sent ...*request) {
	c.judge(a, want)
	words := strings.Fields(want)
	expect := map[string]string{}
	switch words[0] {
	case "AES256":
		expect["sse"] = "AES256"
	case "kms":
		expect["sse"], expect["key"] = "aws:kms", c.named("$K")
	}
	for _, word := range words[1:] {
		switch {
		case word == "bk":
			expect["bk"] = "true"
		case word == "ctx" && len(sent) > 0:
			fields, err := c.fields(sent[0])
			c.ok(err)
			for _, f := range fields {
				if string(f.Name) == short["ctx"] {
					expect["ctx"] = string(f.Value)
				}
			}
		}
	}
	c.headers(a, expect)
}

func (c *check) headers(a *answer, expect map[string]string) {
	for _, name := range []string{"sse", "key", "bk", "ctx", "bk2"} {
		if got := a.header.Values(short[name]); strings.Join(got, ",") != expect[name] {
			c.Errorf("%s is %q, want %q", short[name], got, expect[name])
		}
	}
}

// standing is an object that refused writes must leave as it is.
type standing struct {
	c           *check
	bucket, key string
	body, etag  string
}

// stand makes one.
func (c *check) stand(bucket string) *standing {
	s := &standing{c: c, bucket: bucket, key: c.key, body: "what stood here before " + c.key}
	s.etag = c.put(bucket, s.key, s.body, "", nil).header.Get("ETag")
	return s
}

// unchanged reads it.
func (s *standing) unchanged() {
	a := s.c.do(&request{method: "GET", bucket: s.bucket, key: s.key})
	if a.body != s.body || a.header.Get("ETag") != s.etag {
		s.c.Errorf("the object has changed: %s %q, ETag %s, was %q, %s", a, a.body, a.header.Get("ETag"),
			s.body, s.etag)
	}
}

// absent asserts that there is no object.
func (c *check) absent(bucket, key string) {
	if a := c.do(&request{method: "HEAD", bucket: bucket, key: key}); a.status != http.StatusNotFound {
		c.Errorf("HEAD of %s: %d, want 404: something was stored", key, a.status)
	}
}

// without reports whether the endpoint is without something, as the settings say.
func (c *check) without(what string) bool { return slices.Contains(strings.Split(c.lacks, ","), what) }
