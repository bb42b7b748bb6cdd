package gateway_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// R17, L5, P6: a copy under the same KMS key costs two requests to the store and two calls of KMS, and no body passes
// that didn't come with the metadata.
func TestACopyUnderTheSameKeyMovesNoBody(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	for name, c := range map[string]struct {
		size int
		cost map[string]int
	}{
		"nothing":                       {0, map[string]int{"GetObject": 1, "PutObject": 1}},
		"a checksum in the envelope":    {1000, map[string]int{"GetObject": 1, "PutObject": 1}},
		"a checksum in the trailer":     {1 << 20, map[string]int{"GetObject": 1, "CopyObject": 1}},
		"several parts, layout known":   {-1, map[string]int{"GetObject": 1, "CopyObject": 1}},
		"several parts, CRC of the sum": {-2, map[string]int{"GetObject": 1, "CopyObject": 1}},
	} {
		key := strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), ",", "")
		body := proxytest.RandomBytes(max(c.size, 0))
		header := []sigv4.Field{
			proxytest.Field("Content-Type", "text/x-test"),
			proxytest.Field("X-Amz-Meta-Name", "value"), proxytest.Field("Cache-Control", "no-store"),
		}
		switch c.size {
		case -1:
			u := proxytest.NewUploader(t, client, bucket, key)
			u.Part(1, proxytest.RandomBytes(5*proxytest.MiB))
			u.Part(2, proxytest.RandomBytes(10))
			if _, err := u.Complete(1, 2); err != nil {
				t.Fatal(err)
			}
			body = append(proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(10)...)
		case -2:
			body = append(proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(10)...)
			p.FullUpload(client, bucket, key, proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(10))
		default:
			p.Put(bucket, key, string(body), header...)
		}
		var a *proxytest.Answer
		var generate, decrypt int
		var cost map[string]int
		if n := p.BodyBytes(func() {
			generate, decrypt = p.KMSCalls(func() {
				cost = p.StoreRequests(func() { a = p.MustCopy(bucket+"/"+key, bucket+"/copy/"+key) })
			})
		}); n != 0 {
			t.Errorf("%s: %d bytes of body passed", name, n)
		}
		if generate != 1 || decrypt != 1 {
			t.Errorf("%s: %d calls of GenerateDataKey and %d of Decrypt, want one each", name, generate, decrypt)
		}
		proxytest.WantCost(t, "the copy of "+name, cost, c.cost)
		if a.Header.Get("x-amz-server-side-encryption") != "aws:kms" ||
			a.Header.Get("x-amz-server-side-encryption-aws-kms-key-id") != p.Env["SEALFRONT_KMS_KEY"] ||
			a.Header.Get("x-amz-server-side-encryption-bucket-key-enabled") != "" {
			t.Errorf("%s: %v", name, a.Header)
		}
		out := proxytest.MustRead(t, client, bucket, "copy/"+key, body)
		if strings.Trim(*out.ETag, `"`) != strings.Trim(strings.ReplaceAll(proxytest.Element(a.Text, "ETag"), "&#34;",
			""), `"`) || aws.ToBool(out.BucketKeyEnabled) {
			t.Errorf("%s: ETag %s, the copy answered %s; bucket key %t", name, *out.ETag, a.Text,
				aws.ToBool(out.BucketKeyEnabled))
		}
		if c.size >= 0 && (aws.ToString(out.ContentType) != "text/x-test" || out.Metadata["name"] != "value" ||
			aws.ToString(out.CacheControl) != "no-store") {
			t.Errorf("%s: metadata %s %v %s", name, aws.ToString(out.ContentType), out.Metadata,
				aws.ToString(out.CacheControl))
		}
		sum := crc32.ChecksumIEEE(body)
		if c.size < 0 && (proxytest.Element(a.Text, "ChecksumCRC32") != proxytest.Base64(byte(sum>>24), byte(sum>>16),
			byte(sum>>8), byte(sum)) || proxytest.Element(a.Text, "ChecksumType") != "FULL_OBJECT") {
			t.Errorf("%s: the checksums of the parts were not combined: %s", name, a.Text)
		}
	}
}

