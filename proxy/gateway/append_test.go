package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Whatever is appended in whatever pieces, the object is the pieces, and its stored size tells its length.
func TestL12AppendedPiecesReadAsOne(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	for name, sizes := range map[string][]int{
		"a hundred small ones":   slicesOf(100, 100),
		"two":                    {100, 100},
		"onto nothing":           {0, 100},
		"around a segment":       {65536, 1, 65535, 65536, 65537},
		"over the line":          {5*proxytest.MiB - 1, 1, 1, 5 * proxytest.MiB},
		"large ones":             {6 * proxytest.MiB, 7*proxytest.MiB + 1, 10, 10, 5 * proxytest.MiB},
		"large onto small":       {10, 12 * proxytest.MiB, 1},
		"between whole and not":  {200_000, 62_144, 1, 300_000},
		"one segment at the end": {5 * proxytest.MiB, 65536, 65536},
	} {
		t.Run(name, func(t *testing.T) {
			key := "appended/" + strings.ReplaceAll(name, " ", "-")
			var want []byte
			for i, n := range sizes {
				piece := proxytest.RandomBytes(n)
				if n > 0 {
					piece[0] = byte(i)
				}
				if i == 0 {
					p.Put(bucket, key, string(piece), proxytest.Field("X-Amz-Meta-Name", "value"),
						proxytest.Field("Content-Type", "a/b"), proxytest.Field("Content-Encoding", "gzip"))
				} else if a := p.AppendTo(bucket, key, len(want), string(piece)); a.StatusCode != 200 ||
					a.Header.Get("X-Amz-Object-Size") != strconv.Itoa(len(want)+n) {
					t.Fatalf("append of %d at %d: %d %s, size %s", n, len(want), a.StatusCode, a.Text,
						a.Header.Get("X-Amz-Object-Size"))
				}
				want = append(want, piece...)
			}
			out := proxytest.MustRead(t, client, bucket, key, want)
			if out.Metadata["name"] != "value" || aws.ToString(out.ContentType) != "a/b" ||
				aws.ToString(out.ContentEncoding) != "gzip" {
				t.Errorf("metadata %v, type %s, encoding %s", out.Metadata, aws.ToString(out.ContentType),
					aws.ToString(out.ContentEncoding))
			}
			list, err := client.ListObjectsV2(t.Context(),
				&s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("appended/")})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Contents {
				if *o.Key == key && *o.Size != int64(len(want)) {
					t.Errorf("listed with %d bytes, want %d", *o.Size, len(want))
				}
			}
			for _, at := range []int{0, len(want) / 3, len(want) - 1} {
				a := p.Do(&proxytest.Request{
					Method: "GET", Path: "/" + bucket + "/" + key,
					Header: []sigv4.Field{proxytest.Field("Range", fmt.Sprintf("bytes=%d-%d", at, at+70_000))},
				})
				if a.Text != string(want[at:min(len(want), at+70_001)]) {
					t.Errorf("range at %d: %d bytes", at, len(a.Text))
				}
			}
		})
	}
}

func slicesOf(n, size int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = size
	}
	return s
}

// Section 6.3: the CRC of the whole object stays retrievable; a SHA is one over the parts.
func TestChecksumsOfAppendedObjects(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	first, second, third := proxytest.RandomBytes(6*proxytest.MiB), proxytest.RandomBytes(5*proxytest.MiB+1),
		proxytest.RandomBytes(1000)
	all := bytes.Join([][]byte{first, second, third}, nil)
	for _, algorithm := range types.ChecksumAlgorithm("").Values()[:5] {
		key := "sum-" + string(algorithm)
		size := int64(0)
		for _, piece := range [][]byte{first, second, third} {
			in := &s3.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: bytes.NewReader(piece),
				ChecksumAlgorithm: algorithm,
			}
			if size > 0 {
				in.WriteOffsetBytes = aws.Int64(size)
			}
			out, err := client.PutObject(t.Context(), in)
			if err != nil {
				t.Fatalf("%s: %v", algorithm, err)
			}
			size += int64(len(piece))
			if in.WriteOffsetBytes != nil && aws.ToInt64(out.Size) != size {
				t.Errorf("%s: size %d, want %d", algorithm, aws.ToInt64(out.Size), size)
			}
		}
		proxytest.MustRead(t, client, bucket, key, all)
		head, err := client.HeadObject(t.Context(),
			&s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatal(err)
		}
		switch algorithm {
		case types.ChecksumAlgorithmCrc32:
			sum := crc32.ChecksumIEEE(all)
			if aws.ToString(head.ChecksumCRC32) != proxytest.Base64(byte(sum>>24), byte(sum>>16), byte(sum>>8),
				byte(sum)) || head.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("%s: %s %s", algorithm, aws.ToString(head.ChecksumCRC32), head.ChecksumType)
			}
		case types.ChecksumAlgorithmSha256:
			h := sha256.New()
			for _, part := range [][]byte{first, second, third} {
				sum := sha256.Sum256(part)
				h.Write(sum[:])
			}
			if aws.ToString(head.ChecksumSHA256) != proxytest.Base64(h.Sum(nil)...)+"-3" ||
				head.ChecksumType != types.ChecksumTypeComposite {
				t.Errorf("%s: %s %s", algorithm, aws.ToString(head.ChecksumSHA256), head.ChecksumType)
			}
		}
	}
	other := p.AppendTo(bucket, "sum-CRC32", len(all), "more",
		proxytest.Field("X-Amz-Checksum-Sha256", base64hexed("more")))
	if other.StatusCode != 400 || other.Code() != "InvalidRequest" {
		t.Errorf("another algorithm than the object's: %d %s", other.StatusCode, other.Text)
	}
	plain := p.AppendTo(bucket, "sum-CRC32", len(all), "more")
	if plain.StatusCode != 200 || plain.Header.Get("X-Amz-Checksum-Crc32") == "" {
		t.Errorf("no algorithm named: %d %s", plain.StatusCode, plain.Text)
	}
}

