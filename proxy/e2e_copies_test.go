package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/sigv4"
)

// Copies, renames and appends on every store: what a store lacks (conditions on copies, on deletions, atomic copies of an
// object onto itself) must not show (L4, L5, L6, trap 23).
func TestCopiesRenamesAndAppendsOnEveryStore(t *testing.T) {
	t.Parallel()
	for _, in := range installations {
		t.Run(in.name, func(t *testing.T) {
			p := in.start(t)
			client := p.client(t)
			general := makeBucket(t, client, "general")
			directory := p.env["SEALFRONT_BUCKET"]
			if directory == "" {
				directory = makeDirectoryBucket(t, client, p.env["SEALFRONT_KMS_KEY"])
			}
			body := randomBytes(400_000)
			read := func(bucket, key string) string {
				t.Helper()
				return p.do(&rawRequest{method: "GET", path: "/" + bucket + "/" + key}).body
			}
			for _, bucket := range []string{general, directory} {
				for _, content := range []string{"", "small", string(body)} {
					there := p.put(bucket, "there", "there").Header.Get("ETag")
					p.put(bucket, "dir/source", content, field("X-Amz-Meta-Name", "value"))
					// Conditions on the destination.
					for what, header := range map[string]sigv4.Field{"If-None-Match": field("If-None-Match", "*"), "If-Match": field("If-Match", `"other"`)} {
						if a := p.copyOf(bucket+"/dir/source", bucket+"/there", header); a.StatusCode != 412 || read(bucket, "there") != "there" {
							t.Errorf("%s: %d %s, the destination has %d bytes", what, a.StatusCode, a.body, len(read(bucket, "there")))
						}
					}
					p.mustCopy(bucket+"/dir/source", bucket+"/there", field("If-Match", there))
					p.mustCopy(bucket+"/dir/source", bucket+"/dir/source", field("X-Amz-Metadata-Directive", "REPLACE"), field("X-Amz-Meta-Name", "other"))
					for _, key := range []string{"there", "dir/source"} {
						if got := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/" + key}); got.body != content || got.Header.Get("X-Amz-Meta-Name") != map[bool]string{true: "value", false: "other"}[key == "there"] {
							t.Errorf("%s: %d bytes, %q", key, len(got.body), got.Header.Get("X-Amz-Meta-Name"))
						}
					}
					for _, to := range []string{general, directory} {
						p.mustCopy(bucket+"/dir/source", to+"/copied")
						if got := read(to, "copied"); got != content {
							t.Errorf("%s to %s: %d bytes", bucket, to, len(got))
						}
					}
				}
				etag := p.headOf(bucket, "there").Header.Get("ETag")
				status := 412
				if a := p.do(&rawRequest{method: "DELETE", path: "/" + bucket + "/there", header: []sigv4.Field{field("If-Match", `"other"`)}}); a.StatusCode != status && a.StatusCode != 501 || p.headOf(bucket, "there").Header.Get("ETag") != etag {
					t.Errorf("a deletion under a condition: %d %s", a.StatusCode, a.body)
				}
			}

			for _, content := range []string{"", "small", string(body)} {
				p.do(&rawRequest{method: "DELETE", path: "/" + directory + "/new"})
				p.put(directory, "old", content)
				p.put(directory, "taken", "taken")
				if a := p.rename(directory, "old", "taken", field("If-None-Match", "*")); a.StatusCode != 412 || read(directory, "taken") != "taken" || read(directory, "old") != content {
					t.Errorf("rename onto what is there: %d %s", a.StatusCode, a.body)
				}
				if a := p.rename(directory, "old", "new", field("If-None-Match", "*")); a.StatusCode != 200 || read(directory, "new") != content {
					t.Errorf("rename: %d %s", a.StatusCode, a.body)
				}
				p.mustNotExist(directory, "old")
				if a := p.rename(directory, "new", "taken", field("X-Amz-Client-Token", fmt.Sprint(len(content)))); a.StatusCode != 200 || read(directory, "taken") != content {
					t.Errorf("rename: %d %s", a.StatusCode, a.body)
				}
			}

			// An object of some size that is sealed anew in its place: it is read while it is written.
			large := string(randomBytes(3*mib + 1))
			p.put(general, "in-place", large, field("X-Amz-Meta-Name", "value"))
			for _, header := range [][]sigv4.Field{
				{field("X-Amz-Server-Side-Encryption", "aws:kms"), field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.env["SEALFRONT_KMS_KEY"])},
				{field("X-Amz-Checksum-Algorithm", "SHA256"), field("X-Amz-Metadata-Directive", "REPLACE"), field("X-Amz-Meta-Name", "value")},
			} {
				p.mustCopy(general+"/in-place", general+"/in-place", header...)
				if got := p.do(&rawRequest{method: "GET", path: "/" + general + "/in-place"}); got.body != large || got.Header.Get("X-Amz-Meta-Name") != "value" {
					t.Errorf("in place: %d bytes, %q", len(got.body), got.Header.Get("X-Amz-Meta-Name"))
				}
			}
			wrong := p.copyOf(general+"/in-place", general+"/in-place", field("X-Amz-Checksum-Algorithm", "SHA1"), field("If-Match", `"other"`),
				field("X-Amz-Metadata-Directive", "REPLACE"))
			if wrong.StatusCode != 412 || read(general, "in-place") != large {
				t.Errorf("in place under a condition that fails: %d %s", wrong.StatusCode, wrong.body)
			}

			var want []byte
			for i, n := range []int{10, 10, 6 * mib, 5, 300_000, 5 * mib, 1} {
				piece := randomBytes(n)
				if a := p.appendTo(directory, "appended", len(want), string(piece)); a.StatusCode != 200 {
					t.Fatalf("append %d: %d %s", i, a.StatusCode, a.body)
				}
				want = append(want, piece...)
			}
			mustRead(t, client, directory, "appended", want)
			stale := p.headOf(directory, "appended").Header.Get("ETag")
			p.put(directory, "appended", string(want)+"x")
			if a := p.appendTo(directory, "appended", len(want)+1, "y", field("If-Match", stale)); a.StatusCode != 412 {
				t.Errorf("append under a condition: %d %s", a.StatusCode, a.body)
			}

			u := newUploader(t, client, directory, "assembled")
			if err := u.copyPart(1, directory+"/appended", "bytes=100-5300000"); err != nil {
				t.Fatal(err)
			}
			if err := u.copyPart(2, general+"/copied", ""); err != nil {
				t.Fatal(err)
			}
			if _, err := u.complete(1, 2); err != nil {
				t.Fatal(err)
			}
			assembled := append(bytes.Clone(want[100:5300001]), body...)
			mustRead(t, client, directory, "assembled", assembled)
			p.mustCopy(directory+"/assembled", general+"/assembled")
			mustRead(t, client, general, "assembled", assembled)
			if a := p.rename(directory, "assembled", "dir/assembled"); a.StatusCode != 200 {
				t.Errorf("rename: %d %s", a.StatusCode, a.body)
			}
			mustRead(t, client, directory, "dir/assembled", assembled)

			var keys []types.ObjectIdentifier
			for _, key := range []string{"taken", "appended", "dir/assembled", "absent"} {
				keys = append(keys, types.ObjectIdentifier{Key: aws.String(key)})
			}
			out, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &directory, Delete: &types.Delete{Objects: keys}})
			if err != nil || len(out.Deleted) != 4 {
				t.Errorf("DeleteObjects: %+v, %v", out, err)
			}
			p.mustNotExist(directory, "taken")
			if log := p.stderr.String(); strings.Contains(log, "integrity") {
				t.Error("an alarm was raised")
			}
		})
	}
}

