package memstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/memstore"
)

// everything deletes all objects and uploads and checks that all memory comes back.
func everything(t *testing.T, s *memstore.Store, c *s3.Client, free int64) {
	t.Helper()
	list, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	d := &types.Delete{}
	for _, o := range list.Contents {
		d.Objects = append(d.Objects, types.ObjectIdentifier{Key: o.Key})
	}
	if len(d.Objects) > 0 {
		out, err := c.DeleteObjects(t.Context(), &s3.DeleteObjectsInput{Bucket: aws.String(bucket), Delete: d})
		if err != nil || len(out.Errors) > 0 || len(out.Deleted) != len(d.Objects) {
			t.Fatalf("DeleteObjects: %+v, %v", out, err)
		}
	}
	uploads, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(bucket)})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uploads.Uploads {
		if _, err := c.AbortMultipartUpload(t.Context(), &s3.AbortMultipartUploadInput{
			Bucket: aws.String(bucket), Key: u.Key, UploadId: u.UploadId,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if s.Free() != free {
		t.Errorf("%d bytes are taken in an empty store", free-s.Free())
	}
}

func TestUploadsCopiesAndTheirMemory(t *testing.T) {
	s, c := start(t, memstore.Options{})
	free := s.Free()
	ctx := t.Context()
	first, last := random(5<<20+3), random(70_001)
	created, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String("big"), ContentType: aws.String("text/big"),
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, c, "source", last)
	upload := func(number int32, body []byte) types.CompletedPart {
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: created.UploadId,
			PartNumber: aws.Int32(number), Body: bytes.NewReader(body),
		})
		if err != nil {
			t.Fatal(err)
		}
		return types.CompletedPart{PartNumber: aws.Int32(number), ETag: out.ETag}
	}
	upload(2, random(100)) // overwritten
	parts := []types.CompletedPart{upload(2, first)}
	copied, err := c.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: created.UploadId, PartNumber: aws.Int32(10_000),
		CopySource: aws.String(bucket + "/source"), CopySourceRange: aws.String("bytes=1-70000"),
	})
	if err != nil {
		t.Fatal(err)
	}
	parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(10_000), ETag: copied.CopyPartResult.ETag})
	listed, err := c.ListParts(ctx, &s3.ListPartsInput{
		Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: created.UploadId, MaxParts: aws.Int32(1),
	})
	if err != nil || len(listed.Parts) != 1 || !aws.ToBool(listed.IsTruncated) ||
		aws.ToInt64(listed.Parts[0].Size) != int64(len(first)) {
		t.Errorf("ListParts: %+v, %v", listed, err)
	}
	complete := func(parts []types.CompletedPart, change func(*s3.CompleteMultipartUploadInput)) error {
		in := &s3.CompleteMultipartUploadInput{
			Bucket: aws.String(bucket), Key: aws.String("big"), UploadId: created.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		}
		if change != nil {
			change(in)
		}
		_, err := c.CompleteMultipartUpload(ctx, in)
		return err
	}
	wantCode(t, "parts out of order", complete([]types.CompletedPart{parts[1], parts[0]}, nil), "InvalidPartOrder")
	wantCode(t, "a part with another ETag", complete([]types.CompletedPart{
		{PartNumber: aws.Int32(2), ETag: parts[1].ETag},
	}, nil), "InvalidPart")
	wantCode(t, "a condition that fails",
		complete(parts, func(in *s3.CompleteMultipartUploadInput) { in.IfMatch = aws.String(`"x"`) }), "NoSuchKey")
	small := upload(1, []byte("small"))
	wantCode(t, "a small part before others", complete([]types.CompletedPart{small, parts[0]}, nil), "EntityTooSmall")
	if err := complete(parts, nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "a second Complete", complete(parts, nil), "NoSuchUpload")
	want := slices.Concat(first, last[1:])
	if !bytes.Equal(get(t, c, "big", ""), want) ||
		!bytes.Equal(get(t, c, "big", fmt.Sprintf("bytes=%d-%d", len(first)-10, len(first)+10)),
			want[len(first)-10:len(first)+11]) {
		t.Error("the completed object holds other bytes")
	}

	// A copy outlives its source, and takes no second room.
	before := s.Free()
	if _, err := c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("copy +1"), CopySource: aws.String(bucket + "/big"),
	}); err != nil {
		t.Fatal(err)
	}
	if before-s.Free() > 4096 {
		t.Errorf("a copy took %d bytes", before-s.Free())
	}
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("big"), CopySource: aws.String(bucket + "/big"),
	})
	wantCode(t, "a copy that changes nothing", err, "InvalidRequest")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("x"), CopySource: aws.String(bucket + "/big"),
		CopySourceIfMatch: aws.String(`"other"`),
	})
	wantCode(t, "a copy of another source", err, "PreconditionFailed")
	_, err = c.CopyObject(ctx, &s3.CopyObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("big"), CopySource: aws.String(bucket + "/big"),
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: map[string]string{"new": "yes"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if h, err := c.HeadObject(ctx, &s3.HeadObjectInput{
		Bucket: aws.String(bucket),
		Key:    aws.String("big"),
	}); err != nil || h.Metadata["new"] != "yes" {
		t.Errorf("a copy onto itself: %+v, %v", h, err)
	}
	for _, key := range []string{"big", "source"} {
		if _, err := c.DeleteObject(ctx,
			&s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}); err != nil {
			t.Fatal(err)
		}
	}
	put(t, c, "other", random(6<<20)) // would use the blocks again, were they free
	if !bytes.Equal(get(t, c, "copy +1", ""), want) {
		t.Error("the copy changed with its source")
	}
	everything(t, s, c, free)
}

