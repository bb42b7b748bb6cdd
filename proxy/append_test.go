package main

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

	"sealfront/sigv4"
)

// appendTo sends an append.
func (p *program) appendTo(bucket, key string, offset int, body string, header ...sigv4.Field) *answer {
	p.t.Helper()
	return p.do(&rawRequest{method: "PUT", path: "/" + bucket + "/" + key, body: body, header: append([]sigv4.Field{field("X-Amz-Write-Offset-Bytes", strconv.Itoa(offset))}, header...)})
}

// Whatever is appended in whatever pieces, the object is the pieces, and its stored size tells its length.
func TestL12AppendedPiecesReadAsOne(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	for name, sizes := range map[string][]int{
		"a hundred small ones":   slicesOf(100, 100),
		"two":                    {100, 100},
		"onto nothing":           {0, 100},
		"around a segment":       {65536, 1, 65535, 65536, 65537},
		"over the line":          {5*mib - 1, 1, 1, 5 * mib},
		"large ones":             {6 * mib, 7*mib + 1, 10, 10, 5 * mib},
		"large onto small":       {10, 12 * mib, 1},
		"between whole and not":  {200_000, 62_144, 1, 300_000},
		"one segment at the end": {5 * mib, 65536, 65536},
	} {
		t.Run(name, func(t *testing.T) {
			key := "appended/" + strings.ReplaceAll(name, " ", "-")
			var want []byte
			for i, n := range sizes {
				piece := randomBytes(n)
				if n > 0 {
					piece[0] = byte(i)
				}
				if i == 0 {
					p.put(bucket, key, string(piece), field("X-Amz-Meta-Name", "value"), field("Content-Type", "a/b"), field("Content-Encoding", "gzip"))
				} else if a := p.appendTo(bucket, key, len(want), string(piece)); a.StatusCode != 200 || a.Header.Get("X-Amz-Object-Size") != strconv.Itoa(len(want)+n) {
					t.Fatalf("append of %d at %d: %d %s, size %s", n, len(want), a.StatusCode, a.body, a.Header.Get("X-Amz-Object-Size"))
				}
				want = append(want, piece...)
			}
			out := mustRead(t, client, bucket, key, want)
			if out.Metadata["name"] != "value" || aws.ToString(out.ContentType) != "a/b" || aws.ToString(out.ContentEncoding) != "gzip" {
				t.Errorf("metadata %v, type %s, encoding %s", out.Metadata, aws.ToString(out.ContentType), aws.ToString(out.ContentEncoding))
			}
			list, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: aws.String("appended/")})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Contents {
				if *o.Key == key && *o.Size != int64(len(want)) {
					t.Errorf("listed with %d bytes, want %d", *o.Size, len(want))
				}
			}
			for _, at := range []int{0, len(want) / 3, len(want) - 1} {
				a := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/" + key, header: []sigv4.Field{field("Range", fmt.Sprintf("bytes=%d-%d", at, at+70_000))}})
				if a.body != string(want[at:min(len(want), at+70_001)]) {
					t.Errorf("range at %d: %d bytes", at, len(a.body))
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
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	first, second, third := randomBytes(6*mib), randomBytes(5*mib+1), randomBytes(1000)
	all := bytes.Join([][]byte{first, second, third}, nil)
	for _, algorithm := range types.ChecksumAlgorithm("").Values()[:5] {
		key := "sum-" + string(algorithm)
		size := int64(0)
		for _, piece := range [][]byte{first, second, third} {
			in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(piece), ChecksumAlgorithm: algorithm}
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
		mustRead(t, client, bucket, key, all)
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			t.Fatal(err)
		}
		switch algorithm {
		case types.ChecksumAlgorithmCrc32:
			sum := crc32.ChecksumIEEE(all)
			if aws.ToString(head.ChecksumCRC32) != base64of(byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)) || head.ChecksumType != types.ChecksumTypeFullObject {
				t.Errorf("%s: %s %s", algorithm, aws.ToString(head.ChecksumCRC32), head.ChecksumType)
			}
		case types.ChecksumAlgorithmSha256:
			h := sha256.New()
			for _, part := range [][]byte{first, second, third} {
				sum := sha256.Sum256(part)
				h.Write(sum[:])
			}
			if aws.ToString(head.ChecksumSHA256) != base64of(h.Sum(nil)...)+"-3" || head.ChecksumType != types.ChecksumTypeComposite {
				t.Errorf("%s: %s %s", algorithm, aws.ToString(head.ChecksumSHA256), head.ChecksumType)
			}
		}
	}
	other := p.appendTo(bucket, "sum-CRC32", len(all), "more", field("X-Amz-Checksum-Sha256", base64hexed("more")))
	if other.StatusCode != 400 || other.code() != "InvalidRequest" {
		t.Errorf("another algorithm than the object's: %d %s", other.StatusCode, other.body)
	}
	plain := p.appendTo(bucket, "sum-CRC32", len(all), "more")
	if plain.StatusCode != 200 || plain.Header.Get("X-Amz-Checksum-Crc32") == "" {
		t.Errorf("no algorithm named: %d %s", plain.StatusCode, plain.body)
	}
}

func base64hexed(body string) string {
	s, _ := base64hex(hexSum(body))
	return s
}

func TestAppendsThatAreRefused(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	general := makeBucket(t, client, "general")
	p.put(general, "there", "there")
	managed := field("X-Amz-Server-Side-Encryption", "AES256")
	for _, body := range []string{"there", string(randomBytes(6 * mib))} {
		tag := p.put(bucket, "there", body).Header.Get("ETag")
		at := len(body)
		for what, c := range map[string]struct {
			bucket, key string
			offset      int
			body        string
			header      []sigv4.Field
			status      int
			code        string
		}{
			"an offset that is too small":    {bucket, "there", at - 1, "x", nil, 400, "InvalidWriteOffset"},
			"an offset that is too great":    {bucket, "there", at + 1, "x", nil, 400, "InvalidWriteOffset"},
			"offset 0 of what isn't empty":   {bucket, "there", 0, "x", nil, 400, "InvalidWriteOffset"},
			"an offset of what isn't there":  {bucket, "absent", 5, "x", nil, 400, "InvalidWriteOffset"},
			"nothing":                        {bucket, "there", at, "", nil, 400, "InvalidRequest"},
			"metadata":                       {bucket, "there", at, "x", []sigv4.Field{field("X-Amz-Meta-A", "b")}, 400, "InvalidRequest"},
			"AP-2: another kind of key":      {bucket, "there", at, "x", []sigv4.Field{managed}, 400, "EncryptionTypeMismatch"},
			"a general purpose bucket":       {general, "there", 5, "x", nil, 501, "NotImplemented"},
			"If-Match of another":            {bucket, "there", at, "x", []sigv4.Field{field("If-Match", `"other"`)}, 412, "PreconditionFailed"},
			"If-None-Match of what is there": {bucket, "there", at, "x", []sigv4.Field{field("If-None-Match", "*")}, 412, "PreconditionFailed"},
			"If-Match of what isn't there":   {bucket, "absent", 0, "x", []sigv4.Field{field("If-Match", tag)}, 404, "NoSuchKey"},
			"a wrong checksum":               {bucket, "there", at, "x", []sigv4.Field{field("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")}, 400, "BadDigest"},
			"a wrong checksum of many bytes": {bucket, "there", at, string(randomBytes(mib)), []sigv4.Field{field("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")}, 400, "BadDigest"},
			"a negative offset":              {bucket, "there", -1, "x", nil, 400, "InvalidArgument"},
		} {
			a := p.appendTo(c.bucket, c.key, c.offset, c.body, c.header...)
			if a.StatusCode != c.status || a.code() != c.code {
				t.Errorf("%s: %d %s", what, a.StatusCode, a.body)
			}
		}
		if a := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/there"}); a.body != body || a.Header.Get("ETag") != tag {
			t.Errorf("after refusals the object has %d bytes, %s", len(a.body), a.Header.Get("ETag"))
		}
		p.mustNotExist(bucket, "absent")
		if a := p.appendTo(bucket, "there", at, "x", field("If-Match", tag)); a.StatusCode != 200 {
			t.Errorf("If-Match of the object: %d %s", a.StatusCode, a.body)
		}
	}
	if a := p.appendTo(bucket, "made", 0, "made"); a.StatusCode != 200 || a.Header.Get("X-Amz-Object-Size") != "4" {
		t.Errorf("offset 0 where there is none: %d %s", a.StatusCode, a.body)
	}
	// AP-3: the object's kind counts, whatever the default is now.
	p.put(bucket, "managed", "managed", managed)
	if a := p.appendTo(bucket, "managed", 7, "x"); a.StatusCode != 400 || a.code() != "EncryptionTypeMismatch" {
		t.Errorf("AP-3: %d %s", a.StatusCode, a.body)
	}
	if a := p.appendTo(bucket, "managed", 7, "x", managed); a.StatusCode != 200 || a.Header.Get("X-Amz-Server-Side-Encryption") != "AES256" {
		t.Errorf("AP-1: %d %s", a.StatusCode, a.body)
	}
}

