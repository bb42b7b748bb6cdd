package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Copies, renames and appends on every store: what a store lacks (conditions on copies, on deletions, atomic copies of
// an object onto itself) must not show (L4, L5, L6, trap 23).
func TestCopiesRenamesAndAppendsOnEveryStore(t *testing.T) {
	t.Parallel()
	for _, in := range installations {
		t.Run(in.name, func(t *testing.T) {
			p := in.start(t)
			client := p.Client(t)
			general := proxytest.MakeBucket(t, client, "general")
			directory := p.Env["SEALFRONT_BUCKET"]
			if directory == "" {
				directory = proxytest.MakeDirectoryBucket(t, client, p.Env["SEALFRONT_KMS_KEY"])
			}
			body := proxytest.RandomBytes(400_000)
			read := func(bucket, key string) string {
				t.Helper()
				return p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}).Text
			}
			for _, bucket := range []string{general, directory} {
				for _, content := range []string{"", "small", string(body)} {
					there := p.Put(bucket, "there", "there").Header.Get("ETag")
					p.Put(bucket, "dir/source", content, proxytest.Field("X-Amz-Meta-Name", "value"))
					// Conditions on the destination.
					for what, header := range map[string]sigv4.Field{
						"If-None-Match": proxytest.Field("If-None-Match", "*"), "If-Match": proxytest.Field("If-Match", `"other"`),
					} {
						if a := p.CopyOf(bucket+"/dir/source", bucket+"/there", header); a.StatusCode != 412 ||
							read(bucket, "there") != "there" {
							t.Errorf("%s: %d %s, the destination has %d bytes", what, a.StatusCode, a.Text, len(read(bucket, "there")))
						}
					}
					p.MustCopy(bucket+"/dir/source", bucket+"/there", proxytest.Field("If-Match", there))
					p.MustCopy(bucket+"/dir/source", bucket+"/dir/source", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
						proxytest.Field("X-Amz-Meta-Name", "other"))
					for _, key := range []string{"there", "dir/source"} {
						if got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}); got.Text != content ||
							got.Header.Get("X-Amz-Meta-Name") != map[bool]string{true: "value", false: "other"}[key == "there"] {
							t.Errorf("%s: %d bytes, %q", key, len(got.Text), got.Header.Get("X-Amz-Meta-Name"))
						}
					}
					for _, to := range []string{general, directory} {
						p.MustCopy(bucket+"/dir/source", to+"/copied")
						if got := read(to, "copied"); got != content {
							t.Errorf("%s to %s: %d bytes", bucket, to, len(got))
						}
					}
				}
				etag := p.HeadOf(bucket, "there").Header.Get("ETag")
				status := 412
				if a := p.Do(&proxytest.Request{
					Method: "DELETE", Path: "/" + bucket + "/there", Header: []sigv4.Field{proxytest.Field("If-Match", `"other"`)},
				}); a.StatusCode != status && a.StatusCode != 501 || p.HeadOf(bucket, "there").Header.Get("ETag") != etag {
					t.Errorf("a deletion under a condition: %d %s", a.StatusCode, a.Text)
				}
			}

			for _, content := range []string{"", "small", string(body)} {
				p.Do(&proxytest.Request{Method: "DELETE", Path: "/" + directory + "/new"})
				p.Put(directory, "old", content)
				p.Put(directory, "taken", "taken")
				if a := p.Rename(directory, "old", "taken", proxytest.Field("If-None-Match", "*")); a.StatusCode != 412 ||
					read(directory, "taken") != "taken" || read(directory, "old") != content {
					t.Errorf("rename onto what is there: %d %s", a.StatusCode, a.Text)
				}
				if a := p.Rename(directory, "old", "new", proxytest.Field("If-None-Match", "*")); a.StatusCode != 200 ||
					read(directory, "new") != content {
					t.Errorf("rename: %d %s", a.StatusCode, a.Text)
				}
				p.MustNotExist(directory, "old")
				if a := p.Rename(directory, "new", "taken",
					proxytest.Field("X-Amz-Client-Token", fmt.Sprint(len(content)))); a.StatusCode != 200 ||
					read(directory, "taken") != content {
					t.Errorf("rename: %d %s", a.StatusCode, a.Text)
				}
			}

			// An object of some size that is sealed anew in its place: it is read while it is written.
			large := string(proxytest.RandomBytes(3*proxytest.MiB + 1))
			p.Put(general, "in-place", large, proxytest.Field("X-Amz-Meta-Name", "value"))
			for _, header := range [][]sigv4.Field{
				{
					proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
					proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.Env["SEALFRONT_KMS_KEY"]),
				},
				{
					proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256"), proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
					proxytest.Field("X-Amz-Meta-Name", "value"),
				},
			} {
				p.MustCopy(general+"/in-place", general+"/in-place", header...)
				if got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + general + "/in-place"}); got.Text != large ||
					got.Header.Get("X-Amz-Meta-Name") != "value" {
					t.Errorf("in place: %d bytes, %q", len(got.Text), got.Header.Get("X-Amz-Meta-Name"))
				}
			}
			wrong := p.CopyOf(general+"/in-place", general+"/in-place", proxytest.Field("X-Amz-Checksum-Algorithm", "SHA1"),
				proxytest.Field("If-Match", `"other"`),
				proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"))
			if wrong.StatusCode != 412 || read(general, "in-place") != large {
				t.Errorf("in place under a condition that fails: %d %s", wrong.StatusCode, wrong.Text)
			}

			var want []byte
			for i, n := range []int{10, 10, 6 * proxytest.MiB, 5, 300_000, 5 * proxytest.MiB, 1} {
				piece := proxytest.RandomBytes(n)
				if a := p.AppendTo(directory, "appended", len(want), string(piece)); a.StatusCode != 200 {
					t.Fatalf("append %d: %d %s", i, a.StatusCode, a.Text)
				}
				want = append(want, piece...)
			}
			proxytest.MustRead(t, client, directory, "appended", want)
			stale := p.HeadOf(directory, "appended").Header.Get("ETag")
			p.Put(directory, "appended", string(want)+"x")
			if a := p.AppendTo(directory, "appended", len(want)+1, "y",
				proxytest.Field("If-Match", stale)); a.StatusCode != 412 {
				t.Errorf("append under a condition: %d %s", a.StatusCode, a.Text)
			}

			u := proxytest.NewUploader(t, client, directory, "assembled")
			if err := u.CopyPart(1, directory+"/appended", "bytes=100-5300000"); err != nil {
				t.Fatal(err)
			}
			if err := u.CopyPart(2, general+"/copied", ""); err != nil {
				t.Fatal(err)
			}
			if _, err := u.Complete(1, 2); err != nil {
				t.Fatal(err)
			}
			assembled := append(bytes.Clone(want[100:5300001]), body...)
			proxytest.MustRead(t, client, directory, "assembled", assembled)
			p.MustCopy(directory+"/assembled", general+"/assembled")
			proxytest.MustRead(t, client, general, "assembled", assembled)
			if a := p.Rename(directory, "assembled", "dir/assembled"); a.StatusCode != 200 {
				t.Errorf("rename: %d %s", a.StatusCode, a.Text)
			}
			proxytest.MustRead(t, client, directory, "dir/assembled", assembled)

			var keys []types.ObjectIdentifier
			for _, key := range []string{"taken", "appended", "dir/assembled", "absent"} {
				keys = append(keys, types.ObjectIdentifier{Key: aws.String(key)})
			}
			out, err := client.DeleteObjects(t.Context(),
				&s3.DeleteObjectsInput{Bucket: &directory, Delete: &types.Delete{Objects: keys}})
			if err != nil || len(out.Deleted) != 4 {
				t.Errorf("DeleteObjects: %+v, %v", out, err)
			}
			p.MustNotExist(directory, "taken")
			if log := p.Stderr.String(); strings.Contains(log, "integrity") {
				t.Error("an alarm was raised")
			}
		})
	}
}

