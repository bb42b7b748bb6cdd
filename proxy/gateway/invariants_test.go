package gateway_test

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func TestS4NothingPlainReachesTheStore(t *testing.T) {
	dir, temporary := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temporary)
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	marker := "the-marker-of-the-plaintext"
	var searched [][]byte
	search := func(b []byte) {
		searched = append(searched, b, []byte(hex.EncodeToString(b)), []byte(base64.StdEncoding.EncodeToString(b)))
	}
	search([]byte(marker))
	for i, n := range []int{1, 100, 20_000} {
		body := strings.Repeat(marker+"\n", n)
		sum := sha256.Sum256([]byte(body))
		search(sum[:])
		simple := md5.Sum([]byte(body))
		search(simple[:])
		value := proxytest.CRC32(body)
		for _, header := range [][]sigv4.Field{
			nil,
			{proxytest.Field("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))},
			{proxytest.Field("X-Amz-Checksum-Crc32", value)},
			{proxytest.Field("Content-Type", "multipart/form-data; boundary=xyz")},
		} {
			a := p.Do(&proxytest.Request{
				Method: "PUT", Path: fmt.Sprintf("/%s/dir/object-%d", bucket, i),
				Hash: proxytest.HexSum(body), Body: body, Header: header,
			})
			if a.StatusCode != 200 {
				t.Fatalf("PUT of %d bytes with %s: %d %s", len(body), header, a.StatusCode, a.Text)
			}
		}
		searched = append(searched, []byte(value))
		if a := p.Do(&proxytest.Request{
			Method: "GET",
			Path:   fmt.Sprintf("/%s/dir/object-%d", bucket, i),
		}); a.Text != body {
			t.Errorf("GET gave %d bytes, want %d", len(a.Text), len(body))
		}
	}
	p.Stop()
	for _, text := range searched {
		for _, where := range []string{dir, temporary} {
			for _, name := range proxytest.FilesContaining(t, where, text) {
				if !strings.HasSuffix(name, "data.json") {
					t.Errorf("%q is in %s", text, name)
				}
			}
		}
		if strings.Contains(p.Stderr.String(), string(text)) {
			t.Errorf("%q is in the log", text)
		}
	}
	if strings.Contains(p.Stderr.String(), p.Env["AWS_SECRET_ACCESS_KEY"]) {
		t.Error("the secret key is in the log")
	}
	if left, _ := os.ReadDir(temporary); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// S6: a body whose type is that of a form is an object like any other.
func TestS6FormTypedBodyIsAnObject(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	path := "/" + p.Env["SEALFRONT_BUCKET"] + "/form"
	body := string(proxytest.RandomBytes(17 << 20))
	header := []sigv4.Field{proxytest.Field("Content-Type", "multipart/form-data; boundary=abc")}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: body, Header: header}); a.StatusCode != 200 {
		t.Fatalf("PUT: %d %s", a.StatusCode, a.Text)
	}
	a := p.Do(&proxytest.Request{Method: "GET", Path: path})
	if a.Text != body || a.Header.Get("Content-Type") != "multipart/form-data; boundary=abc" {
		t.Errorf("GET gave %d bytes of type %q", len(a.Text), a.Header.Get("Content-Type"))
	}
}

