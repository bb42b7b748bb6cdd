package memstore_test

import (
	"crypto/md5"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/memstore"
)

// On request ETags are those of S3: a body's MD5, or the MD5 of its parts' MD5s and their number.
func TestETagsAreMD5sOnRequest(t *testing.T) {
	_, c := start(t, memstore.Options{MD5: true})
	body := random(100_000)
	sum := md5.Sum(body)
	if got, want := put(t, c, "key", body), fmt.Sprintf(`"%x"`, sum); got != want {
		t.Errorf("an object's: %s, want %s", got, want)
	}
	if put(t, c, "key", body) != put(t, c, "other", body) {
		t.Error("the same bytes have two")
	}
	u, err := c.CreateMultipartUpload(t.Context(),
		&s3.CreateMultipartUploadInput{Bucket: aws.String(bucket), Key: aws.String("parts")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.UploadPartCopy(t.Context(), &s3.UploadPartCopyInput{
		Bucket: aws.String(bucket), Key: aws.String("parts"), UploadId: u.UploadId, PartNumber: aws.Int32(1),
		CopySource: aws.String(bucket + "/key"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := aws.ToString(p.CopyPartResult.ETag), fmt.Sprintf(`"%x"`, sum); got != want {
		t.Errorf("a part's: %s, want %s", got, want)
	}
	done, err := c.CompleteMultipartUpload(t.Context(), &s3.CompleteMultipartUploadInput{
		Bucket: aws.String(bucket), Key: aws.String("parts"), UploadId: u.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{
			Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: p.CopyPartResult.ETag}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := aws.ToString(done.ETag), fmt.Sprintf(`"%x-1"`, md5.Sum(sum[:])); got != want {
		t.Errorf("of parts: %s, want %s", got, want)
	}
}
