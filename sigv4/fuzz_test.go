package sigv4_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sealfront/sigv4"
)

func FuzzParseAuthorization(f *testing.F) {
	for _, requests := range captures(f) {
		if _, attributes, ok := strings.Cut(field(requests[0].message, "authorization"), " "); ok {
			f.Add([]byte(attributes))
		}
	}
	for _, s := range []string{
		"", ",", ",,", "Credential=,SignedHeaders=,Signature=", "Credential=a/b/c/d/e/f, SignedHeaders=;;, Signature==",
		"Credential=a/20260101/r/s/aws4_request,SignedHeaders=host,Signature=x,",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		id, scope, headers, signature, err := sigv4.ParseAuthorization(s)
		if err != nil {
			if id != nil || scope != nil || headers != nil || signature != nil {
				t.Errorf("parts in spite of %v", err)
			}
			if code(err) != "AuthorizationHeaderMalformed" {
				t.Error(err)
			}
			return
		}
		// What was accepted is the same when it is written down anew, and holds nothing that could be another line.
		again := slices.Concat([]byte("Credential="), id, []byte("/"), scope, []byte(", SignedHeaders="), headers,
			[]byte(", Signature="), signature)
		id2, scope2, headers2, signature2, err := sigv4.ParseAuthorization(again)
		if err != nil || !bytes.Equal(id, id2) || !bytes.Equal(scope, scope2) || !bytes.Equal(headers, headers2) ||
			!bytes.Equal(signature, signature2) {
			t.Errorf("%q became %q: %v", s, again, err)
		}
		if bytes.ContainsAny(scope, "\n\r ") || bytes.ContainsAny(headers, "\n\r :") || len(id) == 0 ||
			len(headers) == 0 || len(signature) == 0 {
			t.Errorf("accepted %q", s)
		}
	})
}

func FuzzPresignedQuery(f *testing.F) {
	good := presigned(f, now, time.Hour, "/key?x-id=GetObject")
	signature := good.Query[len(good.Query)-64:]
	f.Add(good.Query)
	for _, file := range []string{"v5-presigned-get", "s3-session-presigned"} {
		f.Add(parseHead(f, parseVector(f, testFiles(f, "vectors")[file]).head).Query)
	}
	f.Add([]byte("X-Amz-Algorithm=AWS4-HMAC-SHA256&&X-Amz-Expires=-0&X%2dAmz-Date=%"))
	v := testVerifier()
	f.Fuzz(func(t *testing.T, query []byte) {
		m := request(t, "GET", "/key")
		m.Query = query
		var a sigv4.Authentication
		err := v.Read(m, &a, "s3")
		if err == nil && a.Kind == sigv4.Presigned {
			if a.Expires < 0 || a.Expires > week || len(a.AccessKeyID) == 0 || a.Time.Sub(now) > 15*time.Minute ||
				a.Time.Add(a.Expires).Before(now) {
				t.Errorf("accepted %q", query)
			}
			err = v.Check(m, &a, exampleSecret)
			// Only what says the same as the one signed URL may verify.
			if err == nil && sameParameters(query) != sameParameters(good.Query) {
				t.Errorf("%q verifies", query)
			}
			if err == nil && !bytes.Equal(a.Signature, signature) {
				t.Errorf("signature %q", a.Signature)
			}
		}
		if err != nil && code(err) == "?" {
			t.Errorf("%q: %v", query, err)
		}
		if _, err := sigv4.AppendHoisted(nil, m); err != nil && code(err) == "?" {
			t.Error(err)
		}
	})
}

// sameParameters writes the parameters of a query, but the signature, in one way.
func sameParameters(query []byte) string {
	var all []string
	for segment := range strings.SplitSeq(string(query), "&") {
		name, value, _ := strings.Cut(segment, "=")
		name, _ = url.QueryUnescape(name)
		value, _ = url.QueryUnescape(value)
		if segment != "" && name != "X-Amz-Signature" {
			all = append(all, url.QueryEscape(name)+"="+url.QueryEscape(value))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "&")
}

func FuzzCanonicalQuery(f *testing.F) {
	for _, s := range []string{
		"", "a=1&b=2", "a&&b=", "=", "a=b=c", "%41=%2f+%C3%A9", "x=1&x=1&X=0", "X-Amz-Signature=1&a", "prefix=a/b c",
		"a%zz=1", "~=%7E",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		got := sigv4.CanonicalQuery(query)
		if again := sigv4.CanonicalQuery(got); !bytes.Equal(got, again) {
			t.Errorf("%q is %q is %q", query, got, again)
		}
		for _, b := range got {
			if !('0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' ||
				strings.IndexByte("-._~%=&", b) >= 0) {
				t.Fatalf("%q has %q", got, b)
			}
		}
		if !sigv4.ValidEscapes(query) {
			return
		}
		// The definition, plainly.
		var want [][2]string
		for segment := range strings.SplitSeq(string(query), "&") {
			name, value, _ := strings.Cut(segment, "=")
			name, err1 := url.QueryUnescape(name)
			value, err2 := url.QueryUnescape(value)
			if err1 != nil || err2 != nil {
				t.Fatalf("%q: %v, %v", segment, err1, err2)
			}
			if segment != "" && name != "X-Amz-Signature" {
				want = append(want, [2]string{encode(name, false), encode(value, false)})
			}
		}
		slices.SortFunc(want, func(a, b [2]string) int {
			if order := strings.Compare(a[0], b[0]); order != 0 {
				return order
			}
			return strings.Compare(a[1], b[1])
		})
		var parts []string
		for _, p := range want {
			parts = append(parts, p[0]+"="+p[1])
		}
		if plain := strings.Join(parts, "&"); string(got) != plain {
			t.Errorf("%q: got %q, want %q", query, got, plain)
		}
	})
}

