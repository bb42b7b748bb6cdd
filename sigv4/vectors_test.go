package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"sealfront/sigv4"
)

// vector is a file of testdata/vectors: comments, settings, an empty line, the request, an empty line, the body.
type vector struct {
	settings map[string][]string
	head     string
	body     string
}

func parseVector(tb testing.TB, file string) *vector {
	tb.Helper()
	v := &vector{settings: make(map[string][]string)}
	settings, rest, _ := strings.Cut(file, "\n\n")
	v.head, v.body, _ = strings.Cut(rest, "\n\n")
	for line := range strings.Lines(settings) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
			v.settings[name] = append(v.settings[name], value)
		}
	}
	return v
}

func (v *vector) setting(name string) string {
	if len(v.settings[name]) == 0 {
		return ""
	}
	return v.settings[name][0]
}

func (v *vector) verifier(tb testing.TB) *sigv4.Verifier {
	return sigv4.NewVerifier(sigv4.Options{
		Regions:         []string{v.setting("region")},
		Now:             at(parseTime(tb, v.setting("time"))),
		VerboseMismatch: true,
	})
}

// encoded returns the aws-chunked body and what it decodes to.
func (v *vector) encoded(tb testing.TB) (body, decoded []byte) {
	if v.body != "" {
		return []byte(strings.ReplaceAll(v.body, "\n", "\r\n")), []byte(v.setting("decoded"))
	}
	for _, chunk := range v.settings["chunk"] {
		var size int
		var signature string
		if _, err := fmt.Sscan(chunk, &size, &signature); err != nil {
			tb.Fatal(err)
		}
		data := bytes.Repeat([]byte("a"), size)
		decoded = append(decoded, data...)
		body = fmt.Appendf(body, "%x;chunk-signature=%s\r\n", size, signature)
		if size > 0 {
			body = append(append(body, data...), "\r\n"...)
		}
	}
	if trailer := strings.Fields(v.setting("trailer")); len(trailer) == 3 {
		body = fmt.Appendf(body, "%s:%s\r\nx-amz-trailer-signature:%s\r\n", trailer[0], trailer[1], trailer[2])
	}
	return append(body, "\r\n"...), decoded
}

func TestVectors(t *testing.T) {
	for name, file := range testFiles(t, "vectors") {
		vector := parseVector(t, file)
		if strings.HasPrefix(name, "v8") {
			continue // a form
		}
		t.Run(name, func(t *testing.T) {
			v := vector.verifier(t)
			m := parseHead(t, vector.head)
			a, err := verify(v, m, vector.setting("secret"), vector.setting("service"))
			if err != nil {
				t.Fatalf("%v\n%s", err, element(err, "CanonicalRequest"))
			}
			if got := string(a.Signature); got != vector.setting("signature") {
				t.Errorf("signature %s", got)
			}
			if !a.Payload.Chunked() {
				return
			}
			body, decoded := vector.encoded(t)
			if length := field(m, "content-length"); length != "" && length != fmt.Sprint(len(body)) {
				t.Errorf("body of %d bytes, Content-Length %s", len(body), length)
			}
			o, err := v.ChunkOptions(m, a)
			if err != nil {
				t.Fatal(err)
			}
			var c sigv4.ChunkReader
			c.Reset(bytes.NewReader(body), o)
			got, err := io.ReadAll(&c)
			if err != nil || !bytes.Equal(got, decoded) {
				t.Errorf("decoded %d bytes of %d, %v\n%s", len(got), len(decoded), err, element(err, "StringToSign"))
			}
		})
		t.Run(name+" shows its canonical request when the secret is another", func(t *testing.T) {
			_, err := verify(vector.verifier(t), parseHead(t, vector.head), "another", vector.setting("service"))
			if code(err) != "SignatureDoesNotMatch" {
				t.Fatal(err)
			}
			sum := sha256.Sum256([]byte(element(err, "CanonicalRequest")))
			if got := hex.EncodeToString(sum[:]); got != vector.setting("canonical-request-sha256") {
				t.Errorf("hash of the canonical request: %s\n%s", got, element(err, "CanonicalRequest"))
			}
			if !strings.HasSuffix(element(err, "StringToSign"), vector.setting("canonical-request-sha256")) {
				t.Errorf("string to sign: %s", element(err, "StringToSign"))
			}
		})
	}
}
