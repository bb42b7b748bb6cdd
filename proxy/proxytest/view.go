package proxytest

import (
	"mime"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// A View is all that a client sees of an object but its ETag, its date and what is said of its encryption.
type View struct {
	Length                                                int64
	Type, Cache, Disposition, Encoding, Language, Expires string
	Metadata, Tags                                        map[string]string
	CRC32, CRC32C, CRC64NVME, SHA1, SHA256, ChecksumType  string
	Parts                                                 []int64
}

// ViewOf asks for an object's view: headers, checksums, tags and the sizes of its parts.
func ViewOf(t *testing.T, c *s3.Client, bucket, key string) View {
	t.Helper()
	h, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{
		Bucket: &bucket, Key: &key,
		ChecksumMode: types.ChecksumModeEnabled,
	})
	if err != nil {
		t.Fatalf("HEAD %s/%s: %v", bucket, key, err)
	}
	str := aws.ToString
	v := View{
		Length: aws.ToInt64(h.ContentLength), Type: str(h.ContentType), Cache: str(h.CacheControl),
		Disposition: str(h.ContentDisposition),
		Encoding:    str(h.ContentEncoding), Language: str(h.ContentLanguage), Expires: str(h.ExpiresString),
		Metadata: h.Metadata, Tags: map[string]string{},
		CRC32: str(h.ChecksumCRC32), CRC32C: str(h.ChecksumCRC32C), CRC64NVME: str(h.ChecksumCRC64NVME),
		SHA1:   str(h.ChecksumSHA1),
		SHA256: str(h.ChecksumSHA256), ChecksumType: string(h.ChecksumType),
	}
	for name, value := range v.Metadata { // a general purpose bucket answers what isn't ASCII as RFC 2047 has it
		if text, err := new(mime.WordDecoder).DecodeHeader(value); err == nil {
			v.Metadata[name] = text
		}
	}
	if tagging, err := c.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key}); err == nil {
		for _, tag := range tagging.TagSet {
			v.Tags[*tag.Key] = *tag.Value
		}
	}
	for number, count := int32(1), int32(1); number <= count && v.Length > 0; number++ {
		part, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, PartNumber: &number})
		if err != nil {
			t.Fatalf("HEAD %s/%s part %d: %v", bucket, key, number, err)
		}
		if count = aws.ToInt32(part.PartsCount); count > 0 {
			v.Parts = append(v.Parts, aws.ToInt64(part.ContentLength))
		}
	}
	return v
}
