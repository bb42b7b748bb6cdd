package objects_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// Every error becomes one of S3's, and what isn't known tells nothing of itself.
func TestEveryErrorIsTranslated(t *testing.T) {
	kms := func(code string) error { return kmsError{code, "of the key"} }
	for _, c := range []struct {
		name      string
		err       error
		code, row string
	}{
		{"one of S3's own", s3.NoSuchKey("key"), "NoSuchKey", ""},
		{"a policy's refusal", &policy.Refusal{
			Code: "InvalidArgument", Row: "X-1",
			Elements: []policy.Element{{Name: "a", Value: "b"}},
		}, "InvalidArgument", "X-1"},
		{"a signature's", &sigv4.Error{
			Code:     "SignatureDoesNotMatch",
			Elements: []sigv4.Element{{Name: "a", Value: "b"}},
		}, "SignatureDoesNotMatch", ""},
		{"a disabled key", kms("DisabledException"), "KMS.DisabledException", "KE-1"},
		{"a key of another state", kms("KMSInvalidStateException"), "KMS.KMSInvalidStateException", "KE-2"},
		{"no key", kms("NotFoundException"), "KMS.NotFoundException", "KE-3"},
		{"no ARN", kms("InvalidArnException"), "KMS.NotFoundException", "KE-3"},
		{"a key for something else", kms("InvalidKeyUsageException"), "KMS.InvalidKeyUsageException", "KE-4"},
		{"no access to the key", kms("AccessDeniedException"), "AccessDenied", "KE-5"},
		{"too many requests", kms("ThrottlingException"), "SlowDown", "KE-6"},
		{"a blob of another key", kms("IncorrectKeyException"), "InternalError", objects.RowForeignBlob},
		{"something else of KMS", kms("DependencyTimeoutException"), "ServiceUnavailable", "KE-7"},
		{"no answer of KMS", keyring.ErrUnavailable, "ServiceUnavailable", "KE-7"},
		{"a blob that is none", keyring.ErrBadKey, "InternalError", objects.RowForeignBlob},
		{"another writer", state.ErrAborted, "OperationAborted", ""},
		{"another operation", state.ErrBusy, "SlowDown", ""},
		{"no answer of the store", store.ErrUnavailable, "ServiceUnavailable", ""},
		{"no time left", context.DeadlineExceeded, "ServiceUnavailable", ""},
		{"damage", crypto.ErrTampered, "InternalError", ""},
		{"anything else", errors.New("a secret"), "InternalError", ""},
	} {
		e := objects.Translate(fmt.Errorf("wrapped: %w", c.err))
		if e.Code != c.code || e.Row != c.row {
			t.Errorf("%s: %s %s, want %s %s", c.name, e.Code, e.Row, c.code, c.row)
		}
		if strings.Contains(e.Message, "secret") {
			t.Errorf("%s: tells %q", c.name, e.Message)
		}
	}
	if e := objects.Translate(kmsError{"DisabledException", ""}); e.Message == "" {
		t.Error("KMS said nothing, and so does the error")
	}
	for _, err := range []error{
		&policy.Refusal{Elements: []policy.Element{{Name: "a", Value: "b"}}},
		&sigv4.Error{Elements: []sigv4.Element{{Name: "a", Value: "b"}}},
	} {
		if e := objects.Translate(err); len(e.Elements) != 1 || e.Elements[0] != (s3.Element{Name: "a", Value: "b"}) {
			t.Errorf("elements %v", e.Elements)
		}
	}
}

// What the store answers is told in S3's words, and its own authentication is the proxy's affair.
func TestEveryFaultOfTheStoreIsTranslated(t *testing.T) {
	long := strings.Repeat("x", 256)
	for _, c := range []struct {
		status int
		fault  string
		key    string
		code   string
	}{
		{404, "NoSuchKey", "key", "NoSuchKey"},
		{404, "", "", "NoSuchBucket"},
		{404, "NoSuchBucket", "key", "NoSuchBucket"},
		{404, "NoSuchUpload", "key", "NoSuchUpload"},
		{412, "", "key", "PreconditionFailed"},
		{409, "BucketNotEmpty", "", "BucketNotEmpty"},
		{409, "", "key", "ConditionalRequestConflict"},
		{429, "", "key", "SlowDown"},
		{503, "SlowDown", "key", "SlowDown"},
		{503, "", "key", "ServiceUnavailable"},
		{502, "", "key", "ServiceUnavailable"},
		{504, "", "key", "ServiceUnavailable"},
		{507, "", "key", "ServiceUnavailable"},
		{500, "QuotaExceeded", "key", "ServiceUnavailable"},
		{400, "KeyTooLongError", "key", "InvalidURI"},
		{400, "InvalidArgument", "key", "InvalidURI"},
		{400, "InvalidArgument", "", "InternalError"},
		{400, "InvalidURI", "key", "InvalidURI"},
		{400, "XMinioInvalidObjectName", "key", "InvalidURI"},
		{400, "", "a/" + long, "InvalidURI"},
		{400, "", "a/b", "InternalError"},
		{409, "ObjectParentIsFile", "a/b", "InvalidURI"},
		{400, "InvalidTag", "key", "InvalidTag"},
		{431, "", "key", "MetadataTooLarge"},
		{400, "RequestHeaderSectionTooLarge", "key", "MetadataTooLarge"},
		{400, "MetadataTooLarge", "key", "MetadataTooLarge"},
		{400, "EntityTooLarge", "key", "EntityTooLarge"},
		{501, "NotImplemented", "key", "NotImplemented"},
		{403, "AccessDenied", "key", "InternalError"},
		{403, "SignatureDoesNotMatch", "key", "InternalError"},
		{500, "InternalError", "key", "InternalError"},
	} {
		f := &store.Fault{Operation: "HeadObject", Status: c.status, Code: c.fault, Message: "a secret"}
		e := objects.StoreError(f, things, c.key)
		if e.Code != c.code || strings.Contains(e.Message, "secret") || !errors.Is(e, error(f)) {
			t.Errorf("%d %s of %q: %s (%v), want %s", c.status, c.fault, c.key, e.Code, e.Cause, c.code)
		}
	}
	wantCode(t, "a damaged record", objects.RecordError(fmt.Errorf("x: %w", state.ErrRecord)), "InternalError")
	wantCode(t, "a record that can't be had", objects.RecordError(errRecords), "ServiceUnavailable")
}