// A copy of an object of several parts is one part, whatever the way it was made.
func TestW7ACopyOfSeveralPartsShowsOne(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	u := proxytest.NewUploader(t, client, bucket, "multi")
	u.Part(1, proxytest.RandomBytes(5*proxytest.MiB))
	u.Part(2, proxytest.RandomBytes(10))
	if _, err := u.Complete(1, 2); err != nil {
		t.Fatal(err)
	}
	body := append(proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(10)...)
	for key, header := range map[string][]sigv4.Field{
		"rewrapped": nil,
		"resealed":  {proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")},
		"resummed":  {proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256")},
	} {
		p.MustCopy(bucket+"/multi", bucket+"/"+key, header...)
		proxytest.MustRead(t, client, bucket, key, body)
		a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key, Query: "partNumber=1"})
		if a.StatusCode != 206 || a.Header.Get("x-amz-mp-parts-count") != "" || len(a.Text) != len(body) {
			t.Errorf("%s: part 1 has %d bytes of %q parts", key, len(a.Text), a.Header.Get("x-amz-mp-parts-count"))
		}
		if a = p.Do(&proxytest.Request{
			Method: "GET", Path: "/" + bucket + "/" + key,
			Query: "partNumber=2",
		}); a.StatusCode != 416 {
			t.Errorf("%s: part 2: %d", key, a.StatusCode)
		}
		out, err := client.GetObjectAttributes(t.Context(),
			&s3.GetObjectAttributesInput{
				Bucket: &bucket, Key: &key,
				ObjectAttributes: []types.ObjectAttributes{"Checksum", "ObjectParts"},
			})
		if err != nil || out.ObjectParts != nil || out.Checksum.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("%s: %+v %+v, %v", key, out.ObjectParts, out.Checksum, err)
		}
		sum := crc32.ChecksumIEEE(body)
		want := proxytest.Base64(byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum))
		if key == "resummed" {
			if want, _ = base64hex(proxytest.HexSum(string(body))); aws.ToString(out.Checksum.ChecksumSHA256) != want {
				t.Errorf("%s: %+v, want SHA256 %s", key, out.Checksum, want)
			}
		} else if aws.ToString(out.Checksum.ChecksumCRC32) != want {
			t.Errorf("%s: %+v, want CRC32 %s", key, out.Checksum, want)
		}
	}
}

