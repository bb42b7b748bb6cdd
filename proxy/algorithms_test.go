package main

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/minio/crc64nvme"
	"github.com/zeebo/xxh3"

	"sealfront/sigv4"
)

// An algorithm is one of S3's checksums. hello is that of "hello", from elsewhere than the library: RFCs, xxhsum, Amazon's own tests.
type algorithm struct {
	name  string
	full  bool // of an upload in parts the full object's, else composite
	make  func() hash.Hash
	hello string
}

var algorithms = []algorithm{
	{"CRC32", true, func() hash.Hash { return crc32.NewIEEE() }, "3610a686"},
	{"CRC32C", true, func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) }, "9a71bb4c"},
	{"CRC64NVME", true, func() hash.Hash { return crc64nvme.New() }, "3377857006524257"},
	{"SHA1", false, sha1.New, "aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"},
	{"SHA256", false, sha256.New, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
	{"SHA512", false, sha512.New, "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"},
	{"MD5", false, md5.New, "5d41402abc4b2a76b9719d911017c592"},
	{"XXHASH64", false, func() hash.Hash { return xxhash.New() }, "26c7827d889f6da3"},
	{"XXHASH3", false, func() hash.Hash { return xxh3.New() }, "9555e8555c62dcfd"},
	{"XXHASH128", false, func() hash.Hash { return xxh3.New128() }, "b5e9c1ad071b3e7fc779cfaa5e523818"},
}

func (g *algorithm) header() string { return "X-Amz-Checksum-" + strings.ToLower(g.name) }

// of is the value of a body, in base64, and in binary.
func (g *algorithm) of(bodies ...[]byte) string { return base64of(g.binary(bodies...)...) }

func (g *algorithm) binary(bodies ...[]byte) []byte {
	h := g.make()
	for _, b := range bodies {
		h.Write(b)
	}
	return h.Sum(nil)
}

// wrong has the right length and is no checksum of what the tests send.
func (g *algorithm) wrong() string { return base64of(bytes.Repeat([]byte{0xa5}, len(g.binary()))...) }

// uploaded is that of an object of these parts, as S3 shows it, and its type.
func (g *algorithm) uploaded(parts ...[]byte) (value, kind string) {
	if g.full {
		return g.of(parts...), "FULL_OBJECT"
	}
	var sums []byte
	for _, part := range parts {
		sums = append(sums, g.binary(part)...)
	}
	return fmt.Sprint(g.of(sums), "-", len(parts)), "COMPOSITE"
}

// shows compares what HEAD and GET say of an object's checksum.
func (g *algorithm) shows(t *testing.T, p *program, bucket, key, value, kind string) {
	t.Helper()
	for _, method := range []string{"HEAD", "GET"} {
		a := p.do(&rawRequest{method: method, path: "/" + bucket + "/" + key, header: []sigv4.Field{field("X-Amz-Checksum-Mode", "ENABLED")}})
		if got := a.Header.Get(g.header()); a.StatusCode != 200 || got != value || a.Header.Get("X-Amz-Checksum-Type") != kind {
			t.Errorf("%s of %s: %d, checksum %q %s, want %q %s", method, key, a.StatusCode, got, a.Header.Get("X-Amz-Checksum-Type"), value, kind)
		}
	}
}

// trailing puts a body in one unsigned chunk with the checksum behind it.
func (p *program) trailing(path, name, value string, body []byte) *answer {
	chunk := ""
	if len(body) > 0 {
		chunk = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	}
	return p.do(&rawRequest{
		method: "PUT", path: path, hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		header: []sigv4.Field{field("X-Amz-Trailer", name), field("X-Amz-Decoded-Content-Length", fmt.Sprint(len(body))), field("Content-Encoding", "aws-chunked")},
		body:   fmt.Sprintf("%s0\r\n%s:%s\r\n\r\n", chunk, name, value),
	})
}

