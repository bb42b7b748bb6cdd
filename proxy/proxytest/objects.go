package proxytest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"sealfront/sigv4"
)

// Between returns what is in text between the first before and the next after.
func Between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, ok := strings.Cut(rest, after)
	if !ok {
		return ""
	}
	return found
}

// AppendTo sends an append.
func (p *Program) AppendTo(bucket, key string, offset int, body string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	return p.Do(&Request{
		Method: "PUT", Path: "/" + bucket + "/" + key, Body: body,
		Header: append([]sigv4.Field{Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(offset))}, header...),
	})
}

// Put sends a PutObject.
func (p *Program) Put(bucket, key, body string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	a := p.Do(&Request{Method: "PUT", Path: "/" + bucket + "/" + key, Body: body, Header: header})
	if a.StatusCode != 200 {
		p.T.Fatalf("PUT %s/%s: %d %s", bucket, key, a.StatusCode, a.Text)
	}
	return a
}

// TaggedBucketDocument makes a directory bucket with a tag.
var TaggedBucketDocument = strings.Replace(DirectoryBucketDocument, "</CreateBucketConfiguration>",
	"<Tags><Tag><Key>Team</Key><Value>red</Value></Tag></Tags></CreateBucketConfiguration>", 1)

// CopyOf sends a CopyObject.
func (p *Program) CopyOf(from, to string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	return p.Do(&Request{
		Method: "PUT", Path: "/" + to, Header: append([]sigv4.Field{Field("X-Amz-Copy-Source", from)}, header...),
	})
}

// MustCopy sends a CopyObject that has to succeed.
func (p *Program) MustCopy(from, to string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	a := p.CopyOf(from, to, header...)
	if a.StatusCode != 200 || !strings.Contains(a.Text, "<CopyObjectResult") {
		p.T.Fatalf("copy of %s to %s: %d %s", from, to, a.StatusCode, a.Text)
	}
	return a
}

// Element returns the content of an XML document's first element of this name.
func Element(body, name string) string {
	_, rest, _ := strings.Cut(body, "<"+name+">")
	value, _, _ := strings.Cut(rest, "</"+name+">")
	return value
}

// HeadOf sends a HeadObject.
func (p *Program) HeadOf(bucket, key string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	return p.Do(&Request{Method: "HEAD", Path: "/" + bucket + "/" + key, Header: header})
}

// FullUpload makes an object of two parts with a checksum over the whole.
func (p *Program) FullUpload(client *s3.Client, bucket, key string, parts ...[]byte) {
	p.T.Helper()
	ctx := p.T.Context()
	created, err := client.CreateMultipartUpload(ctx,
		&s3.CreateMultipartUploadInput{
			Bucket: &bucket, Key: &key, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
			ChecksumType: types.ChecksumTypeFullObject,
		})
	if err != nil {
		p.T.Fatal(err)
	}
	var list types.CompletedMultipartUpload
	for i, part := range parts {
		out, err := client.UploadPart(ctx,
			&s3.UploadPartInput{
				Bucket: &bucket, Key: &key, UploadId: created.UploadId, PartNumber: aws.Int32(int32(i + 1)),
				Body: bytes.NewReader(part),
			})
		if err != nil {
			p.T.Fatal(err)
		}
		list.Parts = append(list.Parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: out.ETag})
	}
	if _, err := client.CompleteMultipartUpload(ctx,
		&s3.CompleteMultipartUploadInput{
			Bucket: &bucket, Key: &key, UploadId: created.UploadId, MultipartUpload: &list,
		}); err != nil {
		p.T.Fatal(err)
	}
}

// MakeDirectoryBucket makes one that is sealed under a KMS key.
func MakeDirectoryBucket(t testing.TB, client *s3.Client, key string) string {
	t.Helper()
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
	if _, err := client.PutBucketEncryption(t.Context(),
		&s3.PutBucketEncryptionInput{
			Bucket: &bucket,
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key,
				}}},
			},
		}); err != nil {
		t.Fatal(err)
	}
	return bucket
}

// Rename sends a RenameObject.
func (p *Program) Rename(bucket, from, to string, header ...sigv4.Field) *Answer {
	p.T.Helper()
	return p.Do(&Request{
		Method: "PUT", Path: "/" + bucket + "/" + to, Query: "renameObject=",
		Header: append([]sigv4.Field{Field("X-Amz-Rename-Source", from)}, header...),
	})
}

const DirectoryBucketDocument = `<CreateBucketConfiguration>` +
	`<Location><Name>local-az1</Name><Type>AvailabilityZone</Type></Location>` +
	`<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket>` +
	`</CreateBucketConfiguration>`

// Code returns the S3 error code of an SDK error.
func Code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// MustRead reads a whole object, whose content has to be want.
func MustRead(t testing.TB, client *s3.Client, bucket, key string, want []byte) *s3.GetObjectOutput {
	t.Helper()
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		t.Fatalf("GET %s: %v", key, err)
	}
	got, err := io.ReadAll(out.Body)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("GET %s: %d bytes (%x), %v; want %d (%x)", key, len(got), sha256.Sum256(got), err, len(want),
			sha256.Sum256(want))
	}
	return out
}

// MakeBucket makes a general purpose bucket and returns its name.
func MakeBucket(t testing.TB, client *s3.Client, bucket string) string {
	t.Helper()
	if _, err := client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return bucket
}

// EnableVersions turns on a bucket's versioning.
func EnableVersions(t testing.TB, client *s3.Client, bucket string) {
	t.Helper()
	if _, err := client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: &bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
}