// The store is another one of these programs, made of directory buckets: its copies are signed as such, and hold
// conditions.
func TestCopiesInFrontOfAStoreOfDirectoryBuckets(t *testing.T) {
	t.Parallel()
	inner := proxytest.StartConfigured(t, t.TempDir(), "")
	p := startOuter(t, inner,
		"  access_key: AKIAIOSFODNN7EXAMPLE\n  secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
	client := p.Client(t)
	bucket := "copies--usw2-az1--x-s3"
	if _, err := client.CreateBucket(t.Context(),
		&s3.CreateBucketInput{Bucket: &bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
			Bucket: &types.BucketInfo{
				DataRedundancy: types.DataRedundancySingleAvailabilityZone, Type: types.BucketTypeDirectory,
			},
		}}); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 100, 300_000} {
		body := proxytest.RandomBytes(n)
		p.Put(bucket, "source", string(body))
		there := p.Put(bucket, "there", "there").Header.Get("ETag")
		if a := p.CopyOf(bucket+"/source", bucket+"/there", proxytest.Field("If-None-Match", "*")); a.StatusCode != 412 {
			t.Errorf("%d bytes: %d %s", n, a.StatusCode, a.Text)
		}
		p.MustCopy(bucket+"/source", bucket+"/there", proxytest.Field("If-Match", there))
		proxytest.MustRead(t, client, bucket, "there", body)
		p.MustCopy(bucket+"/source", bucket+"/source", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
			proxytest.Field("X-Amz-Meta-A", "b"))
		proxytest.MustRead(t, client, bucket, "source", body)
		if a := p.Rename(bucket, "source", "renamed",
			proxytest.Field("X-Amz-Client-Token", fmt.Sprint(n))); a.StatusCode != 200 {
			t.Errorf("%d bytes: %d %s", n, a.StatusCode, a.Text)
		}
		p.MustNotExist(bucket, "source")
		proxytest.MustRead(t, client, bucket, "renamed", body)
	}
	var want []byte
	for _, n := range []int{10, 6 * proxytest.MiB, 5} {
		piece := proxytest.RandomBytes(n)
		if a := p.AppendTo(bucket, "appended", len(want), string(piece)); a.StatusCode != 200 {
			t.Fatalf("append of %d: %d %s", n, a.StatusCode, a.Text)
		}
		want = append(want, piece...)
	}
	proxytest.MustRead(t, client, bucket, "appended", want)
	u := proxytest.NewUploader(t, client, bucket, "assembled")
	if err := u.CopyPart(1, bucket+"/appended", "bytes=1-5300000"); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Complete(1); err != nil {
		t.Fatal(err)
	}
	proxytest.MustRead(t, client, bucket, "assembled", want[1:5300001])
	out, err := client.DeleteObjects(t.Context(),
		&s3.DeleteObjectsInput{
			Bucket: &bucket,
			Delete: &types.Delete{
				Objects: []types.ObjectIdentifier{{Key: aws.String("assembled")}, {Key: aws.String("appended")}},
			},
		})
	if err != nil || len(out.Deleted) != 2 {
		t.Errorf("DeleteObjects: %+v, %v", out, err)
	}
}