// Append is atomic: of many at one offset one gets through, and readers see whole objects.
func TestOfManyAppendsAtOneOffsetOneGetsThrough(t *testing.T) {
	t.Parallel()
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	for _, n := range []int{10, 5*mib + 5} {
		key := "raced-" + strconv.Itoa(n)
		want := string(randomBytes(n))
		p.put(bucket, key, want)
		for round := range 3 {
			codes := make([]string, 5)
			var all sync.WaitGroup
			for i := range codes {
				all.Go(func() {
					a := p.appendTo(bucket, key, len(want), fmt.Sprintf("round %d by %d.", round, i))
					if codes[i] = a.code(); a.StatusCode == 200 {
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
			mustRead(t, client, bucket, key, []byte(want))
		}
	}
}

// S9: a copy that was made before an append never takes the grown body.
func TestACopyDoesNotTakeWhatIsAppendedToItsSource(t *testing.T) {
	dir := t.TempDir()
	p := startEmbedded(t, dir)
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	body := randomBytes(6 * mib)
	p.put(bucket, "source", string(body))
	p.mustCopy(bucket+"/source", bucket+"/copy")
	if a := p.appendTo(bucket, "source", len(body), "more"); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.body)
	}
	mustRead(t, client, bucket, "copy", body)
	mustRead(t, client, bucket, "source", append(bytes.Clone(body), "more"...))
	grown, err := os.ReadFile(storedFile(dir, bucket, "source"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, storedFile(dir, bucket, "copy"), grown)
	if a := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/copy"}); a.StatusCode == 200 && a.bodyErr == nil {
		t.Errorf("the copy took the grown body: %d bytes", len(a.body))
	}
}

// A client that breaks off, and a checksum that is wrong at the end, leave the object as it was and no upload behind.
func TestAnAppendThatBreaksOffLeavesTheObject(t *testing.T) {
	dir := t.TempDir()
	p := startEmbedded(t, dir)
	client := p.client(t)
	bucket := p.env["SEALFRONT_BUCKET"]
	body := randomBytes(6 * mib)
	p.put(bucket, "object", string(body))
	for _, n := range []int{1000, 2 << 20} {
		r := &rawRequest{method: "PUT", path: "/" + bucket + "/object", declared: n, header: []sigv4.Field{field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(body)))}}
		host, head := p.head(r)
		c := p.dial(r, host)
		if _, err := c.Write(append(head, randomBytes(n/2)...)); err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		for range 100 { // the program notices when it notices
			if a := p.metric("sealfront_requests_total", `operation="PutObject"`, `code="IncompleteBody"`); a > 0 {
				break
			}
		}
		mustRead(t, client, bucket, "object", body)
	}
}