// Copies between all kinds of encryption and both kinds of buckets; which calls of KMS they make.
func TestCopiesBetweenBucketsAskKMSAsTheReferenceSays(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	client := p.Client(t)
	directory := p.Env["SEALFRONT_BUCKET"]
	general, second := proxytest.MakeBucket(t, client, "general"), proxytest.MakeBucket(t, client, "second")
	kms := []sigv4.Field{
		proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
		proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", p.Env["SEALFRONT_KMS_KEY"]),
	}
	bucketKey := append(kms[:2:2], proxytest.Field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true"))
	managed := []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")}
	body := string(proxytest.RandomBytes(300_000))
	p.Put(directory, "kms", body)
	p.Put(directory, "managed", body, managed...)
	p.Put(general, "kms", body, kms...)
	p.Put(general, "keyed", body, bucketKey...)
	p.Put(general, "managed", body)
	// What is cached must not matter to what is counted: these warm it up.
	for _, to := range []string{directory, general, second} {
		p.Put(to, "warm", "", managed...)
		p.HeadOf(to, "warm", proxytest.Field("X-Amz-Checksum-Mode", "ENABLED"))
	}
	p.Put(second, "warm", "", bucketKey...)
	for _, c := range []struct {
		from, to          string
		header            []sigv4.Field
		generate, decrypt int
		resealed          bool
	}{
		{directory + "/kms", directory, nil, 1, 1, false},
		{directory + "/kms", directory, managed, 0, 1, true},
		{directory + "/managed", directory, nil, 1, 0, true},
		{directory + "/managed", directory, managed, 0, 0, false},
		{directory + "/kms", general, kms, 1, 1, false},
		{directory + "/kms", general, bucketKey, 1, 1, false},
		{directory + "/managed", general, nil, 0, 0, false},
		{general + "/kms", directory, nil, 1, 1, false},
		{general + "/managed", directory, managed, 0, 0, false},
		{general + "/managed", second, nil, 0, 0, false},
		{general + "/keyed", second, bucketKey, 0, 0, false},
		{general + "/keyed", second, kms, 1, 0, false},
	} {
		var a *proxytest.Answer
		var cost map[string]int
		generate, decrypt := p.KMSCalls(func() {
			cost = p.StoreRequests(func() { a = p.MustCopy(c.from, c.to+"/copy", c.header...) })
		})
		what := fmt.Sprintf("%s to %s %s", c.from, c.to, c.header)
		if generate != c.generate || decrypt != c.decrypt {
			t.Errorf("%s: %d calls of GenerateDataKey, %d of Decrypt; want %d and %d", what, generate, decrypt,
				c.generate, c.decrypt)
		}
		if (cost["PutObject"] == 1) != c.resealed || (cost["CopyObject"] == 0) != c.resealed {
			t.Errorf("%s: cost %v", what, cost)
		}
		out := proxytest.MustRead(t, client, c.to, "copy", []byte(body))
		if string(out.ServerSideEncryption) != a.Header.Get("x-amz-server-side-encryption") ||
			aws.ToString(out.SSEKMSKeyId) != a.Header.Get("x-amz-server-side-encryption-aws-kms-key-id") {
			t.Errorf("%s: GET says %s, the copy said %s", what, out.ServerSideEncryption,
				a.Header.Get("x-amz-server-side-encryption"))
		}
		if want := len(c.header) == 3 && c.from == general+"/keyed"; aws.ToBool(out.BucketKeyEnabled) != want ||
			(a.Header.Get("x-amz-server-side-encryption-bucket-key-enabled") == "true") != want {
			t.Errorf("%s: bucket key %t, want %t", what, aws.ToBool(out.BucketKeyEnabled), want)
		}
	}
}

func TestMetadataOfCopies(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	old := []sigv4.Field{
		proxytest.Field("Content-Type", "multipart/form-data; boundary=x"), proxytest.Field("Content-Encoding", "gzip"),
		proxytest.Field("Content-Language", "de"),
		proxytest.Field("Content-Disposition", "inline"), proxytest.Field("Expires", "Wed, 21 Oct 2037 07:28:00 GMT"),
		proxytest.Field("Cache-Control", "private"), proxytest.Field("X-Amz-Meta-A", "1"),
		proxytest.Field("X-Amz-Meta-B", "2"),
	}
	for _, body := range []string{"", "small", string(proxytest.RandomBytes(300_000))} {
		p.Put(bucket, "source", body, old...)
		for key, c := range map[string]struct {
			header, want []sigv4.Field
			absent       []string
		}{
			"copied": {nil, old, nil},
			"copied-by-name": {[]sigv4.Field{
				proxytest.Field("X-Amz-Metadata-Directive", "COPY"),
				proxytest.Field("X-Amz-Meta-A", "ignored"),
			}, old, nil},
			"copied-resealed": {
				[]sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")},
				old,
				nil,
			},
			"replaced-by-nothing": {
				[]sigv4.Field{proxytest.Field("X-Amz-Metadata-Directive", "REPLACE")},
				[]sigv4.Field{proxytest.Field("Content-Type", "binary/octet-stream")},
				[]string{
					"Content-Encoding", "Content-Language", "Content-Disposition", "Expires", "Cache-Control",
					"X-Amz-Meta-A", "X-Amz-Meta-B",
				},
			},
			"replaced": {
				[]sigv4.Field{
					proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
					proxytest.Field("X-Amz-Meta-C", "3"), proxytest.Field("Content-Type", "a/b"),
					proxytest.Field("Content-Encoding", "br"),
				},
				[]sigv4.Field{
					proxytest.Field("Content-Type", "a/b"), proxytest.Field("Content-Encoding", "br"),
					proxytest.Field("X-Amz-Meta-C", "3"),
				},
				[]string{"X-Amz-Meta-A", "Expires"},
			},
			"replaced-and-resealed": {
				[]sigv4.Field{
					proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
					proxytest.Field("X-Amz-Meta-C", "3"), proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"),
				},
				[]sigv4.Field{proxytest.Field("X-Amz-Meta-C", "3")},
				[]string{"X-Amz-Meta-A", "Expires"},
			},
		} {
			p.MustCopy(bucket+"/source", bucket+"/"+key, c.header...)
			a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key})
			if a.Text != body {
				t.Errorf("%s: %d bytes, want %d", key, len(a.Text), len(body))
			}
			for _, f := range c.want {
				if got := a.Header.Get(string(f.Name)); got != string(f.Value) {
					t.Errorf("%s: %s is %q, want %q", key, f.Name, got, f.Value)
				}
			}
			for _, name := range c.absent {
				if got := a.Header.Get(name); got != "" {
					t.Errorf("%s: %s is %q", key, name, got)
				}
			}
			for name := range a.Header {
				if strings.Contains(strings.ToLower(name), "sealfront") {
					t.Errorf("%s: %s reached the client", key, name)
				}
			}
		}
	}
	a := p.CopyOf(bucket+"/source", bucket+"/large", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("X-Amz-Meta-Large", strings.Repeat("x", 1900)))
	if a.StatusCode != 400 || a.Code() != "MetadataTooLarge" {
		t.Errorf("too much metadata: %d %s", a.StatusCode, a.Text)
	}
}