// Every algorithm by every way: in a header, in a trailer, of parts and of what they make, in copies, appends, forms and documents.
func TestTenChecksumAlgorithms(t *testing.T) {
	t.Parallel()
	p := startConfigured(t, t.TempDir(), "compat: {post_object: true}")
	makeBucket(t, p.client(t), "plain")
	hello, large := []byte("hello"), bytes.Repeat([]byte("large "), 100_000) // the checksum of the latter comes too late for the envelope
	first, last := bytes.Repeat([]byte("part one "), 600_000), []byte("the end")
	p.put("plain", "seed", "hello", field("X-Amz-Checksum-Crc32", crcText("hello")))
	p.put(p.env["SEALFRONT_BUCKET"], "seed", "hello", field("X-Amz-Checksum-Md5", md5of("hello")))
	for i := range algorithms {
		g := &algorithms[i]
		if got := hex.EncodeToString(g.binary(hello)); got != g.hello {
			t.Fatalf("%s of hello is %s, want %s: the library is another one's", g.name, got, g.hello)
		}
		for _, bucket := range []string{"plain", p.env["SEALFRONT_BUCKET"]} {
			t.Run(g.name+" "+bucket, func(t *testing.T) {
				t.Parallel()
				p := p.forTest(t)
				for name, body := range map[string][]byte{"hello": hello, "large": large, "empty": nil} {
					key := g.name + "-" + name
					put := func(value string) *answer {
						return p.do(&rawRequest{method: "PUT", path: "/" + bucket + "/" + key, body: string(body), header: []sigv4.Field{field(g.header(), value)}})
					}
					wrong := g.wrong()
					if a := put(wrong); a.StatusCode != 400 || a.code() != "BadDigest" {
						t.Errorf("%s, a wrong one: %d %s", name, a.StatusCode, a.code())
					}
					for _, value := range []string{"AAAA", g.of(body) + "AAAA", "not base64", ""} {
						if a := put(value); a.StatusCode != 400 || a.code() != "InvalidRequest" {
							t.Errorf("%s, %q: %d %s", name, value, a.StatusCode, a.code())
						}
					}
					p.mustNotExist(bucket, key)
					if a := put(g.of(body)); a.StatusCode != 200 || a.Header.Get(g.header()) != g.of(body) {
						t.Fatalf("%s: %d %s %q", name, a.StatusCode, a.body, a.Header.Get(g.header()))
					}
					g.shows(t, p, bucket, key, g.of(body), "FULL_OBJECT")
					key += "-trailer"
					if a := p.trailing("/"+bucket+"/"+key, strings.ToLower(g.header()), wrong, body); a.StatusCode != 400 || a.code() != "BadDigest" {
						t.Errorf("%s, a wrong one behind: %d %s", name, a.StatusCode, a.body)
					}
					if a := p.trailing("/"+bucket+"/"+key, strings.ToLower(g.header()), "AAA=", body); a.StatusCode != 400 || a.code() != "InvalidRequest" {
						t.Errorf("%s, a short one behind: %d %s", name, a.StatusCode, a.body)
					}
					p.mustNotExist(bucket, key)
					if a := p.trailing("/"+bucket+"/"+key, strings.ToLower(g.header()), g.of(body), body); a.StatusCode != 200 {
						t.Fatalf("%s, behind: %d %s", name, a.StatusCode, a.body)
					}
					g.shows(t, p, bucket, key, g.of(body), "FULL_OBJECT")
				}
				g.ofAnUpload(t, p, bucket, first, last)
				g.ofCopies(t, p, bucket, first, last)
				g.elsewhere(t, p, bucket)
			})
		}
	}
}

// ofAnUpload makes "upload" of two parts.
func (g *algorithm) ofAnUpload(t *testing.T, p *program, bucket string, parts ...[]byte) {
	t.Helper()
	path := "/" + bucket + "/" + g.name + "-upload"
	value, kind := g.uploaded(parts...)
	created := p.do(&rawRequest{method: "POST", path: path, query: "uploads=", header: []sigv4.Field{field("X-Amz-Checksum-Algorithm", g.name), field("X-Amz-Checksum-Type", kind)}})
	id := between(created.body, "<UploadId>", "</UploadId>")
	if id == "" || created.Header.Get("X-Amz-Checksum-Algorithm") != g.name || created.Header.Get("X-Amz-Checksum-Type") != kind {
		t.Fatalf("CreateMultipartUpload: %d %s %v", created.StatusCode, created.body, created.Header)
	}
	list := ""
	for i, part := range parts {
		query := fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, id)
		wrong := p.do(&rawRequest{method: "PUT", path: path, query: query, body: string(part), header: []sigv4.Field{field(g.header(), g.wrong())}})
		if wrong.StatusCode != 400 || wrong.code() != "BadDigest" {
			t.Errorf("part %d with a wrong checksum: %d %s", i+1, wrong.StatusCode, wrong.code())
		}
		a := p.do(&rawRequest{method: "PUT", path: path, query: query, body: string(part), header: []sigv4.Field{field(g.header(), g.of(part))}})
		if a.StatusCode != 200 || a.Header.Get(g.header()) != g.of(part) {
			t.Fatalf("part %d: %d %s %v", i+1, a.StatusCode, a.body, a.Header)
		}
		list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag><Checksum%s>%s</Checksum%s></Part>", i+1, a.Header.Get("Etag"), g.name, g.of(part), g.name)
	}
	listed := p.do(&rawRequest{method: "GET", path: path, query: "uploadId=" + id})
	for i, part := range parts {
		if !strings.Contains(listed.body, fmt.Sprintf("<Checksum%s>%s</Checksum%s>", g.name, g.of(part), g.name)) {
			t.Errorf("ListParts doesn't show the checksum of part %d: %s", i+1, listed.body)
		}
	}
	wrong := p.do(&rawRequest{method: "POST", path: path, query: "uploadId=" + id, body: "<CompleteMultipartUpload>" + strings.Replace(list, g.of(parts[0]), g.of(parts[1]), 1) + "</CompleteMultipartUpload>"})
	if wrong.StatusCode != 400 {
		t.Errorf("Complete with another part's checksum: %d %s", wrong.StatusCode, wrong.body)
	}
	done := p.do(&rawRequest{method: "POST", path: path, query: "uploadId=" + id, body: "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>"})
	if done.StatusCode != 200 || !strings.Contains(done.body, fmt.Sprintf("<Checksum%s>%s</Checksum%s><ChecksumType>%s</ChecksumType>", g.name, value, g.name, kind)) {
		t.Fatalf("Complete: %d %s, want %s", done.StatusCode, done.body, value)
	}
	g.shows(t, p, bucket, g.name+"-upload", value, kind)
	told := p.do(&rawRequest{method: "GET", path: path, query: "attributes=", header: []sigv4.Field{field("X-Amz-Object-Attributes", "Checksum,ObjectParts")}})
	without, _, _ := strings.Cut(value, "-")
	if told.StatusCode != 200 || !strings.Contains(told.body, fmt.Sprintf("<Checksum%s>%s", g.name, without)) {
		t.Errorf("GetObjectAttributes: %d %s", told.StatusCode, told.body)
	}
	if kind == "COMPOSITE" {
		for i, part := range parts {
			if !strings.Contains(told.body, fmt.Sprintf("<Size>%d</Size><Checksum%s>%s<", len(part), g.name, g.of(part))) {
				t.Errorf("GetObjectAttributes doesn't show part %d's: %s", i+1, told.body)
			}
		}
	}
}

