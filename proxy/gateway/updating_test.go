package gateway_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/memstore"
	"sealfront/proxy/proxytest"
)

// An updating is the program over a store, behind what counts its requests.
type updating struct {
	*proxytest.Program
	t      *testing.T
	f      *proxytest.StoreFront
	keys   proxytest.Service
	client *s3.Client
	bucket string
	bodies atomic.Int64 // bytes of objects of the first bucket that crossed, in both directions
}

// updatingStores are stores that make ETags in different ways, and copy in different ways.
var updatingStores = map[string]func(t *testing.T) proxytest.Service{
	"memory": func(t *testing.T) proxytest.Service {
		t.Helper()
		s, err := memstore.Start(memstore.Options{
			AccessKey: "store", SecretKey: "store-secret", Region: "us-east-1",
			MaxBytes: 3 << 30,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return proxytest.Service{Endpoint: "http://" + s.Address(), AccessKey: "store", SecretKey: "store-secret"}
	},
	"embedded": proxytest.SharedService, "versitygw": proxytest.StartVersitygw, "minio": proxytest.StartMinIO,
}

// updatings counts buckets: what stores share has names of its own.
var updatings atomic.Int64

func newUpdating(t *testing.T, place proxytest.Service) *updating {
	t.Helper()
	return newUpdatingBehind(t, place, proxytest.NewFrontOf(t, place.Endpoint))
}

func newUpdatingBehind(t *testing.T, place proxytest.Service, f *proxytest.StoreFront,
	options ...proxytest.Option,
) *updating {
	t.Helper()
	u := &updating{t: t, f: f, keys: proxytest.StartLocalKMS(t)}
	u.Program = proxytest.StartOn(t,
		proxytest.Service{Endpoint: u.f.URL, AccessKey: place.AccessKey, SecretKey: place.SecretKey}, u.keys,
		options...)
	u.client = u.Program.Client(t)
	counted := proxytest.MakeBucket(t, u.client, fmt.Sprintf("updated-%d", updatings.Add(1)))
	u.bucket = counted // which a test may change, while requests of the program's own pass
	ofObject := func(r *http.Request) bool {
		name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		return name == counted && key != ""
	}
	u.f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if ofObject(r) && r.Method == "PUT" {
			u.bodies.Add(r.ContentLength)
		}
		return false
	}, func(a *http.Response) {
		if ofObject(a.Request) && a.Request.Method == "GET" {
			u.bodies.Add(a.ContentLength)
		}
	})
	return u
}

func (u *updating) update(key, version, kmsKey string, bucketKey *bool) error {
	in := &s3.UpdateObjectEncryptionInput{
		Bucket: &u.bucket, Key: &key,
		ObjectEncryption: &types.ObjectEncryptionMemberSSEKMS{
			Value: types.SSEKMSEncryption{KMSKeyArn: &kmsKey, BucketKeyEnabled: bucketKey},
		},
	}
	if version != "" {
		in.VersionId = &version
	}
	_, err := u.client.UpdateObjectEncryption(u.t.Context(), in)
	return err
}

// disable disables a KMS key and has the program forget its bucket keys.
func (u *updating) disable(key string) {
	u.t.Helper()
	client := kms.New(kms.Options{
		Region: "us-west-2", BaseEndpoint: &u.keys.Endpoint,
		Credentials: credentials.NewStaticCredentialsProvider(u.keys.AccessKey, u.keys.SecretKey, ""),
	})
	if _, err := client.DisableKey(u.t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		u.t.Fatal(err)
	}
	u.DropKeys("")
}

// seen is what clients see of an object, its encryption and its date apart, and that apart.
func (u *updating) seen(key string, body []byte) (all, encryption string) {
	u.t.Helper()
	out, err := u.client.GetObject(u.t.Context(),
		&s3.GetObjectInput{Bucket: &u.bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		u.t.Fatalf("GET %s: %v", key, err)
	}
	if got, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(got, body) {
		u.t.Fatalf("GET %s: %d bytes, %v, want %d", key, len(got), err, len(body))
	}
	encryption = fmt.Sprintf("%s %s %t", out.ServerSideEncryption, aws.ToString(out.SSEKMSKeyId),
		aws.ToBool(out.BucketKeyEnabled))
	out.Body, out.LastModified, out.ServerSideEncryption, out.SSEKMSKeyId, out.BucketKeyEnabled = nil, nil, "", nil, nil
	out.ResultMetadata = (&s3.GetObjectOutput{}).ResultMetadata
	text, err := json.Marshal(out)
	if err != nil {
		u.t.Fatal(err)
	}
	list, err := u.client.ListObjectsV2(u.t.Context(), &s3.ListObjectsV2Input{Bucket: &u.bucket, Prefix: &key})
	if err != nil || len(list.Contents) != 1 || aws.ToString(list.Contents[0].ETag) != aws.ToString(out.ETag) {
		u.t.Errorf("%s is listed %+v, %v, and answers %s", key, list.Contents, err, aws.ToString(out.ETag))
	}
	attributes, err := u.client.GetObjectAttributes(u.t.Context(), &s3.GetObjectAttributesInput{
		Bucket: &u.bucket, Key: &key, ObjectAttributes: []types.ObjectAttributes{
			"Checksum", "ObjectParts",
			"StorageClass", "ObjectSize", "ETag",
		},
	})
	if err != nil {
		u.t.Fatal(err)
	}
	attributes.LastModified, attributes.ResultMetadata = nil, out.ResultMetadata
	more, err := json.Marshal(attributes)
	if err != nil {
		u.t.Fatal(err)
	}
	tags := ""
	if tagging, err := u.client.GetObjectTagging(u.t.Context(),
		&s3.GetObjectTaggingInput{Bucket: &u.bucket, Key: &key}); err == nil {
		tags = fmt.Sprint(len(tagging.TagSet))
	} else if proxytest.Code(err) != "NotImplemented" {
		u.t.Fatal(err)
	}
	return string(text) + string(more) + tags, encryption
}
