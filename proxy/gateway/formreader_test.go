package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"sealfront/proxy/objects"
	"sealfront/proxy/s3"
)

// writeForm makes a form by the standard library's writer.
func writeForm(t testing.TB, boundary string, fields [][2]string, file []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if err := w.SetBoundary(boundary); err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "name")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// openForm reads a form as far as its file.
func openForm(source io.Reader, length int64, boundary string) (*formReader, error) {
	f, err := readForm(source, length, boundary)
	if err != nil {
		return nil, err
	}
	return f, f.findFile()
}

func readers(body []byte) map[string]io.Reader {
	return map[string]io.Reader{
		"at once":            bytes.NewReader(body),
		"in halves":          iotest.HalfReader(bytes.NewReader(body)),
		"with the EOF":       iotest.DataErrReader(bytes.NewReader(body)),
		"in pieces of prime": pieces{bytes.NewReader(body), 8191},
	}
}

// pieces reads at most n bytes at a time.
type pieces struct {
	io.Reader
	n int
}

func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.n)]) }

func TestFormsComeOutAsTheyWentIn(t *testing.T) {
	fields := [][2]string{
		{"key", "a/b"},
		{"empty", ""},
		{"x-amz-meta-a", "line\r\nline"},
		{"quoted \"name\"", "--dashes--"},
	}
	for _, n := range []int{
		0, 1, formWhole - 21, formWhole - 15, formWhole - 14, formWhole - 1, formWhole,
		formWhole + 1, objects.WholeLimit, objects.WholeLimit + 1, 1 << 20,
	} {
		file := bytes.Repeat([]byte("\r\n--bounda\r\r\n-"), n/14+1)[:n]
		body := writeForm(t, "boundary", fields, file)
		for how, r := range readers(body) {
			f, err := openForm(r, int64(len(body)), "boundary")
			if err != nil {
				t.Fatalf("%d bytes %s: %v", n, how, err)
			}
			if f.size != int64(n) || f.fileName != "name" || len(f.fields) != len(fields) {
				t.Errorf("%d bytes %s: size %d, %q, %d fields", n, how, f.size, f.fileName, len(f.fields))
			}
			for i := range f.fields {
				if string(f.fields[i].Name) != fields[i][0] || string(f.fields[i].Value) != fields[i][1] {
					t.Errorf("%s: field %d is %q: %q", how, i, f.fields[i].Name, f.fields[i].Value)
				}
			}
			got, err := io.ReadAll(f)
			if err != nil || !bytes.Equal(got, file) {
				t.Errorf("%d bytes %s: %d bytes, %v", n, how, len(got), err)
			}
		}
		for _, cut := range []int{0, 1, 10, 150, len(body) - n - 20, len(body) - n, len(body) - 30, len(body) - 1} {
			if cut < 0 || cut >= len(body) {
				continue
			}
			if f, err := openForm(bytes.NewReader(body[:cut]), int64(len(body)), "boundary"); err == nil {
				if _, err = io.Copy(io.Discard, f); err == nil {
					t.Errorf("%d of %d bytes are a form", cut, len(body))
				}
			}
		}
	}
}

func TestFormsThatAreMalformed(t *testing.T) {
	const part = "Content-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n"
	const field = "Content-Disposition: form-data; name=\"submit\"\r\n\r\nUpload\r\n--B"
	large := strings.Repeat("x", 2*formWhole)
	for name, body := range map[string]string{
		"empty":                              "",
		"without boundary":                   "hello",
		"of another boundary":                "--B2\r\n" + part + "x\r\n--B2--\r\n",
		"with a preamble":                    "preamble\r\n--B\r\n" + part + "x\r\n--B--\r\n",
		"of line feeds":                      strings.ReplaceAll("--B\r\n"+part+"x\r\n--B--\r\n", "\r\n", "\n"),
		"closed at once":                     "--B--\r\n",
		"with a part without name":           "--B\r\nContent-Type: text/plain\r\n\r\nx\r\n--B--\r\n",
		"with a part of another disposition": "--B\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx\r\n--B--\r\n",
		"with a part of two dispositions": "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n" + part +
			"x\r\n--B--\r\n",
		"with the delimiter going on": "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--BB\r\n" + part +
			"x\r\n--B--\r\n",
		"with an epilogue":           "--B\r\n" + part + "x\r\n--B--\r\nepilogue",
		"with a line break too many": "--B\r\n" + part + "x\r\n--B--\r\n\r\n",
		"with two files":             "--B\r\n" + part + "x\r\n--B\r\n" + part + "y\r\n--B--\r\n",
		"with two large files":       "--B\r\n" + part + large + "\r\n--B\r\n" + part + "y\r\n--B--\r\n",
		"with a field without end behind it": "--B\r\n" + part +
			"x\r\n--B\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload",
		"with a field without name behind it":   "--B\r\n" + part + "x\r\n--B\r\n\r\nUpload\r\n--B--",
		"with an epilogue behind a field":       "--B\r\n" + part + "x\r\n--B\r\n" + field + "--\r\nepilogue",
		"with a large file and a field":         "--B\r\n" + part + large + "\r\n--B\r\n" + field + "--\r\n",
		"with a large file and an epilogue":     "--B\r\n" + part + large + "\r\n--B--\r\nepilogue",
		"with a large file and no closing":      "--B\r\n" + part + large,
		"with a large file closed in its midst": "--B\r\n" + part + large + "\r\n--B--\r\n" + large + "\r\n--B--\r\n",
	} {
		for how, r := range readers([]byte(body)) {
			f, err := openForm(r, int64(len(body)), "B")
			if err == nil {
				_, err = io.Copy(io.Discard, f)
			}
			var refused *s3.Error
			if !errors.As(err, &refused) || refused.Code != "MalformedPOSTRequest" &&
				refused.Code != "InvalidArgument" {
				t.Errorf("a form %s, read %s: %v", name, how, err)
			}
		}
	}
}