// What each append costs in requests to the store, whatever the object's size (gateway's package comment).
func TestWhatAnAppendCosts(t *testing.T) {
	p := startCounting(t, t.TempDir())
	bucket := p.env["SEALFRONT_BUCKET"]
	for name, c := range map[string]struct {
		before, appended int
		cost             map[string]int
	}{
		"onto a small object":               {1000, 10, map[string]int{"GetObject": 2, "HeadObject": 1, "PutObject": 1}},
		"onto an empty object":              {0, 10, map[string]int{"GetObject": 1, "HeadObject": 1, "PutObject": 1}},
		"onto a large part":                 {6 * mib, 10, map[string]int{"GetObject": 1, "CreateMultipartUpload": 1, "UploadPartCopy": 1, "UploadPart": 1, "CompleteMultipartUpload": 1, "HeadObject": 2}},
		"onto a large and then a small one": {-6 * mib, 10, map[string]int{"GetObject": 2, "CreateMultipartUpload": 1, "UploadPartCopy": 1, "UploadPart": 1, "CompleteMultipartUpload": 1, "HeadObject": 2}},
	} {
		key := strings.ReplaceAll(name, " ", "-")
		size := max(c.before, -c.before)
		p.put(bucket, key, string(randomBytes(size)))
		if c.before < 0 {
			if a := p.appendTo(bucket, key, size, "small"); a.StatusCode != 200 {
				t.Fatal(a.StatusCode, a.body)
			}
			size += 5
		}
		cost := p.storeRequests(func() {
			if a := p.appendTo(bucket, key, size, string(randomBytes(c.appended))); a.StatusCode != 200 {
				t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
			}
		})
		wantCost(t, name, cost, c.cost)
	}
}