// Invariant 2: whatever is changed in the store, a reader gets the right bytes of a true prefix and then a broken
// connection, or an error; never other bytes, never a clean short body.
func TestFlippedByteNeverReadsAsOtherBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 65536, 200_000, 400_000} {
		key := fmt.Sprintf("object-%d", n)
		path := "/" + bucket + "/" + key
		body := string(proxytest.RandomBytes(n))
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: body}); a.StatusCode != 200 {
			t.Fatalf("PUT: %d %s", a.StatusCode, a.Text)
		}
		check := func(what string, mustFail bool) {
			t.Helper()
			a := p.Do(&proxytest.Request{Method: "GET", Path: path})
			if a.StatusCode == 200 {
				if !strings.HasPrefix(body, a.Text) {
					t.Errorf("%s: other bytes were released", what)
				}
				if len(a.Text) < len(body) && a.Err == nil {
					t.Errorf("%s: a clean short body of %d bytes", what, len(a.Text))
				}
				if mustFail && a.Err == nil {
					t.Errorf("%s: not noticed", what)
				}
			} else if a.StatusCode/100 != 5 && a.StatusCode != 403 && a.StatusCode != 0 {
				t.Errorf("%s: %d %s", what, a.StatusCode, a.Code())
			}
		}
		intact := func(what string) {
			t.Helper()
			if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.StatusCode != 200 || a.Text != body ||
				a.Err != nil {
				t.Errorf("%d bytes, %s: %d, %d bytes, %v", n, what, a.StatusCode, len(a.Text), a.Err)
			}
		}
		intact("untouched")

		file := proxytest.StoredFile(dir, bucket, key)
		stored, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sealed := n
		if n > 0 {
			sealed = n + 16*((n+65535)/65536)
		}
		positions := []int{0, 1, sealed - 17, sealed - 16, sealed - 1, 65535, 65536, 65551, 65552}
		for range 8 {
			positions = append(positions, random.IntN(max(1, sealed)))
		}
		for _, at := range positions {
			if at < 0 || at >= sealed {
				continue
			}
			flipped := bytes.Clone(stored)
			flipped[at] ^= 1 << random.IntN(8)
			proxytest.Overwrite(t, file, flipped)
			check(fmt.Sprintf("%d bytes, byte %d of the segments flipped", n, at), true)
		}
		for range 10 {
			if len(stored) == sealed {
				break
			}
			at := sealed + random.IntN(len(stored)-sealed)
			flipped := bytes.Clone(stored)
			flipped[at] ^= 0x80
			proxytest.Overwrite(t, file, flipped)
			check(fmt.Sprintf("%d bytes, byte %d of padding or trailer flipped", n, at), false)
		}
		for _, cut := range []int{0, 1, 16, sealed - 1, sealed, len(stored) - 1} {
			if cut < 0 || cut >= len(stored) {
				continue
			}
			proxytest.Overwrite(t, file, stored[:cut])
			check(fmt.Sprintf("%d bytes, stored object cut to %d", n, cut), true)
		}
		proxytest.Overwrite(t, file, append(bytes.Clone(stored), 0))
		check(fmt.Sprintf("%d bytes, a byte appended", n), true)
		proxytest.Overwrite(t, file, stored)

		// The embedded store keeps all metadata in one attribute, as JSON.
		metadata, values := proxytest.StoredMetadata(t, file)
		envelope := values["sealfront"]
		size := len(envelope)
		if size < 100 {
			t.Fatalf("no envelope in %q", metadata)
		}
		setEnvelope := func(text string) {
			proxytest.SetAttribute(t, file, "user.metadata", bytes.Replace(metadata, []byte(envelope), []byte(text), 1))
		}
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		for range 60 {
			altered := []byte(envelope)
			i := random.IntN(len(altered))
			altered[i] = alphabet[(strings.IndexByte(alphabet, altered[i])^1<<random.IntN(6))%64]
			setEnvelope(string(altered))
			check(fmt.Sprintf("%d bytes, character %d of the envelope changed", n, i), true)
		}
		for _, cut := range []int{1, 2, 4, size / 2, size - 1} {
			setEnvelope(envelope[:size-cut])
			check(fmt.Sprintf("%d bytes, envelope shorter by %d", n, cut), true)
		}
		setEnvelope(envelope + "AAAA")
		check(fmt.Sprintf("%d bytes, envelope longer", n), true)
		proxytest.SetAttribute(t, file, "user.metadata", []byte("{}"))
		if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.StatusCode != http.StatusForbidden ||
			a.Code() != "InvalidObjectState" {
			t.Errorf("without envelope: %d %s, want 403 InvalidObjectState", a.StatusCode, a.Code())
		}
		if a := p.Do(&proxytest.Request{Method: "HEAD", Path: path}); a.StatusCode != http.StatusForbidden {
			t.Errorf("HEAD without envelope: %d, want 403", a.StatusCode)
		}
		proxytest.SetAttribute(t, file, "user.metadata", metadata)
		intact("restored")
	}
}