func TestListingsGoOnWhereTheyEnded(t *testing.T) {
	_, c := start(t, memstore.Options{})
	var keys []string
	for _, k := range []string{"a", "a/1", "a/2", "a/b/3", "a0", "b&<>", "c/1", "c/2", "d e+f", "z/", "é"} {
		put(t, c, k, nil)
		keys = append(keys, k)
	}
	for _, most := range []int32{1, 2, 3, 1000} {
		for _, encoding := range []types.EncodingType{"", "url"} {
			for delimiter, want := range map[string][]string{
				"":  keys,
				"/": {"a", "a/", "a0", "b&<>", "c/", "d e+f", "z/", "é"},
			} {
				var got []string
				in := &s3.ListObjectsV2Input{
					Bucket: aws.String(bucket), MaxKeys: aws.Int32(most), EncodingType: encoding,
				}
				if delimiter != "" {
					in.Delimiter = aws.String(delimiter)
				}
				pages := s3.NewListObjectsV2Paginator(c, in)
				for pages.HasMorePages() {
					page, err := pages.NextPage(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					n := len(page.Contents) + len(page.CommonPrefixes)
					if n > int(most) || n != int(aws.ToInt32(page.KeyCount)) {
						t.Errorf("a page of %d, and a count of %d", n, aws.ToInt32(page.KeyCount))
					}
					for _, o := range page.Contents {
						got = append(got, aws.ToString(o.Key))
					}
					for _, p := range page.CommonPrefixes {
						got = append(got, aws.ToString(p.Prefix))
					}
				}
				slices.Sort(got)
				if encoding == "" && !slices.Equal(got, want) || len(got) != len(want) {
					t.Errorf("max-keys %d, delimiter %q, encoding %q: %q", most, delimiter, encoding, got)
				}
			}
		}
	}
	v1, err := c.ListObjects(t.Context(), &s3.ListObjectsInput{
		Bucket: aws.String(bucket), Prefix: aws.String("a/"), Marker: aws.String("a/1"), MaxKeys: aws.Int32(1),
		Delimiter: aws.String("/"),
	})
	if err != nil || len(v1.Contents) != 1 || aws.ToString(v1.Contents[0].Key) != "a/2" ||
		aws.ToString(v1.NextMarker) != "a/2" {
		t.Errorf("ListObjects: %+v, %v", v1, err)
	}
	after, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{
		Bucket: aws.String(bucket), StartAfter: aws.String("d"),
	})
	if err != nil || len(after.Contents) != 3 {
		t.Errorf("start-after: %+v, %v", after, err)
	}
}

func TestNamesStayInOrder(t *testing.T) {
	k := memstore.NewKeys()
	var want []string
	for i := range 3000 {
		key := fmt.Sprintf("%x", (i*7919)%2000)
		at, there := slices.BinarySearch(want, key)
		if i%3 == 2 {
			if k.Remove(key) != there {
				t.Fatalf("remove %s: not %v", key, there)
			}
			if there {
				want = slices.Delete(want, at, at+1)
			}
			continue
		}
		if k.Set(key) != there {
			t.Fatalf("set %s: not %v", key, there)
		}
		if !there {
			want = slices.Insert(want, at, key)
		}
	}
	if !slices.Equal(k.From(""), want) {
		t.Error("another order")
	}
	for _, from := range []string{"", "3", "3f2", "7ffff", "~"} {
		i, _ := slices.BinarySearch(want, from)
		if !slices.Equal(k.From(from), want[i:]) {
			t.Errorf("from %q: another order", from)
		}
	}
}

func TestAFullStoreRefusesAndRecovers(t *testing.T) {
	s, c := start(t, memstore.Options{MaxBytes: 1 << 20})
	free := s.Free()
	put(t, c, "half", random(512<<10))
	_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("more"), Body: strings.NewReader(string(random(768 << 10))),
	})
	wantCode(t, "more than there is room for", err, "XMinioStorageFull")
	var answer interface{ HTTPStatusCode() int }
	if !errors.As(err, &answer) || answer.HTTPStatusCode() != 507 {
		t.Errorf("%v, want 507", err)
	}
	if len(get(t, c, "half", "")) != 512<<10 {
		t.Error("a full store lost an object")
	}
	if _, err := c.DeleteObject(t.Context(),
		&s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String("half")}); err != nil {
		t.Fatal(err)
	}
	put(t, c, "more", random(768<<10))
	everything(t, s, c, free)
}
