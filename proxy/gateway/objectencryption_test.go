package gateway_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// UpdateObjectEncryption changes the key that an object is sealed under, and nothing else that clients see but its
// date, whatever the store makes of copies and ETags.
func TestUpdateObjectEncryption(t *testing.T) {
	for name, start := range updatingStores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpdating(t, start(t))
			first, second := u.keys.CreateKey(t), u.keys.CreateKey(t)
			parts := [][]byte{
				proxytest.RandomBytes(5 * proxytest.MiB), proxytest.RandomBytes(5*proxytest.MiB + 7),
				proxytest.RandomBytes(70_000),
			}
			bodies := map[string][]byte{
				"empty": {}, "small": proxytest.RandomBytes(10), "b+ü/middle": proxytest.RandomBytes(300_000),
				"one-part": proxytest.RandomBytes(5 * proxytest.MiB),
				"stashed":  bytes.Join([][]byte{parts[0], parts[2]}, nil), "whole": bytes.Join(parts[:2], nil),
				"three": bytes.Join(parts, nil),
			}
			for key, body := range bodies {
				switch key {
				case "one-part":
					u.FullUpload(u.client, u.bucket, key, body)
				case "stashed":
					u.FullUpload(u.client, u.bucket, key, parts[0], parts[2])
				case "whole":
					u.FullUpload(u.client, u.bucket, key, parts[:2]...)
				case "three":
					u.FullUpload(u.client, u.bucket, key, parts...)
				default:
					in := &s3.PutObjectInput{
						Bucket: &u.bucket, Key: &key, Body: bytes.NewReader(body),
						ContentType: aws.String("text/plain"), CacheControl: aws.String("no-store"),
						Metadata: map[string]string{"name": "välue"}, WebsiteRedirectLocation: aws.String("/elsewhere"),
						ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
					}
					if name != "memory" {
						in.Tagging = aws.String("a=1&b=2")
					}
					if _, err := u.client.PutObject(t.Context(), in); err != nil {
						t.Fatal(err)
					}
				}
			}
			for key, body := range bodies {
				before, has := u.seen(key, body)
				if has != "AES256  false" {
					t.Fatalf("%s is %s", key, has)
				}
				for _, step := range []struct {
					key       string
					bucketKey *bool
					want      string
				}{
					{first, nil, "aws:kms " + first + " false"},
					{first, aws.Bool(true), "aws:kms " + first + " true"},
					{second, aws.Bool(true), "aws:kms " + second + " true"},
					{second, aws.Bool(true), "aws:kms " + second + " true"},
				} {
					u.f.Seen()
					u.bodies.Store(0)
					if err := u.update(key, "", step.key, step.bucketKey); err != nil {
						t.Fatalf("%s to %s: %v", key, step.want, err)
					}
					crossed, requests := u.bodies.Load(), u.f.Seen()
					after, encryption := u.seen(key, body)
					if after != before || encryption != step.want {
						t.Errorf("%s to %s is %s:\n%s, was\n%s", key, step.want, encryption, after, before)
					}
					copies := name == "memory" || name != "embedded" && len(body) >= 5*proxytest.MiB
					if copies && crossed > 4096 {
						t.Errorf("%s to %s: %d bytes of it passed through", key, step.want, crossed)
					}
					writes := 0
					for _, r := range requests {
						if r.Method != "GET" && r.Method != "HEAD" && strings.HasPrefix(r.URL.Path, "/"+u.bucket+"/") {
							writes++
						}
					}
					if has == step.want && writes > 0 {
						t.Errorf("%s has this encryption already, and the store was sent %d writes", key, writes)
					}
					has = encryption
				}
			}
			u.disable(first)
			for key, body := range bodies {
				u.seen(key, body)
			}
			if err := u.update("small", "", first, nil); proxytest.Code(err) != "KMS.DisabledException" {
				t.Errorf("to a disabled key: %v", err)
			}
			if out, errs, status := proxytest.Subcommand(t, "verify", "--config", u.ConfigFile(),
				"s3://"+u.bucket); status != command.StatusOK {
				t.Errorf("verify: %d %s%s", status, out, errs)
			}
		})
	}
}

