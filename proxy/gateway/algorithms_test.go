package gateway_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// putTrailing puts a body in one unsigned chunk with the checksum behind it.
func putTrailing(p *proxytest.Program, path, name, value string, body []byte) *proxytest.Answer {
	chunk := ""
	if len(body) > 0 {
		chunk = fmt.Sprintf("%x\r\n%s\r\n", len(body), body)
	}
	return p.Do(&proxytest.Request{
		Method: "PUT", Path: path, Hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
		Header: []sigv4.Field{
			proxytest.Field("X-Amz-Trailer", name),
			proxytest.Field("X-Amz-Decoded-Content-Length", fmt.Sprint(len(body))),
			proxytest.Field("Content-Encoding", "aws-chunked"),
		},
		Body: fmt.Sprintf("%s0\r\n%s:%s\r\n\r\n", chunk, name, value),
	})
}

// Every algorithm by every way: in a header, in a trailer, of parts and of what they make, in copies, appends, forms
// and documents.
func TestTenChecksumAlgorithms(t *testing.T) {
	t.Parallel()
	p := proxytest.StartConfigured(t, t.TempDir(), "compat: {post_object: true}")
	proxytest.MakeBucket(t, p.Client(t), "plain")
	// the checksum of the latter comes too late for the envelope
	hello, large := []byte("hello"), bytes.Repeat([]byte("large "), 100_000)
	first, last := bytes.Repeat([]byte("part one "), 600_000), []byte("the end")
	p.Put("plain", "seed", "hello", proxytest.Field("X-Amz-Checksum-Crc32", proxytest.CRC32("hello")))
	p.Put(p.Env["SEALFRONT_BUCKET"], "seed", "hello", proxytest.Field("X-Amz-Checksum-Md5", proxytest.MD5("hello")))
	for i := range proxytest.Algorithms {
		g := &proxytest.Algorithms[i]
		if got := hex.EncodeToString(g.Binary(hello)); got != g.Hello {
			t.Fatalf("%s of hello is %s, want %s: the library is another one's", g.Name, got, g.Hello)
		}
		for _, bucket := range []string{"plain", p.Env["SEALFRONT_BUCKET"]} {
			t.Run(g.Name+" "+bucket, func(t *testing.T) {
				t.Parallel()
				p := p.ForTest(t)
				for name, body := range map[string][]byte{"hello": hello, "large": large, "empty": nil} {
					key := g.Name + "-" + name
					put := func(value string) *proxytest.Answer {
						return p.Do(&proxytest.Request{
							Method: "PUT", Path: "/" + bucket + "/" + key,
							Body: string(body), Header: []sigv4.Field{proxytest.Field(g.Header(), value)},
						})
					}
					wrong := g.Wrong()
					if a := put(wrong); a.StatusCode != 400 || a.Code() != "BadDigest" {
						t.Errorf("%s, a wrong one: %d %s", name, a.StatusCode, a.Code())
					}
					for _, value := range []string{"AAAA", g.Of(body) + "AAAA", "not base64", ""} {
						if a := put(value); a.StatusCode != 400 || a.Code() != "InvalidRequest" {
							t.Errorf("%s, %q: %d %s", name, value, a.StatusCode, a.Code())
						}
					}
					p.MustNotExist(bucket, key)
					if a := put(g.Of(body)); a.StatusCode != 200 || a.Header.Get(g.Header()) != g.Of(body) {
						t.Fatalf("%s: %d %s %q", name, a.StatusCode, a.Text, a.Header.Get(g.Header()))
					}
					g.Shows(t, p, bucket, key, g.Of(body), "FULL_OBJECT")
					key += "-trailer"
					if a := putTrailing(p, "/"+bucket+"/"+key, strings.ToLower(g.Header()), wrong,
						body); a.StatusCode != 400 || a.Code() != "BadDigest" {
						t.Errorf("%s, a wrong one behind: %d %s", name, a.StatusCode, a.Text)
					}
					if a := putTrailing(p, "/"+bucket+"/"+key, strings.ToLower(g.Header()), "AAA=",
						body); a.StatusCode != 400 || a.Code() != "InvalidRequest" {
						t.Errorf("%s, a short one behind: %d %s", name, a.StatusCode, a.Text)
					}
					p.MustNotExist(bucket, key)
					if a := putTrailing(p, "/"+bucket+"/"+key, strings.ToLower(g.Header()), g.Of(body),
						body); a.StatusCode != 200 {
						t.Fatalf("%s, behind: %d %s", name, a.StatusCode, a.Text)
					}
					g.Shows(t, p, bucket, key, g.Of(body), "FULL_OBJECT")
				}
				checksumsOfAnUpload(t, g, p, bucket, first, last)
				checksumsOfCopies(t, g, p, bucket, first, last)
				checksumsElsewhere(t, g, p, bucket)
			})
		}
	}
}

