package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/memstore"
	"sealfront/proxy/proxytest"
)

var updateGrowth = flag.Bool("growth", false, "write the table of costs into OPERATING.md")

// A growth is how many requests something causes: fixed + each·N + pages·⌈N/1000⌉.
type growth struct{ fixed, each, pages int }

func (g growth) of(n int) int { return g.fixed + g.each*n + g.pages*((n+999)/1000) }

func (g growth) String() string {
	var terms []string
	if g.fixed > 0 || g.each == 0 && g.pages == 0 {
		terms = append(terms, strconv.Itoa(g.fixed))
	}
	for _, t := range []struct {
		n    int
		what string
	}{{g.each, "N"}, {g.pages, "⌈N/1000⌉"}} {
		switch {
		case t.n == 1:
			terms = append(terms, t.what)
		case t.n > 1:
			terms = append(terms, strconv.Itoa(t.n)+" "+t.what)
		}
	}
	return strings.Join(terms, " + ")
}

// growths says what each operation costs the store and KMS. N is in what; n is the smaller of the two sizes that are
// measured, in a fresh installation each.
var growths = []struct {
	what       string
	n          int
	store, kms growth
	prepare    func(x *growing, n int) // not counted
	do         func(x *growing, n int)
}{
	{
		"N PutObject of one part, the bucket key in memory", 5,
		growth{each: 1},
		growth{},
		func(x *growing, _ int) { x.put("warm", 1) }, func(x *growing, n int) { x.puts(n) },
	},
	{
		"N GetObject or HeadObject of such objects", 5,
		growth{each: 1},
		growth{},
		func(x *growing, n int) { x.puts(n) }, func(x *growing, n int) { x.gets(n) },
	},
	{
		"N CreateMultipartUpload", 5,
		growth{each: 3},
		growth{},
		func(x *growing, _ int) { x.put("warm", 1) },
		func(x *growing, n int) {
			for i := range n {
				x.begin(fmt.Sprint("k", i))
			}
		},
	},
	{
		"N UploadPart", 5,
		growth{each: 2},
		growth{},
		func(x *growing, _ int) { x.id = x.begin("k") }, func(x *growing, n int) { x.parts("k", n, 1<<10) },
	},
	{
		"CompleteMultipartUpload of N parts", 3,
		growth{fixed: 10, pages: 3},
		growth{},
		func(x *growing, n int) { x.id = x.begin("k"); x.parts("k", n, 5<<20) },
		func(x *growing, _ int) { x.complete("k") },
	},
	{
		"AbortMultipartUpload of N parts", 30,
		growth{fixed: 6, pages: 4},
		growth{},
		func(x *growing, n int) { x.id = x.begin("k"); x.parts("k", n, 1<<10) },
		func(x *growing, n int) {
			_, err := x.client.AbortMultipartUpload(x.ctx, &s3.AbortMultipartUploadInput{
				Bucket: &x.bucket, Key: aws.String("k"), UploadId: &x.id,
			})
			x.must(err)
		},
	},
	{
		"ListParts of N parts, all pages", 30,
		growth{fixed: 1, pages: 1},
		growth{},
		func(x *growing, n int) { x.id = x.begin("k"); x.parts("k", n, 1<<10) },
		func(x *growing, n int) {
			out, err := x.client.ListParts(x.ctx,
				&s3.ListPartsInput{Bucket: &x.bucket, Key: aws.String("k"), UploadId: &x.id})
			x.must(err)
			x.count(len(out.Parts), n)
		},
	},
	{
		"ListMultipartUploads of N uploads, all pages", 30,
		growth{pages: 1},
		growth{},
		func(x *growing, n int) {
			for i := range n {
				x.begin(fmt.Sprint("k", i))
			}
		},
		func(x *growing, n int) {
			out, err := x.client.ListMultipartUploads(x.ctx, &s3.ListMultipartUploadsInput{Bucket: &x.bucket})
			x.must(err)
			x.count(len(out.Uploads), n)
		},
	},
	{
		"ListBuckets or ListDirectoryBuckets of N buckets", 10,
		growth{pages: 2},
		growth{},
		func(x *growing, n int) { x.buckets(n) },
		func(x *growing, n int) {
			out, err := x.client.ListBuckets(x.ctx, &s3.ListBucketsInput{Prefix: aws.String("growing-")})
			x.must(err)
			x.count(len(out.Buckets), n)
		},
	},
	{
		"ListObjectsV2 of N objects, all pages", 10,
		growth{pages: 1},
		growth{},
		func(x *growing, n int) { x.puts(n) },
		func(x *growing, n int) {
			out, err := x.client.ListObjectsV2(x.ctx, &s3.ListObjectsV2Input{Bucket: &x.bucket})
			x.must(err)
			x.count(len(out.Contents), n)
		},
	},
	{
		"the same with a delimiter, in a directory bucket", 10,
		growth{pages: 2},
		growth{},
		func(x *growing, n int) { x.puts(n) },
		func(x *growing, n int) {
			out, err := x.client.ListObjectsV2(x.ctx,
				&s3.ListObjectsV2Input{Bucket: &x.bucket, Delimiter: aws.String("/")})
			x.must(err)
			x.count(len(out.Contents), n)
		},
	},
	{
		"DeleteObjects of N keys", 10,
		growth{pages: 1},
		growth{},
		func(x *growing, n int) { x.puts(n) }, func(x *growing, n int) { x.deletes(n, false) },
	},
	{
		"DeleteObjects of N keys with conditions", 10,
		growth{each: 2},
		growth{},
		func(x *growing, n int) { x.puts(n) }, func(x *growing, n int) { x.deletes(n, true) },
	},
	{
		"N CopyObject in a directory bucket", 3,
		growth{each: 2},
		growth{each: 2},
		func(x *growing, n int) { x.puts(n) },
		func(x *growing, n int) {
			for i := range n {
				_, err := x.client.CopyObject(x.ctx, &s3.CopyObjectInput{
					Bucket: &x.bucket, Key: aws.String(fmt.Sprint("copy", i)), CopySource: aws.String(x.bucket + "/" + keyNumber(i)),
				})
				x.must(err)
			}
		},
	},
	{
		"N CopyObject between general purpose buckets", 3,
		growth{each: 3},
		growth{},
		func(x *growing, n int) { x.buckets(2); x.putInEach(2) },
		func(x *growing, n int) {
			for i := range n {
				_, err := x.client.CopyObject(x.ctx, &s3.CopyObjectInput{
					Bucket: aws.String(bucketNumber(1)), Key: aws.String(keyNumber(i)),
					CopySource: aws.String(bucketNumber(0) + "/k"),
				})
				x.must(err)
			}
		},
	},
	{
		"N UploadPartCopy in a directory bucket", 3,
		growth{each: 4},
		growth{each: 2},
		func(x *growing, _ int) { x.put("source", 100); x.id = x.begin("k") },
		func(x *growing, n int) {
			for i := range n {
				_, err := x.client.UploadPartCopy(x.ctx, &s3.UploadPartCopyInput{
					Bucket: &x.bucket, Key: aws.String("k"), UploadId: &x.id, PartNumber: aws.Int32(int32(i + 1)),
					CopySource: aws.String(x.bucket + "/source"),
				})
				x.must(err)
			}
		},
	},
	{
		"N appends of less than 64 KiB to one small object", 3,
		growth{each: 5},
		growth{},
		func(x *growing, _ int) { x.put("k", 1) },
		func(x *growing, n int) {
			for i := range n {
				_, err := x.client.PutObject(x.ctx, &s3.PutObjectInput{
					Bucket: &x.bucket, Key: aws.String("k"), Body: bytes.NewReader([]byte{1}),
					WriteOffsetBytes: aws.Int64(int64(i + 1)),
				})
				x.must(err)
			}
		},
	},
	{
		"the first GetObject of an object of N parts at a replica", 2,
		growth{fixed: 2},
		growth{fixed: 1},
		func(x *growing, n int) {
			x.id = x.begin("k")
			x.parts("k", n, 5<<20)
			x.complete("k")
			x.restart()
			x.put("warm", 1)
		},
		func(x *growing, _ int) {
			out, err := x.client.GetObject(x.ctx, &s3.GetObjectInput{Bucket: &x.bucket, Key: aws.String("k")})
			x.must(err)
			_, err = io.Copy(io.Discard, out.Body)
			x.must(errors.Join(err, out.Body.Close()))
		},
	},
	{
		"N RenameObject", 3,
		growth{each: 12},
		growth{},
		func(x *growing, n int) { x.puts(n) },
		func(x *growing, n int) {
			for i := range n {
				_, err := x.client.RenameObject(x.ctx, &s3.RenameObjectInput{
					Bucket: &x.bucket, Key: aws.String(fmt.Sprint("renamed", i)),
					RenameSource: aws.String("/" + x.bucket + "/" + keyNumber(i)),
				})
				x.must(err)
			}
		},
	},
	{
		"N DeleteObject", 5,
		growth{each: 1},
		growth{},
		func(x *growing, n int) { x.puts(n) },
		func(x *growing, n int) {
			for i := range n {
				_, err := x.client.DeleteObject(x.ctx, &s3.DeleteObjectInput{Bucket: &x.bucket, Key: aws.String(keyNumber(i))})
				x.must(err)
			}
		},
	},
	{
		"N CreateSession, or zonal requests of a session", 5,
		growth{},
		growth{},
		func(x *growing, _ int) { x.session() }, func(x *growing, n int) {
			for range n {
				x.session()
			}
		},
	},
	{
		"a PutObject into each of N buckets, the first round", 10,
		growth{each: 1},
		growth{each: 1},
		func(x *growing, n int) { x.buckets(n) }, func(x *growing, n int) { x.putInEach(n) },
	},
	{
		"the second round, and GetObject", 10,
		growth{each: 2},
		growth{},
		func(x *growing, n int) { x.buckets(n); x.putInEach(n) },
		func(x *growing, n int) { x.putInEach(n); x.getFromEach(n) },
	},
	{
		"N CreateBucket", 3,
		growth{each: 6},
		growth{},
		func(*growing, int) {}, func(x *growing, n int) { x.buckets(n) },
	},
}