// What stands behind the file, as in Amazon's own sample form, is ignored.
func TestFieldsBehindTheFileAreIgnored(t *testing.T) {
	const form = "--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n--B\r\nContent-Disposition: " +
		"form-data; name=\"file\"; filename=\"x\"\r\n\r\nhello"
	for name, behind := range map[string]string{
		"nothing": "--\r\n", "nothing, without a line break": "--",
		"a button": "\r\nContent-Disposition: form-data; name=\"submit\"\r\n\r\nUpload to Amazon S3\r\n--B--\r\n",
		"a button and a key": "\r\nContent-Disposition: form-data; " +
			"name=\"submit\"\r\n\r\n\r\n--B\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nother\r\n--B--",
		"blanks and the button": " \t\r\nContent-Type: text/plain\r\nContent-Disposition: form-data; " +
			"name=\"submit\"\r\n\r\nUpload\r\n--B--\r\n",
	} {
		body := form + "\r\n--B" + behind
		for how, r := range readers([]byte(body)) {
			f, err := openForm(r, int64(len(body)), "B")
			if err != nil {
				t.Errorf("%s, read %s: %v", name, how, err)
				continue
			}
			file, err := io.ReadAll(f)
			if err != nil || string(file) != "hello" || len(f.fields) != 1 || string(f.fields[0].Value) != "a" {
				t.Errorf("%s, read %s: %q, %q, %v", name, how, file, f.fields, err)
			}
		}
	}
}

// FuzzForm holds the reader against the standard library's: whatever is taken for a form is one there, too, of the same
// fields and the same file, and it is the same however it comes in.
func FuzzForm(f *testing.F) {
	f.Add(writeForm(f, "B", [][2]string{{"key", "a"}}, []byte("hello")))
	f.Add(writeForm(f, "B", nil, nil))
	f.Add([]byte("\r\n--B \r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--B\t\r\nContent-Disposition: " +
		"form-data; name=File\r\n\r\n\r\n--B--"))
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=file\r\n\":\r\n\r\n\r\n--B--"))
	f.Fuzz(func(t *testing.T, body []byte) {
		read := func(r io.Reader) (string, error) {
			form, err := openForm(r, int64(len(body)), "B")
			if err != nil {
				return "", err
			}
			file, err := io.ReadAll(form)
			if err != nil {
				return "", err
			}
			text := ""
			for _, field := range form.fields {
				text += strconv.Quote(string(field.Name)) + "=" + strconv.Quote(string(field.Value)) + "\n"
			}
			if int64(len(file)) != form.size {
				t.Errorf("size %d of a file of %d bytes", form.size, len(file))
			}
			return text + strconv.Quote(string(file)), nil
		}
		once, err := read(bytes.NewReader(body))
		slowly, err2 := read(iotest.OneByteReader(bytes.NewReader(body)))
		if once != slowly || (err == nil) != (err2 == nil) {
			t.Fatalf("at once %q (%v), by bytes %q (%v)", once, err, slowly, err2)
		}
		if err != nil {
			return
		}
		text := ""
		parts := multipart.NewReader(bytes.NewReader(body), "B")
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("the standard library: %v", err)
			}
			value, err := io.ReadAll(part)
			if err != nil {
				t.Fatalf("the standard library: %v", err)
			}
			if strings.EqualFold(part.FormName(), "file") {
				text += strconv.Quote(string(value))
				break // what stands behind it means nothing
			}
			text += strconv.Quote(part.FormName()) + "=" + strconv.Quote(string(value)) + "\n"
		}
		if text != once {
			t.Fatalf("read %s, the standard library %s", once, text)
		}
	})
}
