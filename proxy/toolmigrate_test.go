package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// clientOf is an S3 client of a store itself.
func clientOf(s proxytest.Service) *s3.Client {
	return s3.New(s3.Options{
		Region: "us-east-1", BaseEndpoint: &s.Endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
		UsePathStyle: true, RetryMaxAttempts: 1, RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
	})
}

// migrate runs the command and returns its report.
func migrate(t *testing.T, p *proxytest.Program, args ...string) (r tools.MigrationReport, errs string, status int) {
	t.Helper()
	out, errs, status := proxytest.Subcommand(t, append([]string{"migrate", "--config", p.ConfigFile()}, args...)...)
	if status != command.StatusUsage {
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
		}
	}
	return r, errs, status
}

// upload puts an object of these parts into a store, with a checksum of the given kind unless "".
func upload(t *testing.T, client *s3.Client, in s3.CreateMultipartUploadInput, parts ...[]byte) {
	t.Helper()
	created, err := client.CreateMultipartUpload(t.Context(), &in)
	if err != nil {
		t.Fatal(err)
	}
	var list types.CompletedMultipartUpload
	for i, part := range parts {
		number := aws.Int32(int32(i + 1))
		out, err := client.UploadPart(t.Context(),
			&s3.UploadPartInput{
				Bucket: in.Bucket, Key: in.Key, UploadId: created.UploadId, PartNumber: number, Body: bytes.NewReader(part),
				ChecksumAlgorithm: in.ChecksumAlgorithm,
			})
		if err != nil {
			t.Fatal(err)
		}
		list.Parts = append(list.Parts, types.CompletedPart{
			PartNumber: number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
			ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256,
		})
	}
	if _, err := client.CompleteMultipartUpload(t.Context(),
		&s3.CompleteMultipartUploadInput{
			Bucket: in.Bucket, Key: in.Key, UploadId: created.UploadId, MultipartUpload: &list, ChecksumType: in.ChecksumType,
		}); err != nil {
		t.Fatal(err)
	}
}

// A clearBucket is a bucket of a store, filled by clients that know nothing of the proxy.
type clearBucket struct {
	name   string
	bodies map[string][]byte
}