// ofCopies copies what ofAnUpload has made: as it is, by another algorithm, and into a part.
func (g *algorithm) ofCopies(t *testing.T, p *program, bucket string, parts ...[]byte) {
	t.Helper()
	from := bucket + "/" + g.name + "-upload"
	p.mustCopy(from, bucket+"/"+g.name+"-copy")
	if value, kind := g.uploaded(parts...); g.full {
		g.shows(t, p, bucket, g.name+"-copy", value, kind)
	} // a composite checksum stays or is made anew: the reference leaves that open
	p.mustCopy(bucket+"/seed", bucket+"/"+g.name+"-anew", field("X-Amz-Checksum-Algorithm", g.name))
	g.shows(t, p, bucket, g.name+"-anew", g.of([]byte("hello")), "FULL_OBJECT")
	path := "/" + bucket + "/" + g.name + "-parts"
	created := p.do(&rawRequest{method: "POST", path: path, query: "uploads=", header: []sigv4.Field{field("X-Amz-Checksum-Algorithm", g.name)}})
	a := p.do(&rawRequest{method: "PUT", path: path, query: "partNumber=1&uploadId=" + between(created.body, "<UploadId>", "</UploadId>"), header: []sigv4.Field{field("X-Amz-Copy-Source", from)}})
	if want := fmt.Sprintf("<Checksum%s>%s</Checksum%s>", g.name, g.of(parts...), g.name); a.StatusCode != 200 || !strings.Contains(a.body, want) {
		t.Errorf("UploadPartCopy: %d %s, want %s", a.StatusCode, a.body, want)
	}
}

// elsewhere: appends, forms and documents.
func (g *algorithm) elsewhere(t *testing.T, p *program, bucket string) {
	t.Helper()
	hello, more := []byte("hello"), []byte(" again")
	if strings.HasSuffix(bucket, "--x-s3") {
		key := g.name + "-hello"
		if a := p.appendTo(bucket, key, len(hello), string(more), field(g.header(), g.of(more))); a.StatusCode != 200 {
			t.Fatalf("append: %d %s", a.StatusCode, a.body)
		}
		a := p.headOf(bucket, key, field("X-Amz-Checksum-Mode", "ENABLED"))
		if whole := g.of(hello, more); g.full && a.Header.Get(g.header()) != whole || a.Header.Get(g.header()) == "" {
			t.Errorf("an appended object's: %q, want %q", a.Header.Get(g.header()), whole)
		}
		for value, status := range map[string]int{g.of(hello): 204, g.wrong(): 400} {
			form := &postForm{p: p, key: "dir/" + g.name, file: string(hello), fields: [][2]string{{g.header(), value}}}
			if a := form.post(); a.StatusCode != status {
				t.Errorf("a form with %q: %d %s, want %d", value, a.StatusCode, a.body, status)
			}
		}
	}
	document := "<Delete><Object><Key>" + g.name + "-large</Key></Object></Delete>"
	for value, status := range map[string]int{g.wrong(): 400, g.of([]byte(document)): 200} {
		if a := p.do(&rawRequest{method: "POST", path: "/" + bucket, query: "delete=", body: document, header: []sigv4.Field{field(g.header(), value)}}); a.StatusCode != status {
			t.Errorf("DeleteObjects with %q: %d %s, want %d", value, a.StatusCode, a.body, status)
		}
	}
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, ok := strings.Cut(rest, after)
	if !ok {
		return ""
	}
	return found
}