// What an update refuses, and what it says.
func TestUpdatesOfTheEncryptionThatAreRefused(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, key := p.Client(t), p.Env["SEALFRONT_KMS_KEY"]
	bucket, directory := proxytest.MakeBucket(t, client, "plain"), p.Env["SEALFRONT_BUCKET"]
	etag := p.Put(bucket, "k", "body").Header.Get("ETag")
	p.Put(directory, "k", "body")
	gone := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	p.KMS("DisableKey", map[string]any{"KeyId": gone})
	kms := func(arn string) string {
		return "<ObjectEncryption><SSE-KMS><KMSKeyArn>" + arn + "</KMSKeyArn></SSE-KMS></ObjectEncryption>"
	}
	for name, c := range map[string]struct {
		request proxytest.Request
		status  int
		code    string
	}{
		"no document": {proxytest.Request{Path: bucket + "/k"}, 400, "MalformedXML"},
		"SSE-S3": {proxytest.Request{
			Path: bucket + "/k",
			Body: "<ObjectEncryption><SSE-S3/></ObjectEncryption>",
		}, 400, "InvalidRequest"},
		"SSE-C": {proxytest.Request{
			Path: bucket + "/k",
			Body: "<ObjectEncryption><SSE-C/></ObjectEncryption>",
		}, 400, "InvalidRequest"},
		"a key id": {proxytest.Request{
			Path: bucket + "/k",
			Body: kms("1234abcd-12ab-34cd-56ef-1234567890ab"),
		}, 400, "InvalidRequest"},
		"a key that isn't there": {proxytest.Request{
			Path: bucket + "/k",
			Body: kms(key[:len(key)-12] + "000000000000"),
		}, 400, "KMS.NotFoundException"},
		"a disabled key": {
			proxytest.Request{Path: bucket + "/k", Body: kms(gone)},
			400,
			"KMS.DisabledException",
		},
		"another account's key": {proxytest.Request{
			Path: bucket + "/k",
			Body: kms(strings.Replace(key, ":123456789012:", ":210987654321:", 1)),
		}, 403, "AccessDenied"},
		"plain HTTP": {
			proxytest.Request{Path: bucket + "/k", Body: kms(key), Plain: true},
			400,
			"InvalidArgument",
		},
		"an object that isn't there": {proxytest.Request{Path: bucket + "/none", Body: kms(key)}, 404, "NoSuchKey"},
		"a version that isn't there": {proxytest.Request{
			Path: bucket + "/k", Query: "&versionId=none",
			Body: kms(key),
		}, 400, "InvalidArgument"},
		"a directory bucket": {
			proxytest.Request{Path: directory + "/k", Body: kms(key)},
			501,
			"NotImplemented",
		},
		"a condition": {proxytest.Request{
			Path: bucket + "/k", Body: kms(key),
			Header: []sigv4.Field{proxytest.Field("If-Match", etag)},
		}, 501, "NotImplemented"},
		"an encryption header": {proxytest.Request{
			Path: bucket + "/k", Body: kms(key),
			Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms")},
		}, 400, "InvalidArgument"},
		"SSE-C by header": {
			proxytest.Request{
				Path: bucket + "/k", Body: kms(key),
				Header: []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256")},
			},
			403,
			"AccessDenied",
		},
		"a checksum that isn't the body": {proxytest.Request{
			Path: bucket + "/k", Body: kms(key),
			Header: []sigv4.Field{proxytest.Field("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==")},
		}, 400, "BadDigest"},
	} {
		r := c.request
		r.Method, r.Path, r.Query = "PUT", "/"+r.Path, "encryption="+r.Query
		if a := p.Do(&r); a.StatusCode != c.status || a.Code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.StatusCode, a.Text, c.status, c.code)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/k"}); a.Text != "body" ||
		a.Header.Get("ETag") != etag || a.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
		t.Errorf("afterwards the object is %v", a.Header)
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + bucket + "/k", Query: "encryption=&versionId=null",
		Body: kms(key),
	}); a.StatusCode != 200 || a.Text != "" {
		t.Errorf("the version null: %d %s", a.StatusCode, a.Text)
	}
}