// Objects and envelopes swapped between names and buckets: the place is bound.
func TestSwappedObjectsDoNotOpen(t *testing.T) {
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, key := range []string{"a", "b"} {
		if a := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/" + key,
			Body: "body of " + key,
		}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	a, b := proxytest.StoredFile(dir, bucket, "a"), proxytest.StoredFile(dir, bucket, "b")
	third := a + ".third"
	for _, step := range [][2]string{{a, third}, {b, a}, {third, b}} {
		if err := os.Rename(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"a", "b"} {
		if r := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key}); r.StatusCode != 500 {
			t.Errorf("object under another name: %d %q", r.StatusCode, r.Text)
		}
	}
}

// Invariant 3: an upload that fails a check never becomes visible, and leaves what was there.
func TestFailedUploadLeavesNothing(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	general := "general-bucket"
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + general}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	directory := p.Env["SEALFRONT_BUCKET"]
	for _, n := range []int{5, 200_000, 1 << 20} {
		body := string(proxytest.RandomBytes(n))
		value := proxytest.CRC32(body)
		trailer := func(name, value string) string {
			return fmt.Sprintf("%x\r\n%s\r\n0\r\n%s:%s\r\n\r\n", n, body, name, value)
		}
		trailing := []sigv4.Field{
			proxytest.Field("X-Amz-Decoded-Content-Length", fmt.Sprint(n)),
			proxytest.Field("X-Amz-Trailer", "x-amz-checksum-crc32"),
			proxytest.Field("Content-Encoding", "aws-chunked"),
		}
		const mode = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
		for name, c := range map[string]struct {
			r    proxytest.Request
			code string
		}{
			"wrong x-amz-content-sha256": {
				proxytest.Request{Body: body, Hash: proxytest.HexSum(body + "x")},
				"XAmzContentSHA256Mismatch",
			},
			"wrong checksum header": {proxytest.Request{
				Body:   body,
				Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc32", "AAAAAA==")},
			}, "BadDigest"},
			"checksum header that is none": {proxytest.Request{
				Body:   body,
				Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc32", "AAAA")},
			}, "InvalidRequest"},
			"two checksum headers": {proxytest.Request{
				Body: body,
				Header: []sigv4.Field{
					proxytest.Field("X-Amz-Checksum-Crc32", value),
					proxytest.Field("X-Amz-Checksum-Sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
				},
			}, "InvalidRequest"},
			"wrong checksum trailer": {proxytest.Request{
				Hash: mode, Header: trailing,
				Body: trailer("x-amz-checksum-crc32", "AAAAAA=="),
			}, "BadDigest"},
			"checksum trailer that is none": {proxytest.Request{
				Hash: mode, Header: trailing,
				Body: trailer("x-amz-checksum-crc32", "%%%"),
			}, "InvalidRequest"},
			"another trailer than announced": {proxytest.Request{
				Hash: mode, Header: trailing,
				Body: trailer("x-amz-checksum-sha1", "AAAA"),
			}, "MalformedTrailerError"},
			"announced trailer not sent": {proxytest.Request{
				Hash: mode, Header: trailing,
				Body: fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", n, body),
			}, "MalformedTrailerError"},
			"decoded length that is too small": {proxytest.Request{
				Hash: mode,
				Header: append([]sigv4.Field{proxytest.Field("X-Amz-Decoded-Content-Length", fmt.Sprint(n-1))},
					trailing[1:]...), Body: trailer("x-amz-checksum-crc32", value),
			}, "IncompleteBody"},
			"decoded length that is too great": {proxytest.Request{
				Hash: mode,
				Header: append([]sigv4.Field{proxytest.Field("X-Amz-Decoded-Content-Length", fmt.Sprint(n+1))},
					trailing[1:]...), Body: trailer("x-amz-checksum-crc32", value),
			}, "IncompleteBody"},
			"not framed at all": {
				proxytest.Request{Hash: mode, Header: trailing, Body: body},
				"IncompleteBody",
			},
			"wrong Content-MD5": {proxytest.Request{
				Body:   body,
				Header: []sigv4.Field{proxytest.Field("Content-Md5", "AAAAAAAAAAAAAAAAAAAAAA==")},
			}, "BadDigest"},
			"malformed Content-MD5": {proxytest.Request{
				Body:   body,
				Header: []sigv4.Field{proxytest.Field("Content-Md5", "AAAA")},
			}, "InvalidDigest"},
		} {
			bucket := directory
			if strings.Contains(name, "MD5") {
				bucket = general
			}
			key := strings.ReplaceAll(name, " ", "-")
			path := fmt.Sprintf("/%s/%s-%d", bucket, key, n)
			r := c.r
			r.Method, r.Path = "PUT", path
			a := p.Do(&r)
			if a.StatusCode/100 != 4 || a.Code() != c.code {
				t.Errorf("%s, %d bytes: %d %s, want %s", name, n, a.StatusCode, a.Code(), c.code)
			}
			p.MustNotExist(bucket, fmt.Sprintf("%s-%d", key, n))
			// An object that was there stays as it was.
			if a := p.Do(&proxytest.Request{Method: "PUT", Path: path, Body: "before"}); a.StatusCode != 200 {
				t.Fatal(a.StatusCode, a.Text)
			}
			p.Do(&r)
			if a := p.Do(&proxytest.Request{Method: "GET", Path: path}); a.Text != "before" {
				t.Errorf("%s, %d bytes: the object that was there is now %d bytes", name, n, len(a.Text))
			}
		}
		good := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + directory + "/good", Hash: mode, Header: trailing,
			Body: trailer("x-amz-checksum-crc32", value),
		})
		if good.StatusCode != 200 {
			t.Errorf("the right body: %d %s", good.StatusCode, good.Text)
		}
		chunked := p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + directory + "/good-chunked", Hash: mode, Header: trailing, Chunked: true,
			Body: fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(trailer("x-amz-checksum-crc32", value)),
				trailer("x-amz-checksum-crc32", value)),
		})
		if chunked.StatusCode != 200 {
			t.Errorf("the right body in chunked coding: %d %s", chunked.StatusCode, chunked.Text)
		}
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + directory + "/good-chunked"}); a.Text != body ||
			a.Header.Get("Content-Encoding") != "" {
			t.Errorf("GET after chunked coding: %d bytes, Content-Encoding %q", len(a.Text),
				a.Header.Get("Content-Encoding"))
		}
	}
}

