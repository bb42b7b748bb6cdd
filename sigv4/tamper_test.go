package sigv4_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"sealfront/sigv4"
)

// TestNoRecordedRequestVerifiesWithASignedByteChanged changes every byte of method, path, query, signed headers and
// Authorization, one at a time.
func TestNoRecordedRequestVerifiesWithASignedByteChanged(t *testing.T) {
	trials := 0
	a := new(sigv4.Authentication)
	for name, requests := range captures(t) {
		if testing.Short() && !strings.HasSuffix(name, "https.s3.lab.test") {
			continue
		}
		for i, c := range requests {
			m := c.message
			v := captureVerifier(t, m)
			if err := checkCapture(v, m, a); err != nil {
				t.Fatalf("%s %d: %v", name, i+1, err)
			}
			try := func(what string, b []byte) {
				for j := range b {
					b[j] ^= 1
					trials++
					if err := checkCapture(v, m, a); err == nil {
						t.Errorf("%s %d: byte %d of %s can be %q", name, i+1, j, what, b[j])
					}
					b[j] ^= 1
				}
			}
			try("method", m.Method)
			try("path", m.Path)
			try("query", m.Query)
			for _, f := range signedFields(m) {
				try(string(f.Name), bytes.TrimSpace(f.Value))
				try(string(f.Name)+"'s name", f.Name)
			}
			if err := checkCapture(v, m, a); err != nil {
				t.Fatalf("%s %d, after all: %v", name, i+1, err)
			}
		}
	}
	t.Logf("%d changes", trials)
}

func signedFields(m *sigv4.Message) (fields []sigv4.Field) {
	_, list, _ := strings.Cut(field(m, "authorization")+string(m.Query), "SignedHeaders=")
	list, _, _ = strings.Cut(strings.ReplaceAll(list, "&", ","), ",")
	names := append(strings.Split(strings.ReplaceAll(list, "%3B", ";"), ";"), "authorization")
	for _, f := range m.Header {
		if slices.Contains(names, strings.ToLower(string(f.Name))) {
			fields = append(fields, f)
		}
	}
	return fields
}

// TestNoSignedBodyDecodesWithAByteChanged does the same to the aws-chunked bodies that clients sent.
func TestNoSignedBodyDecodesWithAByteChanged(t *testing.T) {
	bodies := 0
	a := new(sigv4.Authentication)
	var r sigv4.ChunkReader
	sink := make([]byte, 4096)
	for name, requests := range captures(t) {
		for i, c := range requests {
			v := captureVerifier(t, c.message)
			if err := checkCapture(v, c.message, a); err != nil {
				t.Fatal(err)
			}
			if c.body == nil || a.Payload != sigv4.PayloadSignedChunks &&
				a.Payload != sigv4.PayloadSignedChunksTrailer {
				continue
			}
			o, err := v.ChunkOptions(c.message, a)
			if err != nil {
				t.Fatal(err)
			}
			bodies++
			for j := range c.body {
				c.body[j] ^= 1
				r.Reset(bytes.NewReader(c.body), o)
				var err error
				for err == nil {
					_, err = r.Read(sink)
				}
				if code(err) == "?" {
					t.Errorf("%s %d: byte %d of the body can be %q", name, i+1, j, c.body[j])
				}
				c.body[j] ^= 1
			}
		}
	}
	if bodies == 0 {
		t.Error("no bodies")
	}
}