// checksumsOfAnUpload makes "upload" of two parts.
func checksumsOfAnUpload(t *testing.T, g *proxytest.Algorithm, p *proxytest.Program, bucket string, parts ...[]byte) {
	t.Helper()
	path := "/" + bucket + "/" + g.Name + "-upload"
	value, kind := g.Uploaded(parts...)
	created := p.Do(&proxytest.Request{
		Method: "POST", Path: path, Query: "uploads=",
		Header: []sigv4.Field{
			proxytest.Field("X-Amz-Checksum-Algorithm", g.Name),
			proxytest.Field("X-Amz-Checksum-Type", kind),
		},
	})
	id := proxytest.Between(created.Text, "<UploadId>", "</UploadId>")
	if id == "" || created.Header.Get("X-Amz-Checksum-Algorithm") != g.Name ||
		created.Header.Get("X-Amz-Checksum-Type") != kind {
		t.Fatalf("CreateMultipartUpload: %d %s %v", created.StatusCode, created.Text, created.Header)
	}
	list := ""
	for i, part := range parts {
		query := fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, id)
		wrong := p.Do(&proxytest.Request{
			Method: "PUT", Path: path, Query: query, Body: string(part),
			Header: []sigv4.Field{proxytest.Field(g.Header(), g.Wrong())},
		})
		if wrong.StatusCode != 400 || wrong.Code() != "BadDigest" {
			t.Errorf("part %d with a wrong checksum: %d %s", i+1, wrong.StatusCode, wrong.Code())
		}
		a := p.Do(&proxytest.Request{
			Method: "PUT", Path: path, Query: query, Body: string(part),
			Header: []sigv4.Field{proxytest.Field(g.Header(), g.Of(part))},
		})
		if a.StatusCode != 200 || a.Header.Get(g.Header()) != g.Of(part) {
			t.Fatalf("part %d: %d %s %v", i+1, a.StatusCode, a.Text, a.Header)
		}
		list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag><Checksum%s>%s</Checksum%s></Part>", i+1,
			a.Header.Get("Etag"), g.Name, g.Of(part), g.Name)
	}
	listed := p.Do(&proxytest.Request{Method: "GET", Path: path, Query: "uploadId=" + id})
	for i, part := range parts {
		if !strings.Contains(listed.Text, fmt.Sprintf("<Checksum%s>%s</Checksum%s>", g.Name, g.Of(part), g.Name)) {
			t.Errorf("ListParts doesn't show the checksum of part %d: %s", i+1, listed.Text)
		}
	}
	wrong := p.Do(&proxytest.Request{
		Method: "POST", Path: path, Query: "uploadId=" + id,
		Body: "<CompleteMultipartUpload>" + strings.Replace(list, g.Of(parts[0]), g.Of(parts[1]), 1) +
			"</CompleteMultipartUpload>",
	})
	if wrong.StatusCode != 400 {
		t.Errorf("Complete with another part's checksum: %d %s", wrong.StatusCode, wrong.Text)
	}
	done := p.Do(&proxytest.Request{
		Method: "POST", Path: path, Query: "uploadId=" + id,
		Body: "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>",
	})
	if done.StatusCode != 200 || !strings.Contains(done.Text,
		fmt.Sprintf("<Checksum%s>%s</Checksum%s><ChecksumType>%s</ChecksumType>", g.Name, value, g.Name, kind)) {
		t.Fatalf("Complete: %d %s, want %s", done.StatusCode, done.Text, value)
	}
	g.Shows(t, p, bucket, g.Name+"-upload", value, kind)
	told := p.Do(&proxytest.Request{
		Method: "GET", Path: path, Query: "attributes=",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Object-Attributes", "Checksum,ObjectParts")},
	})
	without, _, _ := strings.Cut(value, "-")
	if told.StatusCode != 200 || !strings.Contains(told.Text, fmt.Sprintf("<Checksum%s>%s", g.Name, without)) {
		t.Errorf("GetObjectAttributes: %d %s", told.StatusCode, told.Text)
	}
	if kind == "COMPOSITE" {
		for i, part := range parts {
			if !strings.Contains(told.Text,
				fmt.Sprintf("<Size>%d</Size><Checksum%s>%s<", len(part), g.Name, g.Of(part))) {
				t.Errorf("GetObjectAttributes doesn't show part %d's: %s", i+1, told.Text)
			}
		}
	}
}