func fillClearBucket(t *testing.T, client *s3.Client) *clearBucket {
	t.Helper()
	b := &clearBucket{
		name: proxytest.MakeBucket(t, client, fmt.Sprintf("clear%d", time.Now().UnixNano())), bodies: map[string][]byte{},
	}
	put := func(in s3.PutObjectInput, body []byte) {
		t.Helper()
		in.Bucket, in.Body = &b.name, bytes.NewReader(body)
		if _, err := client.PutObject(t.Context(), &in); err != nil {
			t.Fatal(*in.Key, err)
		}
		b.bodies[*in.Key] = body
	}
	put(s3.PutObjectInput{
		Key: aws.String("described"), ContentType: aws.String("text/x-a; charset=utf-8"),
		CacheControl:    aws.String("no-store"),
		ContentEncoding: aws.String("gzip"), ContentDisposition: aws.String(`attachment; filename="a b"`),
		ContentLanguage:   aws.String("de, en"),
		Expires:           aws.Time(time.Unix(2e9, 0)),
		Metadata:          map[string]string{"name": "välue", "empty-ish": "x", "long": strings.Repeat("m", 600)},
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c,
	}, proxytest.RandomBytes(1000))
	put(s3.PutObjectInput{Key: aws.String("tagged"), Tagging: aws.String("a=1&b=x%20y%2Bz")}, proxytest.RandomBytes(10))
	put(s3.PutObjectInput{Key: aws.String("empty")}, nil)
	put(s3.PutObjectInput{Key: aws.String("folder/"), Metadata: map[string]string{"a": "b"}}, nil)
	put(s3.PutObjectInput{Key: aws.String("dir/a b+ü%25&=c")}, proxytest.RandomBytes(65536))
	put(s3.PutObjectInput{Key: aws.String("sha"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256},
		proxytest.RandomBytes(300_000))
	put(s3.PutObjectInput{Key: aws.String("large"), ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme},
		proxytest.RandomBytes(5*proxytest.MiB+1))
	for key, in := range map[string]s3.CreateMultipartUploadInput{
		"parts composite": {
			ChecksumAlgorithm: types.ChecksumAlgorithmSha256, ChecksumType: types.ChecksumTypeComposite,
			Metadata: map[string]string{"n": "v"}, ContentType: aws.String("text/plain"), CacheControl: aws.String("no-cache"),
		},
		"parts full": {ChecksumAlgorithm: types.ChecksumAlgorithmCrc64nvme, ChecksumType: types.ChecksumTypeFullObject},
		"parts":      {Tagging: aws.String("in=parts")},
	} {
		in.Bucket, in.Key = &b.name, &key
		body := proxytest.RandomBytes(5*proxytest.MiB + 70_000)
		upload(t, client, in, body[:5*proxytest.MiB], body[5*proxytest.MiB:])
		b.bodies[key] = body
	}
	one := proxytest.RandomBytes(100)
	upload(t, client, s3.CreateMultipartUploadInput{Bucket: &b.name, Key: aws.String("one part")}, one)
	b.bodies["one part"] = one
	return b
}

// migrateAll migrates a bucket of the store to a general purpose bucket and to a directory bucket.
func migrateAll(t *testing.T, p *proxytest.Program, store *s3.Client) {
	t.Helper()
	client := p.Client(t)
	source := fillClearBucket(t, store)
	n := int64(len(source.bodies))
	general := proxytest.MakeBucket(t, client, fmt.Sprintf("general%d", time.Now().UnixNano()))
	resume := filepath.Join(t.TempDir(), "resume")
	r, errs, status := migrate(t, p, "s3://"+source.name, "s3://"+general, "--resume", resume)
	if status != command.StatusOK || r.Copied != n || r.Compared != n || r.Equal != n ||
		r.Present+r.Gone+r.More+r.Reshaped+int64(len(r.Left)) > 0 {
		t.Fatalf("status %d: %+v\n%s", status, r, errs)
	}
	if _, err := os.Stat(resume); err == nil {
		t.Error("the resume file outlives the migration")
	}
	for key, body := range source.bodies {
		proxytest.MustRead(t, client, general, key, body)
		want, got := proxytest.ViewOf(t, store, source.name, key), proxytest.ViewOf(t, client, general, key)
		if want.ChecksumType == "" { // the proxy adds one by itself
			got.CRC64NVME, got.ChecksumType = "", ""
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is\n%+v, was\n%+v", key, got, want)
		}
	}
	if out, errs, status := proxytest.Subcommand(t, "verify", "--config", p.ConfigFile(),
		"s3://"+general); status != command.StatusOK {
		t.Errorf("verify: status %d %s%s", status, out, errs)
	}

	// Into a directory bucket, below another prefix.
	directory := directoryBucketOf(p, t, client)
	r, errs, status = migrate(t, p, "s3://"+source.name+"/", "s3://"+directory+"/a/", "--drop-tags", "--concurrency", "2",
		"--rate", "1000")
	if status != command.StatusOK || r.Copied != n || r.Equal != n {
		t.Errorf("status %d: %+v\n%s", status, r, errs)
	}
	for key, body := range source.bodies {
		proxytest.MustRead(t, client, directory, "a/"+key, body)
	}
	if got, want := proxytest.ViewOf(t, client, directory, "a/parts composite"), proxytest.ViewOf(t, store, source.name,
		"parts composite"); !reflect.DeepEqual(got, want) {
		t.Errorf("in a directory bucket\n%+v, was\n%+v", got, want)
	}
}

// The command prints what it did, tells by its status whether something is left, and doesn't begin where it could do
// harm.
func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p, store := proxytest.StartBehind(t, f,
		""), clientOf(proxytest.Service{Endpoint: f.URL, AccessKey: "storekey", SecretKey: "storesecret"})
	client := p.Client(t)
	source := proxytest.MakeBucket(t, store, fmt.Sprintf("clear%d", time.Now().UnixNano()))
	general := proxytest.MakeBucket(t, client, fmt.Sprintf("general%d", time.Now().UnixNano()))
	for _, key := range []string{"a", "tagged"} {
		if _, err := store.PutObject(t.Context(),
			&s3.PutObjectInput{
				Bucket: &source, Key: &key, Body: strings.NewReader(key), Tagging: aws.String("a=1"),
			}); err != nil {
			t.Fatal(err)
		}
	}
	resume := filepath.Join(t.TempDir(), "resume")
	r, errs, status := migrate(t, p, "s3://"+source, "s3://"+general, "--resume", resume, "--concurrency", "2", "--rate",
		"1000")
	if status != command.StatusOK || r.Copied != 2 || r.Equal != 2 {
		t.Errorf("status %d: %+v\n%s", status, r, errs)
	}
	if _, err := os.Stat(resume); err == nil {
		t.Error("the resume file outlives the migration")
	}
	proxytest.MustRead(t, client, general, "tagged", []byte("tagged"))

	// A directory bucket has no tags.
	directory := directoryBucketOf(p, t, client)
	r, errs, status = migrate(t, p, "s3://"+source+"/t", "s3://"+directory+"/t")
	if status != command.StatusError || r.Copied != 0 || len(r.Left) != 1 || r.Left[0].State != "refused" ||
		r.Left[0].Kind != "tags" {
		t.Errorf("status %d: %+v\n%s", status, r, errs)
	}
	if r, errs, status = migrate(t, p, "s3://"+source+"/t", "s3://"+directory+"/t",
		"--drop-tags"); status != command.StatusOK || r.Copied != 1 {
		t.Errorf("status %d: %+v\n%s", status, r, errs)
	}

	for name, args := range map[string][]string{
		"in place":                {"s3://" + storeBucketOf(p, general), "s3://" + general},
		"out of the state bucket": {"s3://" + stateBucketOf(p), "s3://" + general},
		"one bucket":              {"s3://" + source},
		"a resume file of something": {
			"s3://" + source, "s3://" + general, "--resume", proxytest.WriteConfig(t, `{"walk":"verify s3://other/"}`),
		},
	} {
		if _, errs, status := migrate(t, p, args...); status != command.StatusUsage || errs == "" {
			t.Errorf("%s: status %d, %s", name, status, errs)
		}
	}
	for name, args := range map[string][]string{
		"from nowhere": {"s3://nowhere-at-all", "s3://" + general}, "to nowhere": {"s3://" + source, "s3://nowhere-at-all"},
	} {
		if out, errs, status := proxytest.Subcommand(t,
			append([]string{"migrate", "--config", p.ConfigFile()}, args...)...); status != command.StatusError ||
			!strings.Contains(errs, "nowhere") || out != "" {
			t.Errorf("%s: status %d, %s%s", name, status, out, errs)
		}
	}
}