// makeDirectoryBucket makes one that is sealed under a KMS key.
func makeDirectoryBucket(t *testing.T, client *s3.Client, key string) string {
	t.Helper()
	bucket := "copies--usw2-az1--x-s3"
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
		Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
		Bucket:   &types.BucketInfo{DataRedundancy: types.DataRedundancySingleAvailabilityZone, Type: types.BucketTypeDirectory},
	}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{Bucket: &bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
		Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
			SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key,
		}}},
	}}); err != nil {
		t.Fatal(err)
	}
	return bucket
}

// The store is another one of these programs, made of directory buckets: its copies are signed as such, and hold conditions.
func TestCopiesInFrontOfAStoreOfDirectoryBuckets(t *testing.T) {
	t.Parallel()
	inner := startConfigured(t, t.TempDir(), "")
	p := startOuter(t, inner, "  access_key: AKIAIOSFODNN7EXAMPLE\n  secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
	client := p.client(t)
	bucket := "copies--usw2-az1--x-s3"
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
		Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
		Bucket:   &types.BucketInfo{DataRedundancy: types.DataRedundancySingleAvailabilityZone, Type: types.BucketTypeDirectory},
	}}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 100, 300_000} {
		body := randomBytes(n)
		p.put(bucket, "source", string(body))
		there := p.put(bucket, "there", "there").Header.Get("ETag")
		if a := p.copyOf(bucket+"/source", bucket+"/there", field("If-None-Match", "*")); a.StatusCode != 412 {
			t.Errorf("%d bytes: %d %s", n, a.StatusCode, a.body)
		}
		p.mustCopy(bucket+"/source", bucket+"/there", field("If-Match", there))
		mustRead(t, client, bucket, "there", body)
		p.mustCopy(bucket+"/source", bucket+"/source", field("X-Amz-Metadata-Directive", "REPLACE"), field("X-Amz-Meta-A", "b"))
		mustRead(t, client, bucket, "source", body)
		if a := p.rename(bucket, "source", "renamed", field("X-Amz-Client-Token", fmt.Sprint(n))); a.StatusCode != 200 {
			t.Errorf("%d bytes: %d %s", n, a.StatusCode, a.body)
		}
		p.mustNotExist(bucket, "source")
		mustRead(t, client, bucket, "renamed", body)
	}
	var want []byte
	for _, n := range []int{10, 6 * mib, 5} {
		piece := randomBytes(n)
		if a := p.appendTo(bucket, "appended", len(want), string(piece)); a.StatusCode != 200 {
			t.Fatalf("append of %d: %d %s", n, a.StatusCode, a.body)
		}
		want = append(want, piece...)
	}
	mustRead(t, client, bucket, "appended", want)
	u := newUploader(t, client, bucket, "assembled")
	if err := u.copyPart(1, bucket+"/appended", "bytes=1-5300000"); err != nil {
		t.Fatal(err)
	}
	if _, err := u.complete(1); err != nil {
		t.Fatal(err)
	}
	mustRead(t, client, bucket, "assembled", want[1:5300001])
	out, err := client.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("assembled")}, {Key: aws.String("appended")}}}})
	if err != nil || len(out.Deleted) != 2 {
		t.Errorf("DeleteObjects: %+v, %v", out, err)
	}
}
