package sigv4_test

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"testing"

	"sealfront/sigv4"
)

// The keys with which the requests in testdata/captures were signed, by real clients.
var captureSecrets = map[string]string{
	"AKIALABCLIENT0000001": "labclientsecretlabclientsecretlabclient0",
	"ASIASESSIONKEY000001": "sessionsecretsessionsecretsessionsecret1",
}

// capture is one recorded request.
type capture struct {
	message *sigv4.Message
	body    []byte    // nil if it wasn't kept whole
	ends    [2]string // of a body that wasn't
}

func captures(tb testing.TB) map[string][]capture {
	tb.Helper()
	all := make(map[string][]capture)
	for name, file := range testFiles(tb, "captures") {
		for i, section := range strings.Split("\n"+file, "\n### ") {
			if i == 0 {
				continue
			}
			_, section, _ = strings.Cut(section, "\n")
			head, rest, _ := strings.Cut(section, "\n\n")
			c := capture{message: parseHead(tb, head)}
			if quoted, ok := strings.CutPrefix(rest, "--- body\n"); ok {
				quoted, _, _ = strings.Cut(quoted, "\n")
				body, err := strconv.Unquote(quoted)
				if err != nil {
					tb.Fatal(err)
				}
				c.body = []byte(body)
			}
			if _, quoted, ok := strings.Cut(rest, "--- body (ends of "); ok {
				lines := strings.Split(quoted, "\n")
				for j, line := range []string{lines[1], lines[3]} {
					var err error
					if c.ends[j], err = strconv.Unquote(line); err != nil {
						tb.Fatal(err)
					}
				}
			}
			all[name] = append(all[name], c)
		}
	}
	return all
}

// captureVerifier stands at the time a request was signed.
func captureVerifier(tb testing.TB, m *sigv4.Message) *sigv4.Verifier {
	date := field(m, "x-amz-date")
	if _, after, ok := strings.Cut(string(m.Query), "X-Amz-Date="); ok {
		date, _, _ = strings.Cut(after, "&")
	}
	return sigv4.NewVerifier(sigv4.Options{
		Regions: []string{"us-west-2"}, Now: at(parseTime(tb, date)), VerboseMismatch: true,
	})
}

func checkCapture(v *sigv4.Verifier, m *sigv4.Message, a *sigv4.Authentication) error {
	if err := v.Read(m, a, "s3express", "s3"); err != nil {
		return err
	}
	return v.Check(m, a, captureSecrets[string(a.AccessKeyID)])
}

func TestEveryRecordedRequestVerifies(t *testing.T) {
	total, bodies := 0, 0
	for name, requests := range captures(t) {
		for i, c := range requests {
			total++
			v := captureVerifier(t, c.message)
			a := new(sigv4.Authentication)
			if err := checkCapture(v, c.message, a); err != nil {
				t.Errorf("%s %d: %v\n%s", name, i+1, err, element(err, "CanonicalRequest"))
				continue
			}
			o, err := v.ChunkOptions(c.message, a)
			if err != nil {
				t.Errorf("%s %d: %v", name, i+1, err)
			}
			if !a.Payload.Chunked() || c.body == nil {
				continue
			}
			body := c.body
			if field(c.message, "transfer-encoding") == "chunked" {
				body = unchunk(t, body)
			}
			bodies++
			var r sigv4.ChunkReader
			r.Reset(bytes.NewReader(body), o)
			if got, err := io.ReadAll(&r); err != nil || int64(len(got)) != o.DecodedLength {
				t.Errorf("%s %d: body %q: decoded %q, %v", name, i+1, body, got, err)
			}
			if o.Trailer != "" && (len(r.Trailer()) != 1 || string(r.Trailer()[0].Name) != o.Trailer) {
				t.Errorf("%s %d: trailer %q", name, i+1, r.Trailer())
			}
		}
	}
	t.Logf("%d requests, %d aws-chunked bodies", total, bodies)
	if total < 400 || bodies < 10 {
		t.Errorf("only %d requests and %d bodies", total, bodies)
	}
}

// TestRecordedLargeBodies makes again the large bodies that clients sent, which were all zeros in chunks of 64 KiB, and
// of which the ends were kept. The chain of signatures ties the ends together.
func TestRecordedLargeBodies(t *testing.T) {
	n := 0
	for name, requests := range captures(t) {
		for i, c := range requests {
			if c.ends[0] == "" {
				continue
			}
			n++
			v := captureVerifier(t, c.message)
			a := new(sigv4.Authentication)
			if err := checkCapture(v, c.message, a); err != nil {
				t.Fatal(err)
			}
			o, err := v.ChunkOptions(c.message, a)
			if err != nil {
				t.Fatal(err)
			}
			signer := sigv4.NewSigner(string(a.Region), string(a.Service))
			keys := &sigv4.Credentials{
				AccessKeyID: string(a.AccessKeyID), SecretAccessKey: captureSecrets[string(a.AccessKeyID)],
			}
			var z sigv4.ChunkSigner
			signer.Chunks(&z, []byte(field(c.message, "authorization")), keys, a.Time)
			var body []byte
			data := make([]byte, 64<<10)
			for left := o.DecodedLength; left > 0; left -= int64(len(data)) {
				data = data[:min(left, int64(len(data)))]
				body = append(z.AppendHead(body, data), data...)
			}
			body = z.AppendHead(body, nil)
			if o.Trailer == "" {
				body = z.AppendEnd(body)
			} else {
				_, value, _ := strings.Cut(c.ends[1], o.Trailer+":")
				value, _, _ = strings.Cut(value, "\n")
				body = z.AppendEnd(body, sigv4.Field{Name: []byte(o.Trailer), Value: []byte(value)})
				body = bytes.Replace(body, []byte(value+"\r\n"), []byte(value+"\n\r\n"), 1) // as minio-go ends the line
			}
			if !strings.HasPrefix(string(body), c.ends[0]) || !strings.HasSuffix(string(body), c.ends[1]) {
				t.Errorf("%s %d: the client's body was %q … %q, ours is %q … %q", name, i+1, c.ends[0], c.ends[1],
					body[:90], body[len(body)-200:])
			}
			var r sigv4.ChunkReader
			r.Reset(bytes.NewReader(body), o)
			if got, err := io.ReadAll(&r); err != nil || int64(len(got)) != o.DecodedLength {
				t.Errorf("%s %d: %d bytes, %v", name, i+1, len(got), err)
			}
		}
	}
	if n == 0 {
		t.Error("no large bodies")
	}
}

// unchunk undoes HTTP's own chunked coding.
func unchunk(t *testing.T, body []byte) (plain []byte) {
	for {
		line, rest, _ := bytes.Cut(body, []byte("\r\n"))
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			t.Fatal(err)
		}
		if size == 0 {
			return plain
		}
		plain = append(plain, rest[:size]...)
		body = rest[size+2:]
	}
}
