package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestChecksumsOfUploads(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client, bucket, ctx := p.Client(t), p.Env["SEALFRONT_BUCKET"], t.Context()
	a, b := proxytest.RandomBytes(5*proxytest.MiB), []byte("the end")
	first, second := sha256.Sum256(a), sha256.Sum256(b)
	composite := sha256.Sum256(append(first[:], second[:]...))
	for name, c := range map[string]struct {
		algorithm types.ChecksumAlgorithm
		kind      types.ChecksumType
	}{
		"crc32-composite":  {types.ChecksumAlgorithmCrc32, types.ChecksumTypeComposite},
		"crc32-full":       {types.ChecksumAlgorithmCrc32, types.ChecksumTypeFullObject},
		"crc32c-composite": {types.ChecksumAlgorithmCrc32c, types.ChecksumTypeComposite},
		"crc32c-full":      {types.ChecksumAlgorithmCrc32c, types.ChecksumTypeFullObject},
		"mixed case":       {"crc32", "Full_Object"},
		"crc64nvme-full":   {types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject},
		"sha1-composite":   {types.ChecksumAlgorithmSha1, types.ChecksumTypeComposite},
		"sha256-composite": {types.ChecksumAlgorithmSha256, types.ChecksumTypeComposite},
	} {
		t.Run(name, func(t *testing.T) {
			created, err := client.CreateMultipartUpload(ctx,
				&s3.CreateMultipartUploadInput{
					Bucket: &bucket, Key: &name, ChecksumAlgorithm: c.algorithm,
					ChecksumType: c.kind,
				})
			if err != nil {
				t.Fatal(err)
			}
			var list types.CompletedMultipartUpload
			for i, body := range [][]byte{a, b} {
				out, err := client.UploadPart(ctx,
					&s3.UploadPartInput{
						Bucket: &bucket, Key: &name, UploadId: created.UploadId,
						PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(body),
						ChecksumAlgorithm: c.algorithm,
					})
				if err != nil {
					t.Fatal(err)
				}
				list.Parts = append(list.Parts, types.CompletedPart{
					ETag: out.ETag, PartNumber: aws.Int32(int32(i + 1)),
					ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
					ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1,
					ChecksumSHA256: out.ChecksumSHA256,
				})
			}
			done, err := client.CompleteMultipartUpload(ctx,
				&s3.CompleteMultipartUploadInput{
					Bucket: &bucket, Key: &name, UploadId: created.UploadId,
					MultipartUpload: &list,
				})
			if err != nil {
				t.Fatal(err)
			}
			if !strings.EqualFold(string(done.ChecksumType), string(c.kind)) {
				t.Errorf("type %s, want %s", done.ChecksumType, c.kind)
			}
			if name == "sha256-composite" &&
				*done.ChecksumSHA256 != base64.StdEncoding.EncodeToString(composite[:])+"-2" {
				t.Errorf("composite SHA-256 %s", *done.ChecksumSHA256)
			}
			// The SDK checks full-object checksums of what it reads.
			proxytest.MustRead(t, client, bucket, name, append(bytes.Clone(a), b...))
			head, err := client.HeadObject(ctx,
				&s3.HeadObjectInput{Bucket: &bucket, Key: &name, ChecksumMode: types.ChecksumModeEnabled})
			if err != nil {
				t.Fatal(err)
			}
			shown := fmt.Sprint(aws.ToString(head.ChecksumCRC32), aws.ToString(head.ChecksumCRC32C),
				aws.ToString(head.ChecksumCRC64NVME), aws.ToString(head.ChecksumSHA1),
				aws.ToString(head.ChecksumSHA256))
			want := fmt.Sprint(aws.ToString(done.ChecksumCRC32), aws.ToString(done.ChecksumCRC32C),
				aws.ToString(done.ChecksumCRC64NVME), aws.ToString(done.ChecksumSHA1),
				aws.ToString(done.ChecksumSHA256))
			if shown != want || shown == "" {
				t.Errorf("HEAD shows %q, Complete %q", shown, want)
			}
		})
	}
	for name, in := range map[string]*s3.CreateMultipartUploadInput{
		"SHA-256 of the full object": {
			ChecksumAlgorithm: types.ChecksumAlgorithmSha256,
			ChecksumType:      types.ChecksumTypeFullObject,
		},
		"composite CRC64NVME": {
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme,
			ChecksumType:      types.ChecksumTypeComposite,
		},
		"an algorithm there isn't": {ChecksumAlgorithm: "CRC7"},
	} {
		in.Bucket, in.Key = &bucket, aws.String("refused")
		if _, err := client.CreateMultipartUpload(ctx, in); proxytest.Code(err) != "InvalidRequest" {
			t.Errorf("%s: %v, want InvalidRequest", name, err)
		}
	}
}