// A growing is an installation whose costs are counted.
type growing struct {
	t      *testing.T
	ctx    context.Context
	p      *proxytest.Program
	client *s3.Client
	bucket string
	id     string // of an upload
	// restart starts another replica, and goes on with that
	restart func()

	uploaded []types.CompletedPart
}

func keyNumber(i int) string { return fmt.Sprintf("o%04d", i) }

func (x *growing) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *growing) count(got, want int) {
	x.t.Helper()
	if got != want {
		x.t.Errorf("%d are listed, want %d", got, want)
	}
}

func (x *growing) putTo(bucket, key string, size int) {
	x.t.Helper()
	_, err := x.client.PutObject(x.ctx,
		&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(make([]byte, size))})
	x.must(err)
}

func (x *growing) put(key string, size int) { x.t.Helper(); x.putTo(x.bucket, key, size) }

func (x *growing) puts(n int) {
	x.t.Helper()
	for i := range n {
		x.put(keyNumber(i), 100)
	}
}

func (x *growing) gets(n int) {
	x.t.Helper()
	for i := range n {
		out, err := x.client.GetObject(x.ctx, &s3.GetObjectInput{Bucket: &x.bucket, Key: aws.String(keyNumber(i))})
		x.must(err)
		x.must(out.Body.Close())
	}
}