func base64hexed(body string) string {
	s, _ := base64hex(proxytest.HexSum(body))
	return s
}

func TestAppendsThatAreRefused(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	general := proxytest.MakeBucket(t, client, "general")
	p.Put(general, "there", "there")
	managed := proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")
	for _, body := range []string{"there", string(proxytest.RandomBytes(6 * proxytest.MiB))} {
		tag := p.Put(bucket, "there", body).Header.Get("ETag")
		at := len(body)
		for what, c := range map[string]struct {
			bucket, key string
			offset      int
			body        string
			header      []sigv4.Field
			status      int
			code        string
		}{
			"an offset that is too small":   {bucket, "there", at - 1, "x", nil, 400, "InvalidWriteOffset"},
			"an offset that is too great":   {bucket, "there", at + 1, "x", nil, 400, "InvalidWriteOffset"},
			"offset 0 of what isn't empty":  {bucket, "there", 0, "x", nil, 400, "InvalidWriteOffset"},
			"an offset of what isn't there": {bucket, "absent", 5, "x", nil, 400, "InvalidWriteOffset"},
			"nothing":                       {bucket, "there", at, "", nil, 400, "InvalidRequest"},
			"metadata": {
				bucket, "there", at, "x",
				[]sigv4.Field{proxytest.Field("X-Amz-Meta-A", "b")},
				400, "InvalidRequest",
			},
			"AP-2: another kind of key": {
				bucket, "there", at, "x",
				[]sigv4.Field{managed},
				400,
				"EncryptionTypeMismatch",
			},
			"a general purpose bucket": {general, "there", 5, "x", nil, 501, "NotImplemented"},
			"If-Match of another": {
				bucket, "there", at, "x",
				[]sigv4.Field{proxytest.Field("If-Match", `"other"`)},
				412, "PreconditionFailed",
			},
			"If-None-Match of what is there": {
				bucket, "there", at, "x",
				[]sigv4.Field{proxytest.Field("If-None-Match", "*")},
				412, "PreconditionFailed",
			},
			"If-Match of what isn't there": {
				bucket, "absent", 0, "x",
				[]sigv4.Field{proxytest.Field("If-Match", tag)},
				404, "NoSuchKey",
			},
			"a wrong checksum": {
				bucket, "there", at, "x",
				[]sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")},
				400, "BadDigest",
			},
			"a wrong checksum of many bytes": {
				bucket, "there", at, string(proxytest.RandomBytes(proxytest.MiB)),
				[]sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")},
				400, "BadDigest",
			},
			"a negative offset": {bucket, "there", -1, "x", nil, 400, "InvalidArgument"},
		} {
			a := p.AppendTo(c.bucket, c.key, c.offset, c.body, c.header...)
			if a.StatusCode != c.status || a.Code() != c.code {
				t.Errorf("%s: %d %s", what, a.StatusCode, a.Text)
			}
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/there"}); a.Text != body ||
			a.Header.Get("ETag") != tag {
			t.Errorf("after refusals the object has %d bytes, %s", len(a.Text), a.Header.Get("ETag"))
		}
		p.MustNotExist(bucket, "absent")
		if a := p.AppendTo(bucket, "there", at, "x", proxytest.Field("If-Match", tag)); a.StatusCode != 200 {
			t.Errorf("If-Match of the object: %d %s", a.StatusCode, a.Text)
		}
	}
	if a := p.AppendTo(bucket, "made", 0, "made"); a.StatusCode != 200 || a.Header.Get("X-Amz-Object-Size") != "4" {
		t.Errorf("offset 0 where there is none: %d %s", a.StatusCode, a.Text)
	}
	// AP-3: the object's kind counts, whatever the default is now.
	p.Put(bucket, "managed", "managed", managed)
	if a := p.AppendTo(bucket, "managed", 7, "x"); a.StatusCode != 400 || a.Code() != "EncryptionTypeMismatch" {
		t.Errorf("AP-3: %d %s", a.StatusCode, a.Text)
	}
	if a := p.AppendTo(bucket, "managed", 7, "x", managed); a.StatusCode != 200 ||
		a.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
		t.Errorf("AP-1: %d %s", a.StatusCode, a.Text)
	}
}