// What KMS says of the service key is hidden from clients, who know no such key.
func TestClientsHearNothingOfTheServiceKey(t *testing.T) {
	i := install(t, nil)
	x := i.object(t, "key")
	if _, err := putTo(t.Context(), x, sseS3, &body{data: small}, objects.Conditions{}); err != nil {
		t.Fatal(err)
	}
	i.keys.DropAll()
	for code, want := range map[string]string{
		"DisabledException":     "ServiceUnavailable",
		"AccessDeniedException": "ServiceUnavailable", "ThrottlingException": "SlowDown",
	} {
		i.kms.setFail(serviceKey, kmsError{code, "the key arn:aws:kms:service is disabled"})
		_, err := putTo(t.Context(), x, sseS3, &body{data: small}, objects.Conditions{})
		wantCode(t, "sealed, "+code, err, want)
		_, err = i.read(t, x)
		wantCode(t, "opened, "+code, err, want)
		if strings.Contains(objects.Translate(err).Message, "arn:") {
			t.Errorf("told: %s", objects.Translate(err).Message)
		}
	}
}

// Bucket keys are kept apart as it is configured, and one that isn't shared is a new one each time.
func TestBucketKeysAreKeptApart(t *testing.T) {
	i := install(t, func(o *objects.Options) { o.PerPrincipal = true })
	put := func(principal string, e policy.Encryption) {
		x := i.object(t, "key")
		x.Principal = principal
		for range 2 {
			if _, err := putTo(t.Context(), x, e, &body{data: small}, objects.Conditions{}); err != nil {
				t.Fatal(err)
			}
			if got, err := i.read(t, x); err != nil || string(got) != string(small) {
				t.Fatal(err)
			}
		}
	}
	own := policy.Encryption{SSE: policy.SSEKMS, KeyARN: customKey}
	context := policy.Encryption{
		SSE: policy.SSEKMS, KeyARN: customKey, BucketKey: true,
		Context: map[string]string{"a": "b"},
	}
	for _, c := range []struct {
		name, principal string
		e               policy.Encryption
		calls           int // of KMS, to make a key
	}{
		{"alice", "alice", sseKMS, 1},
		{"alice again", "alice", sseKMS, 0},
		{"bob", "bob", sseKMS, 1},
		{"with a context", "bob", context, 1},
		{"without a bucket key", "alice", own, 2},
		{"under the service key", "alice", sseS3, 1},
	} {
		i.kms.called()
		put(c.principal, c.e)
		made := 0
		for _, call := range i.kms.called() {
			if strings.HasPrefix(call, "GenerateDataKey") {
				made++
			}
		}
		if made != c.calls {
			t.Errorf("%s: %d keys were made, want %d", c.name, made, c.calls)
		}
	}
	x := i.object(t, "key")
	i.kms.called()
	if err := x.FetchKey(t.Context(),
		policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true}); err != nil ||
		len(i.kms.called()) != 1 {
		t.Errorf("fetch: %v", err)
	}
	if err := x.TryKey(t.Context(), otherKey); err != nil {
		t.Error(err)
	}
	if calls := i.kms.called(); len(calls) != 2 {
		t.Errorf("a key that is tried: %v", calls)
	}
	i.keys.DropAll()
	i.kms.setFail(otherKey, kmsError{"DisabledException", "it is disabled"})
	wantCode(t, "try", x.TryKey(t.Context(), otherKey), "KMS.DisabledException")
	wantCode(t, "fetch", x.FetchKey(t.Context(),
		policy.Encryption{SSE: policy.SSEKMS, KeyARN: otherKey, BucketKey: true}), "KMS.DisabledException")
}