func (x *growing) begin(key string) (id string) {
	x.t.Helper()
	out, err := x.client.CreateMultipartUpload(x.ctx, &s3.CreateMultipartUploadInput{Bucket: &x.bucket, Key: &key})
	x.must(err)
	return *out.UploadId
}

func (x *growing) parts(key string, n, size int) {
	x.t.Helper()
	body := make([]byte, size)
	for i := range n {
		number := aws.Int32(int32(i + 1))
		out, err := x.client.UploadPart(x.ctx, &s3.UploadPartInput{
			Bucket: &x.bucket, Key: &key, UploadId: &x.id, PartNumber: number, Body: bytes.NewReader(body),
		})
		x.must(err)
		x.uploaded = append(x.uploaded, types.CompletedPart{ETag: out.ETag, PartNumber: number})
	}
}

func (x *growing) complete(key string) {
	x.t.Helper()
	_, err := x.client.CompleteMultipartUpload(x.ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &x.bucket, Key: &key, UploadId: &x.id, MultipartUpload: &types.CompletedMultipartUpload{Parts: x.uploaded},
	})
	x.must(err)
}

func (x *growing) deletes(n int, conditional bool) {
	x.t.Helper()
	var list []types.ObjectIdentifier
	for i := range n {
		o := types.ObjectIdentifier{Key: aws.String(keyNumber(i))}
		if conditional {
			o.Size = aws.Int64(100)
		}
		list = append(list, o)
	}
	out, err := x.client.DeleteObjects(x.ctx,
		&s3.DeleteObjectsInput{Bucket: &x.bucket, Delete: &types.Delete{Objects: list}})
	x.must(err)
	x.count(len(out.Deleted), n)
}

func bucketNumber(i int) string { return fmt.Sprintf("growing-%03d", i) }

func (x *growing) buckets(n int) {
	x.t.Helper()
	for i := range n {
		_, err := x.client.CreateBucket(x.ctx, &s3.CreateBucketInput{
			Bucket: aws.String(bucketNumber(i)), CreateBucketConfiguration: &types.CreateBucketConfiguration{
				LocationConstraint: types.BucketLocationConstraintUsWest2,
			},
		})
		x.must(err)
	}
}