// Where the store keeps versions an update makes a new one, of the current one only; what Object Lock protects stays as
// it is.
func TestUpdatesOfTheEncryptionAndVersions(t *testing.T) {
	t.Parallel()
	u := newUpdating(t, proxytest.StartMinIO(t))
	key, ctx := u.keys.CreateKey(t), t.Context()
	u.bucket = "locked"
	if _, err := u.client.CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: &u.bucket, ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	put := func(name, body string) string {
		out, err := u.client.PutObject(ctx,
			&s3.PutObjectInput{Bucket: &u.bucket, Key: &name, Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.VersionId)
	}
	body := string(proxytest.RandomBytes(9000))
	first, second := put("k", "old"), put("k", body)
	if err := u.update("k", first, key, nil); proxytest.Code(err) != "NotImplemented" {
		t.Errorf("an earlier version: %v", err)
	}
	if err := u.update("k", second, key, nil); err != nil {
		t.Errorf("the current version: %v", err)
	}
	if _, encryption := u.seen("k", []byte(body)); encryption != "aws:kms "+key+" false" {
		t.Errorf("it is %s", encryption)
	}
	hold := func(status types.ObjectLockLegalHoldStatus) {
		if _, err := u.client.PutObjectLegalHold(ctx,
			&s3.PutObjectLegalHoldInput{
				Bucket: &u.bucket, Key: aws.String("k"),
				LegalHold: &types.ObjectLockLegalHold{Status: status},
			}); err != nil {
			t.Error(err)
		}
	}
	hold(types.ObjectLockLegalHoldStatusOn)
	if err := u.update("k", "", key, aws.Bool(true)); proxytest.Code(err) != "AccessDenied" ||
		!strings.Contains(err.Error(), "Object Lock") {
		t.Errorf("under a legal hold: %v", err)
	}
	hold(types.ObjectLockLegalHoldStatusOff)
	if err := u.update("k", "", key, aws.Bool(true)); err != nil {
		t.Errorf("with a legal hold that is off: %v", err)
	}
	got, err := u.client.GetObjectLegalHold(ctx, &s3.GetObjectLegalHoldInput{Bucket: &u.bucket, Key: aws.String("k")})
	if err != nil || got.LegalHold.Status != types.ObjectLockLegalHoldStatusOff {
		t.Errorf("the legal hold is %+v, %v", got, err)
	}
	// The tool takes the protection along to the version that it makes.
	hold(types.ObjectLockLegalHoldStatusOn)
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	if _, err := u.client.PutObjectRetention(ctx, &s3.PutObjectRetentionInput{
		Bucket: &u.bucket, Key: aws.String("k"),
		Retention: &types.ObjectLockRetention{
			Mode:            types.ObjectLockRetentionModeGovernance,
			RetainUntilDate: &until,
		},
	}); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := proxytest.Subcommand(t, "rewrap", "--config", u.ConfigFile(),
		"s3://locked"); status != command.StatusOK {
		t.Fatalf("rewrap: %d %s%s", status, out, errs)
	}
	head, err := u.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.bucket, Key: aws.String("k")})
	if err != nil || head.ObjectLockLegalHoldStatus != types.ObjectLockLegalHoldStatusOn ||
		head.ObjectLockMode != types.ObjectLockModeGovernance ||
		!aws.ToTime(head.ObjectLockRetainUntilDate).Equal(until) {
		t.Errorf("after rewrap: %+v, %v", head, err)
	}
}

// Where the ETag would change nothing is done, and nothing is left in the store.
func TestAnUpdateThatWouldChangeTheETagIsRefused(t *testing.T) {
	t.Parallel()
	place := updatingStores["memory"](t) // its ETags are made of nothing that could be made again
	f := proxytest.NewFrontOf(t, place.Endpoint)
	f.Set(func(w http.ResponseWriter, r *http.Request) bool { // the probe learns that copies know no conditions
		lacks := proxytest.IsCopy(r) && (r.Header.Get("If-Match") != "" || r.Header.Get("If-None-Match") != "")
		if lacks {
			_, _ = io.WriteString(w, "<CopyObjectResult/>")
		}
		return lacks
	}, nil)
	u := newUpdatingBehind(t, place, f, proxytest.CopyLimit(6*proxytest.MiB))
	key := u.keys.CreateKey(t)
	bodies := map[string][]byte{
		"at hand": proxytest.RandomBytes(100), "through": proxytest.RandomBytes(300_000),
		"large": proxytest.RandomBytes(7 * proxytest.MiB),
		"parts": bytes.Join([][]byte{
			proxytest.RandomBytes(5 * proxytest.MiB), proxytest.RandomBytes(70_000),
			proxytest.RandomBytes(proxytest.MiB),
		}, nil),
	}
	for _, name := range []string{"at hand", "through", "large"} {
		if _, err := u.client.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: &u.bucket, Key: &name, Body: bytes.NewReader(bodies[name])}); err != nil {
			t.Fatal(err)
		}
	}
	u.FullUpload(u.client, u.bucket, "parts", bodies["parts"][:5*proxytest.MiB], bodies["parts"][5*proxytest.MiB:])
	for name, body := range bodies {
		before, encryption := u.seen(name, body)
		u.f.Seen()
		if err := u.update(name, "", key, nil); proxytest.Code(err) != "NotImplemented" ||
			!strings.Contains(err.Error(), "ETag") {
			t.Errorf("%s: %v", name, err)
		}
		begun, given := 0, 0
		for _, r := range u.f.Seen() {
			switch q := r.URL.Query(); {
			case r.Method == "POST" && q.Has("uploads"):
				begun++
			case r.Method == "DELETE" && q.Has("uploadId"):
				given++
			case r.Method == "POST":
				t.Errorf("%s: %s %s", name, r.Method, r.URL)
			}
		}
		if begun != given {
			t.Errorf("%s: %d uploads begun, %d given up", name, begun, given)
		}
		if after, is := u.seen(name, body); after != before || is != encryption {
			t.Errorf("%s is %s\n%s, was\n%s", name, is, after, before)
		}
	}
}
