package gateway

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealfront/policy"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// What an operator sees of a failure has neither the key of its object nor a secret.
func TestACauseIsShortAndWithoutKeysAndSecrets(t *testing.T) {
	for _, c := range []struct{ name, text, key, want string }{
		{"nothing", "", "k", ""},
		{"a plain sentence", "the store hangs: no answer within 15s", "", "the store hangs: no answer within 15s"},
		{
			"the key", "the store answered GetObject with 500 at /b/secret/plans.txt", "secret/plans.txt",
			"the store answered GetObject with 500 at /b/…",
		},
		{
			"the key as a URL has it", "get http://127.0.0.1:7070/b/a%20b/c%C3%A4: away", "a b/cä",
			"get http://127.0.0.1:7070/b/…: away",
		},
		{"a short key", "get /b/x: away", "x", "get /b/…: away"},
		{
			"what is quoted", `finish the rename of "from" to "other \"q\"": it failed`, "k",
			"finish the rename of … to …: it failed",
		},
		{"an access key", "InvalidAccessKeyId AKIAIOSFODNN7EXAMPLE is unknown", "", "InvalidAccessKeyId … is unknown"},
		{"a secret key", "signed with wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "", "signed with …"},
		{"a signature", "Signature=fe5f80f77d5fa3beca038a248ff027d0445342fe2855ddc963176630326f1024", "", "Signature=…"},
		{
			"a KMS key", "DisabledException: arn:aws:kms:us-west-2:123456789012:key/11111111-1111-1111-1111-111111111111", "",
			"DisabledException: arn:aws:kms:us-west-2:123456789012:key/11111111-1111-1111-1111-111111111111",
		},
		{"an operation", "CompleteMultipartUpload failed", "", "CompleteMultipartUpload failed"},
		{"lines", "one\n  two", "", "one two"},
	} {
		if got := shortCause(c.text, c.key); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if got := shortCause(strings.Repeat("wörter ", 100), ""); len(got) > maxCause+len("…") ||
		!strings.HasSuffix(got, "…") || strings.ContainsRune(got, '�') {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// Faults and refusals are reported; what clients meet in the course of things isn't.
func TestWhichFailuresAreReported(t *testing.T) {
	var seen []Failure
	g := testGateway(t, func(o *Options) { o.Observe.Failure = func(f Failure) { seen = append(seen, f) } })
	row := s3.Refuse("AccessDenied", "Access Denied").Because(errors.New("no permission"))
	row.Row = "PUT-13"
	for _, c := range []struct {
		err  error
		want string // status, code, row and cause; "" for none
	}{
		{s3.Unavailable(fmt.Errorf("read: %w", store.ErrHangs)), "503 ServiceUnavailable  read: the store hangs"},
		{row, "403 AccessDenied PUT-13 no permission"},
		{s3.SlowDown(), "503 SlowDown  Please reduce your request rate."},
		{s3.ClientLeft(errors.New("reset")), ""},
		{s3.NoSuchBucket("b"), ""},
		{s3.Refuse("NoSuchKey", "The specified key does not exist."), ""},
		{s3.Refuse("PreconditionFailed", ""), ""},
		{s3.Refuse("NotModified", ""), ""},
		{s3.Refuse("InvalidRange", ""), ""},
	} {
		seen = nil
		x := (&testRequest{method: "GET", path: "/plain/the-key", who: "all"}).exchange(t, g)
		x.Operation, x.Bucket, x.Key = policy.GetObject, "plain", "the-key"
		id := x.requestID
		x.fail(c.err)
		switch {
		case c.want == "" && len(seen) == 0:
			continue
		case len(seen) != 1:
			t.Errorf("%v: %d reports", c.err, len(seen))
			continue
		}
		f := seen[0]
		if got := fmt.Sprintf("%d %s %s %s", f.Status, f.Code, f.Row, f.Cause); got != c.want || f.RequestID != id ||
			f.Operation != "GetObject" || f.Bucket != "plain" || f.Time.IsZero() {
			t.Errorf("%v: %+v, want %q", c.err, f, c.want)
		}
	}
}