func (x *growing) putInEach(n int) {
	x.t.Helper()
	for i := range n {
		x.putTo(bucketNumber(i), "k", 10)
	}
}

func (x *growing) getFromEach(n int) {
	x.t.Helper()
	for i := range n {
		out, err := x.client.GetObject(x.ctx, &s3.GetObjectInput{Bucket: aws.String(bucketNumber(i)), Key: aws.String("k")})
		x.must(err)
		x.must(out.Body.Close())
	}
}

func (x *growing) session() {
	x.t.Helper()
	_, err := x.client.CreateSession(x.ctx, &s3.CreateSessionInput{Bucket: &x.bucket})
	x.must(err)
}

// startGrowing starts a program as one of several replicas, on a store in memory of its own.
func startGrowing(t *testing.T) *growing {
	s, err := memstore.Start(memstore.Options{AccessKey: "a", SecretKey: "s", Region: "us-east-1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	k, dir := proxytest.NewFaultyKMS(t), t.TempDir()
	authority := proxytest.WriteCertificates(t, dir)
	x := &growing{t: t, ctx: t.Context(), bucket: "growing--az1--x-s3"}
	x.restart = func() {
		x.p = proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: s3, endpoint: "http://%s", region: us-east-1, access_key: a, secret_key: s}
kms: {kind: aws, endpoint: %q, region: us-west-2, access_key: %q, secret_key: %q, service_key: %q}
general_purpose: {default_encryption: "aws:kms"}
tls: {cert: "%[6]s/server.pem", key: "%[6]s/server.key"}
`, s.Address(), k.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, k.ServiceKey, dir),
			proxytest.RecordLife(time.Hour), proxytest.ClaimAge(time.Hour))
		x.p.Env["AWS_CA_BUNDLE"] = authority
		x.client = x.p.Client(t)
	}
	x.restart()
	_, err = x.client.CreateBucket(x.ctx, &s3.CreateBucketInput{
		Bucket: &x.bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Bucket: &types.BucketInfo{
				Type: types.BucketTypeDirectory, DataRedundancy: types.DataRedundancySingleAvailabilityZone,
			},
			Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: aws.String("az1")},
		},
	})
	x.must(err)
	_, err = x.client.PutBucketEncryption(x.ctx, &s3.PutBucketEncryptionInput{
		Bucket: &x.bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{
				BucketKeyEnabled: aws.Bool(true),
				ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: aws.String(k.MakeKey(t)),
				},
			}},
		},
	})
	x.must(err)
	return x
}

// TestGrowth measures what each operation costs the store and KMS at N and at 2N, and holds it to the table in
// OPERATING.md, which -growth writes. What exceeds its row is a defect, and so is a row that says too much.
func TestGrowth(t *testing.T) {
	t.Parallel()
	var table strings.Builder
	table.WriteString("| what | requests to the store | calls of KMS |\n| --- | --- | --- |\n")
	for _, g := range growths {
		fmt.Fprintf(&table, "| %s | %v | %v |\n", g.what, g.store, g.kms)
		for _, n := range []int{g.n, 2 * g.n} {
			t.Run(fmt.Sprintf("%s/%d", g.what, n), func(t *testing.T) {
				x := startGrowing(t)
				g.prepare(x, n)
				storeBefore, kmsBefore := x.p.Rest()
				g.do(x, n)
				store, kms := x.p.Rest()
				t.Logf("N = %d: %d requests to the store, %d of KMS", n, store-storeBefore, kms-kmsBefore)
				if store -= storeBefore; store != g.store.of(n) {
					t.Errorf("N = %d: %d requests to the store, want %v = %d", n, store, g.store, g.store.of(n))
				}
				if kms -= kmsBefore; kms != g.kms.of(n) {
					t.Errorf("N = %d: %d calls of KMS, want %v = %d", n, kms, g.kms, g.kms.of(n))
				}
			})
		}
	}
	const manual, begin, end = "../deploy/OPERATING.md", "<!-- growth: made by TestGrowth -->\n", "<!-- /growth -->"
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	said, after, closed := strings.Cut(rest, end)
	switch {
	case !ok || !closed:
		t.Error("OPERATING.md has no table of what requests cost")
	case *updateGrowth:
		if err := os.WriteFile(manual, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Error(err)
		}
	case said != table.String():
		t.Errorf("OPERATING.md's table is not\n%s\nWrite it by go test ./proxy -run TestGrowth -growth", table.String())
	}
}