// S7: a client that breaks off half-way looks finished to fasthttp; nothing may be stored.
func TestS7ClientThatBreaksOffStoresNothing(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, n := range []int{1000, 200_000, 2 << 20} {
		for _, plain := range []bool{false} {
			key := fmt.Sprintf("cut-%d", n)
			r := &proxytest.Request{Method: "PUT", Path: "/" + bucket + "/" + key, Declared: n, Plain: plain}
			host, head := p.Head(r)
			c := p.Dial(r, host)
			if _, err := c.Write(append(head, proxytest.RandomBytes(n/2)...)); err != nil {
				t.Fatal(err)
			}
			_ = c.Close()
			p.MustNotExist(bucket, key)
		}
	}
}

// Invariant 7: what isn't in the table of operations is refused, with S3's document.
func TestUnservedOperationsAreRefused(t *testing.T) {
	p := proxytest.StartEmbedded(t, t.TempDir())
	bucket := p.Env["SEALFRONT_BUCKET"]
	for _, c := range []struct {
		method, path, query string
		status              int
	}{
		{"GET", "/" + bucket, "acl=", 501},
		{"PUT", "/" + bucket, "versioning=", 501},
		{"GET", "/" + bucket, "object-lock=", 501},
		{"GET", "/" + bucket + "/key", "torrent=", 501},
		{"GET", "/" + bucket + "/key", "tagging=", 501},
		{"POST", "/" + bucket + "/key", "select=&select-type=2", 501},
		{"PATCH", "/" + bucket + "/key", "", 405},
		{"POST", "/" + bucket + "/key", "restore=", 501},
		{"GET", "/sealfront-state", "list-type=2", 404},
		{"GET", "/sealfront-state/state-key", "", 404},
		{"PUT", "/sealfront-state/state-key", "", 404},
		{"GET", "/metrics", "list-type=2", 404},
		{"GET", "/livez", "list-type=2", 404},
	} {
		a := p.Do(&proxytest.Request{Method: c.method, Path: c.path, Query: c.query})
		if a.StatusCode != c.status ||
			!strings.Contains(a.Text, "<RequestId>"+a.Header.Get("x-amz-request-id")+"</RequestId>") {
			t.Errorf("%s %s?%s: %d %s, want %d", c.method, c.path, c.query, a.StatusCode, a.Text, c.status)
		}
	}
}