// settingOf reads one of store's settings from the program's configuration, "" if it isn't there.
func settingOf(p *proxytest.Program, name string) string {
	text, _ := os.ReadFile(p.ConfigFile())
	_, rest, _ := strings.Cut(string(text), " "+name+": ")
	value, _, _ := strings.Cut(rest, "\n")
	value, _, _ = strings.Cut(value, ",")
	return strings.Trim(value, `"}`)
}

func storeBucketOf(p *proxytest.Program, bucket string) string {
	return settingOf(p, "bucket_prefix") + bucket
}

func stateBucketOf(p *proxytest.Program) string {
	return cmp.Or(settingOf(p, "state_bucket"), "sealfront-state")
}

// directoryBucketOf makes a directory bucket with SSE-KMS if the program has a key for it.
func directoryBucketOf(p *proxytest.Program, t *testing.T, client *s3.Client) string {
	t.Helper()
	name := fmt.Sprintf("dir%d--local-az1--x-s3", time.Now().UnixNano()%1e9)
	_, err := client.CreateBucket(t.Context(),
		&s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Bucket: &types.BucketInfo{
				Type: types.BucketTypeDirectory, DataRedundancy: types.DataRedundancySingleAvailabilityZone,
			}, Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: aws.String("local-az1")},
		}})
	if err != nil {
		t.Fatal(err)
	}
	if key := p.Env["SEALFRONT_KMS_KEY"]; key != "" {
		if _, err := client.PutBucketEncryption(t.Context(),
			&s3.PutBucketEncryptionInput{
				Bucket: &name,
				ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
					Rules: []types.ServerSideEncryptionRule{
						{
							ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
								SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &key,
							},
							BucketKeyEnabled: aws.Bool(true),
						},
					},
				},
			}); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// What lies in the clear in a store becomes a sealed bucket that clients can't tell from it; package tools tests the
// embedded store.
func TestMigrateKeepsAllThatClientsSee(t *testing.T) {
	t.Run("versitygw", func(t *testing.T) {
		t.Parallel()
		s := proxytest.StartVersitygw(t)
		migrateAll(t, proxytest.StartOn(t, s, proxytest.StartLocalKMS(t)), clientOf(s))
	})
	t.Run("MinIO", func(t *testing.T) {
		t.Parallel()
		s := proxytest.StartMinIO(t)
		migrateAll(t, proxytest.StartOn(t, s, proxytest.StartLocalKMS(t)), clientOf(s))
	})
}