// Append is atomic: of many at one offset one gets through, and readers see whole objects.
func TestOfManyAppendsAtOneOffsetOneGetsThrough(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, n := range []int{10, 5*proxytest.MiB + 5} {
		key := "raced-" + strconv.Itoa(n)
		want := string(proxytest.RandomBytes(n))
		p.Put(bucket, key, want)
		for round := range 3 {
			codes := make([]string, 5)
			var all sync.WaitGroup
			for i := range codes {
				all.Go(func() {
					a := p.AppendTo(bucket, key, len(want), fmt.Sprintf("round %d by %d.", round, i))
					if codes[i] = a.Code(); a.StatusCode == 200 {
						codes[i] = "OK"
					}
				})
			}
			all.Wait()
			winner := -1
			for i, c := range codes {
				switch c {
				case "OK":
					if winner >= 0 {
						t.Errorf("two appends at one offset got through: %v", codes)
					}
					winner = i
				case "ConditionalRequestConflict", "InvalidWriteOffset":
				default:
					t.Errorf("append answered %s", c)
				}
			}
			if winner < 0 {
				t.Fatalf("no append got through: %v", codes)
			}
			want += fmt.Sprintf("round %d by %d.", round, winner)
			proxytest.MustRead(t, client, bucket, key, []byte(want))
		}
	}
}

// S9: a copy that was made before an append never takes the grown body.
func TestACopyDoesNotTakeWhatIsAppendedToItsSource(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	body := proxytest.RandomBytes(6 * proxytest.MiB)
	p.Put(bucket, "source", string(body))
	p.MustCopy(bucket+"/source", bucket+"/copy")
	if a := p.AppendTo(bucket, "source", len(body), "more"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	proxytest.MustRead(t, client, bucket, "copy", body)
	proxytest.MustRead(t, client, bucket, "source", append(bytes.Clone(body), "more"...))
	grown, err := os.ReadFile(proxytest.StoredFile(dir, bucket, "source"))
	if err != nil {
		t.Fatal(err)
	}
	proxytest.Overwrite(t, proxytest.StoredFile(dir, bucket, "copy"), grown)
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/copy"}); a.StatusCode == 200 && a.Err == nil {
		t.Errorf("the copy took the grown body: %d bytes", len(a.Text))
	}
}

// A client that breaks off, and a checksum that is wrong at the end, leave the object as it was and no upload behind.
func TestAnAppendThatBreaksOffLeavesTheObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	bucket := p.Env["SEALFRONT_BUCKET"]
	body := proxytest.RandomBytes(6 * proxytest.MiB)
	p.Put(bucket, "object", string(body))
	for _, n := range []int{1000, 2 << 20} {
		r := &proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/object", Declared: n,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(body)))},
		}
		host, head := p.Head(r)
		c := p.Dial(r, host)
		if _, err := c.Write(append(head, proxytest.RandomBytes(n/2)...)); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		for range 100 { // the program notices when it notices
			if a := p.Metric("sealfront_requests_total", `operation="PutObject"`, `code="IncompleteBody"`); a > 0 {
				break
			}
		}
		proxytest.MustRead(t, client, bucket, "object", body)
	}
}

// What each append costs in requests to the store, whatever the object's size (gateway's package comment).
func TestWhatAnAppendCosts(t *testing.T) {
	t.Parallel()
	p := proxytest.StartCounting(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	for name, c := range map[string]struct {
		before, appended int
		cost             map[string]int
	}{
		"onto a small object": {1000, 10, map[string]int{"GetObject": 1, "HeadObject": 1, "PutObject": 1}},
		"onto an object beyond the end that is read first": {
			100_000, 10,
			map[string]int{"GetObject": 2, "HeadObject": 1, "PutObject": 1},
		},
		"onto an empty object": {0, 10, map[string]int{"GetObject": 1, "HeadObject": 1, "PutObject": 1}},
		"onto a large part": {
			6 * proxytest.MiB, 10,
			map[string]int{
				"GetObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 1, "UploadPart": 1,
				"CompleteMultipartUpload": 1, "HeadObject": 2,
			},
		},
		"onto a large and then a small one": {
			-6 * proxytest.MiB, 10,
			map[string]int{
				"GetObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 1, "UploadPart": 1,
				"CompleteMultipartUpload": 1, "HeadObject": 2,
			},
		},
	} {
		key := strings.ReplaceAll(name, " ", "-")
		size := max(c.before, -c.before)
		p.Put(bucket, key, string(proxytest.RandomBytes(size)))
		if c.before < 0 {
			if a := p.AppendTo(bucket, key, size, "small"); a.StatusCode != 200 {
				t.Fatal(a.StatusCode, a.Text)
			}
			size += 5
		}
		cost := p.StoreRequests(func() {
			if a := p.AppendTo(bucket, key, size, string(proxytest.RandomBytes(c.appended))); a.StatusCode != 200 {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.Text)
			}
		})
		proxytest.WantCost(t, name, cost, c.cost)
	}
}