// checksumsOfCopies copies what ofAnUpload has made: as it is, by another algorithm, and into a part.
func checksumsOfCopies(t *testing.T, g *proxytest.Algorithm, p *proxytest.Program, bucket string, parts ...[]byte) {
	t.Helper()
	from := bucket + "/" + g.Name + "-upload"
	p.MustCopy(from, bucket+"/"+g.Name+"-copy")
	if value, kind := g.Uploaded(parts...); g.Full {
		g.Shows(t, p, bucket, g.Name+"-copy", value, kind)
	} // a composite checksum stays or is made anew: the reference leaves that open
	p.MustCopy(bucket+"/seed", bucket+"/"+g.Name+"-anew", proxytest.Field("X-Amz-Checksum-Algorithm", g.Name))
	g.Shows(t, p, bucket, g.Name+"-anew", g.Of([]byte("hello")), "FULL_OBJECT")
	path := "/" + bucket + "/" + g.Name + "-parts"
	created := p.Do(&proxytest.Request{
		Method: "POST", Path: path, Query: "uploads=",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Algorithm", g.Name)},
	})
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: path,
		Query:  "partNumber=1&uploadId=" + proxytest.Between(created.Text, "<UploadId>", "</UploadId>"),
		Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", from)},
	})
	if want := fmt.Sprintf("<Checksum%s>%s</Checksum%s>", g.Name, g.Of(parts...), g.Name); a.StatusCode != 200 ||
		!strings.Contains(a.Text, want) {
		t.Errorf("UploadPartCopy: %d %s, want %s", a.StatusCode, a.Text, want)
	}
}

// elsewhere: appends, forms and documents.
func checksumsElsewhere(t *testing.T, g *proxytest.Algorithm, p *proxytest.Program, bucket string) {
	t.Helper()
	hello, more := []byte("hello"), []byte(" again")
	if strings.HasSuffix(bucket, "--x-s3") {
		key := g.Name + "-hello"
		if a := p.AppendTo(bucket, key, len(hello), string(more),
			proxytest.Field(g.Header(), g.Of(more))); a.StatusCode != 200 {
			t.Fatalf("append: %d %s", a.StatusCode, a.Text)
		}
		a := p.HeadOf(bucket, key, proxytest.Field("X-Amz-Checksum-Mode", "ENABLED"))
		if whole := g.Of(hello, more); g.Full && a.Header.Get(g.Header()) != whole || a.Header.Get(g.Header()) == "" {
			t.Errorf("an appended object's: %q, want %q", a.Header.Get(g.Header()), whole)
		}
		for value, status := range map[string]int{g.Of(hello): 204, g.Wrong(): 400} {
			form := &proxytest.Form{
				P: p, Key: "dir/" + g.Name, File: string(hello),
				Fields: [][2]string{{g.Header(), value}},
			}
			if a := form.Post(); a.StatusCode != status {
				t.Errorf("a form with %q: %d %s, want %d", value, a.StatusCode, a.Text, status)
			}
		}
	}
	document := "<Delete><Object><Key>" + g.Name + "-large</Key></Object></Delete>"
	for value, status := range map[string]int{g.Wrong(): 400, g.Of([]byte(document)): 200} {
		if a := p.Do(&proxytest.Request{
			Method: "POST", Path: "/" + bucket, Query: "delete=", Body: document,
			Header: []sigv4.Field{proxytest.Field(g.Header(), value)},
		}); a.StatusCode != status {
			t.Errorf("DeleteObjects with %q: %d %s, want %d", value, a.StatusCode, a.Text, status)
		}
	}
}