// CP-10: an object copied onto itself is seen whole at any time, the old or the new.
func TestL4ACopyOntoItselfIsNeverSeenWithoutItsEnvelope(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartCounting(t, dir)
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	body := proxytest.RandomBytes(300_000)
	p.Put(bucket, "self", string(body), proxytest.Field("X-Amz-Meta-N", "0"))
	if a := p.CopyOf(bucket+"/self", bucket+"/self"); a.StatusCode != 400 || a.Code() != "InvalidRequest" {
		t.Errorf("without a change: %d %s", a.StatusCode, a.Text)
	}
	if a := p.CopyOf(bucket+"/self", bucket+"/self", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("If-None-Match", "*")); a.StatusCode != 412 {
		t.Errorf("If-None-Match on itself: %d %s", a.StatusCode, a.Text)
	}
	if a := p.CopyOf(bucket+"/self", bucket+"/self", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("If-Match", `"other"`)); a.StatusCode != 412 {
		t.Errorf("If-Match of another: %d %s", a.StatusCode, a.Text)
	}
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Add(1)
	go func() {
		defer watch.Done()
		for {
			select {
			case <-stop:
				return
			default:
			}
			head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: aws.String("self")})
			if err != nil || *head.ContentLength != int64(len(body)) || head.Metadata["n"] == "" {
				t.Errorf("while it was copied onto itself: %v", err)
				return
			}
		}
	}()
	for i := range 40 {
		p.MustCopy(bucket+"/self", bucket+"/self", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
			proxytest.Field("X-Amz-Meta-N", fmt.Sprint(i+1)))
	}
	close(stop)
	watch.Wait()
	if out := proxytest.MustRead(t, client, bucket, "self", body); out.Metadata["n"] != "40" {
		t.Errorf("metadata %v", out.Metadata)
	}
	// Another kind of encryption: a new object with a new data key replaces the old.
	before, err := os.ReadFile(proxytest.StoredFile(dir, bucket, "self"))
	if err != nil {
		t.Fatal(err)
	}
	p.MustCopy(bucket+"/self", bucket+"/self", proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"))
	if out := proxytest.MustRead(t, client, bucket, "self",
		body); out.ServerSideEncryption != types.ServerSideEncryptionAes256 || out.Metadata["n"] != "40" {
		t.Errorf("%s, metadata %v", out.ServerSideEncryption, out.Metadata)
	}
	after, err := os.ReadFile(proxytest.StoredFile(dir, bucket, "self"))
	if err != nil || bytes.Equal(before[:100], after[:100]) {
		t.Errorf("the body was not sealed anew: %v", err)
	}
	cost := p.StoreRequests(func() {
		p.MustCopy(bucket+"/self", bucket+"/self", proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
			proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"))
	})
	proxytest.WantCost(t, "a copy onto itself where that isn't atomic", cost,
		map[string]int{"GetObject": 2, "PutObject": 1})
}

// L5: a copy races with overwrites of its source; what it makes is always whole, and one of the versions.
func TestACopyThatRacesWithOverwritesIsOneOfTheVersions(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	version := func(i int) string { return strings.Repeat(fmt.Sprintf("version %04d ", i), 10) }
	p.Put(bucket, "source", version(0))
	var writer sync.WaitGroup
	writer.Add(1)
	go func() {
		defer writer.Done()
		for i := 1; i < 60; i++ {
			p.Put(bucket, "source", version(i))
		}
	}()
	copies := 0
	for i := range 60 {
		header := []sigv4.Field{proxytest.Field("X-Amz-Meta-I", fmt.Sprint(i))}
		if i%3 == 1 {
			header = append(header, proxytest.Field("X-Amz-Server-Side-Encryption", "AES256"))
		}
		a := p.CopyOf(bucket+"/source", bucket+"/copy", header...)
		if a.StatusCode == 503 {
			continue // replaced three times: told so, and nothing written
		}
		if a.StatusCode != 200 {
			t.Fatalf("copy: %d %s", a.StatusCode, a.Text)
		}
		copies++
		got := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/copy"})
		if len(got.Text) != 130 || strings.Count(got.Text, got.Text[:13]) != 10 {
			t.Fatalf("the copy reads %d %q", got.StatusCode, got.Text)
		}
	}
	writer.Wait()
	if copies == 0 {
		t.Error("no copy got through")
	}
}