func FuzzCanonicalPath(f *testing.F) {
	for _, s := range []string{
		"", "/", "/a//b/./../", "/%2F%2f", "/a+b c", "/%zz", "/%", "/\xff\x00", "/test$file.text", "/%7E~",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, path []byte) {
		got := sigv4.AppendCanonicalURI(nil, path)
		if again := sigv4.AppendCanonicalURI(nil, got); !bytes.Equal(got, again) {
			t.Errorf("%q is %q is %q", path, got, again)
		}
		plain, err := url.PathUnescape(string(path))
		if (err == nil) != sigv4.ValidEscapes(path) {
			t.Errorf("%q: %v", path, err)
		}
		if err != nil {
			return
		}
		if plain == "" {
			plain = "/"
		}
		if want := encode(plain, true); string(got) != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	})
}

// encode is AWS's UriEncode, written from its description.
func encode(s string, path bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", c) >= 0 ||
			path && c == '/' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + strings.ToUpper(hexOf2([]byte{c})))
		}
	}
	return b.String()
}

func FuzzChunkReader(f *testing.F) {
	const announce = "x-amz-trailer: x-amz-checksum-crc32"
	const trailer = "x-amz-checksum-crc32:" + crcOfHello
	uploads := []*upload{
		newUpload(f, unsigned, 5, announce), newUpload(f, signedChunks, 5), newUpload(f, signedTrailer, 5, announce),
		newUpload(f, unsigned, 5),
	}
	good := []string{
		uploads[0].frame(trailer, "hello"), uploads[1].frame("", "hello"), uploads[2].frame(trailer, "hello"),
		uploads[3].frame("", "he", "llo"),
	}
	for mode, body := range good {
		f.Add(byte(mode), []byte(body))
		f.Add(byte(mode), []byte(body[:len(body)/2]))
		f.Add(byte(mode), []byte(body[:len(body)-2]))
	}
	f.Add(byte(0), []byte("5\r\nhello\r\n0\r\n"+trailer+"\n\r\n\r\n"))
	f.Add(byte(3), []byte("0000000000000005\r\nhello\r\n00\r\n"))
	f.Add(byte(1), []byte("5 ; chunk-signature = \t\r\n"))
	f.Fuzz(func(t *testing.T, mode byte, body []byte) {
		u := uploads[mode%4]
		var c sigv4.ChunkReader
		c.Reset(bytes.NewReader(body), u.options)
		got, err := io.ReadAll(&c)
		if err != nil {
			if _, ok := errors.AsType[*sigv4.Error](err); !ok {
				t.Errorf("%q: %v", body, err)
			}
			if c.Trailer() != nil {
				t.Errorf("a trailer in spite of %v", err)
			}
		} else {
			// What is accepted has the announced length and trailer, and in signed mode is what was signed.
			if len(got) != 5 || u.options.Trailer != "" && (len(c.Trailer()) != 1 || len(c.Trailer()[0].Value) != 8) {
				t.Errorf("accepted %q: %q, %q", body, got, c.Trailer())
			}
			if mode%4 == 1 || mode%4 == 2 {
				if string(got) != "hello" {
					t.Errorf("%q verifies", got)
				}
			}
			if mode%4 == 2 && string(c.Trailer()[0].Value) != crcOfHello {
				t.Errorf("trailer %q verifies", c.Trailer())
			}
			for cut := 1; cut < 8 && cut < len(body); cut++ { // no true prefix without all data is accepted
				var d sigv4.ChunkReader
				d.Reset(bytes.NewReader(body[:len(body)-cut]), u.options)
				if less, err := io.ReadAll(&d); err == nil && !bytes.Equal(less, got) {
					t.Errorf("%q without its last %d bytes: %q", body, cut, less)
				}
			}
		}
		var slow sigv4.ChunkReader
		slow.Reset(iotest.OneByteReader(bytes.NewReader(body)), u.options)
		same, err2 := io.ReadAll(&slow)
		if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() ||
			err == nil && !bytes.Equal(got, same) {
			t.Errorf("%q: in one piece %q, %v; byte by byte %q, %v", body, got, err, same, err2)
		}
	})
}

// FuzzFastBytes compares what fastpath_bytes.go does with the plain way.
func FuzzFastBytes(f *testing.F) {
	for n := range 70 {
		f.Add(bytes.Repeat([]byte{' '}, n), byte(n))
		f.Add(bytes.Repeat([]byte{0xff}, n), byte('\r'))
	}
	f.Fuzz(func(t *testing.T, s []byte, b byte) {
		s = append(s, b)
		for _, text := range [][]byte{s, s[1:]} {
			want := slices.ContainsFunc(text, func(b byte) bool { return b < ' ' })
			if got := sigv4.HasControl(text); got != want {
				t.Errorf("hasControl(%q) = %t", text, got)
			}
		}
		var hash [32]byte
		copy(hash[:], s)
		hash[b%32] = b
		if got, want := sigv4.AppendHex(s, &hash), hex.AppendEncode(s, hash[:]); !bytes.Equal(got, want) {
			t.Errorf("appendHex(%x) = %q", hash, got[len(s):])
		}
	})
}
