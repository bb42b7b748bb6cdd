package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
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
