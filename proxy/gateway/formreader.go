package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"

	"sealfront/proxy/s3"
	"sealfront/sigv4"
)

// A formReader takes the body of a form POST apart as it comes: the fields in front of the file into memory, the file
// as a stream of a length that is known before its first byte.
//
//	--B ⏎ headers ⏎⏎ value ⏎--B ⏎ … ⏎--B ⏎ headers ⏎⏎ │ file │ ⏎--B-- ⏎
//	└────────── at most formHeadLimit bytes ─────────┘ └ size ┘ └ closing: the rest of Content-Length
//
// Fields behind the file, as the button in Amazon's own sample form, mean nothing and are ignored, where the form's
// rest is short enough to be taken in whole: the file's length must be known before its first byte is sealed. Behind a
// longer one nothing may follow, and the form must end with a line break, as all but a few clients write it. Source:
// RFC 7578; RFC 2046, 5.1.1; S3's "Browser-Based Uploads Using POST".
type formReader struct {
	source    io.Reader
	delimiter []byte // line break, two dashes, boundary

	head   []byte // what has been read in front of the file, and a piece of it; never grows beyond its capacity
	at     int    // how much of head is taken apart
	came   int64  // bytes read from source
	length int64  // of the body

	fields   []sigv4.Field // their values share head's memory
	fileName string        // as sent
	size     int64         // of the file

	rest   []byte // of the file, read already
	whole  []byte // of rest, if the file was taken in whole
	passed int64  // bytes of the file that Read has returned
	tail   []byte // the last of them, where a delimiter may have begun
	ended  error
}

// formHeadLimit bounds what stands in front of the file, in bytes. Source: POST, "must not exceed 20 KB".
const formHeadLimit = 20 << 10

// formWhole is the size up to which a file and what follows it are taken in whole.
const formWhole = 1 << 20

var (
	lineBreak     = []byte("\r\n")
	closingDashes = []byte("--")
)

func malformedForm(why string) *s3.Error {
	return s3.Refuse("MalformedPOSTRequest",
		"The body of your POST request is not well-formed multipart/form-data.").Because(errors.New(why))
}

// errBehind refuses a field behind a file that is too long to be taken in whole.
func errBehind() *s3.Error {
	return s3.Refuse("MalformedPOSTRequest",
		"The body of your POST request is not well-formed multipart/form-data: with a file of this size, all fields must "+
			"precede it.")
}

// readForm reads what stands in front of the file. length is that of the whole body. findFile comes before Read.
func readForm(source io.Reader, length int64, boundary string) (*formReader, error) {
	f := &formReader{
		source: source, length: length, delimiter: []byte("\r\n--" + boundary), head: make([]byte, 0, formHeadLimit),
	}
	if err := f.readFields(); err != nil {
		f.wipe()
		return nil, err
	}
	return f, nil
}

// wipe clears what was held of the file.
func (f *formReader) wipe() {
	clear(f.head)
	clear(f.whole)
	clear(f.tail)
}

func (f *formReader) readFields() error {
	line, err := f.until(lineBreak)
	if err == nil && len(line) == 0 {
		line, err = f.until(lineBreak)
	}
	if err != nil {
		return err
	}
	if !bytes.Equal(bytes.TrimRight(line, " \t"), f.delimiter[len(lineBreak):]) {
		return malformedForm("it doesn't begin with its boundary")
	}
	for {
		name, err := f.readPartHeader()
		if err != nil {
			return err
		}
		if strings.EqualFold(name, "file") {
			return nil
		}
		value, err := f.until(f.delimiter)
		if err != nil {
			return err
		}
		f.fields = append(f.fields, sigv4.Field{Name: []byte(name), Value: value[:len(value):len(value)]})
		if line, err = f.until(lineBreak); err != nil {
			return err
		}
		if line = bytes.TrimRight(line, " \t"); bytes.HasPrefix(line, closingDashes) {
			return s3.InvalidArgument("file", "0", "POST requires exactly one file upload per request.")
		} else if len(line) > 0 {
			return malformedForm("a line that begins with the boundary goes on")
		}
	}
}

// readPartHeader reads the header of a part, up to its empty line, and returns the field's name.
func (f *formReader) readPartHeader() (name string, err error) {
	for named := false; ; {
		line, err := f.until(lineBreak)
		if err != nil {
			return "", err
		}
		if len(line) == 0 {
			if !named {
				return "", malformedForm("a part has no name")
			}
			return name, nil
		}
		key, value, colon := strings.Cut(string(line), ":")
		if !colon || !isToken(key) || !s3.IsHeaderText(line) { // folded lines are none of today's
			return "", malformedForm("a line of a part's header can't be read")
		}
		if !strings.EqualFold(key, "Content-Disposition") {
			continue
		}
		disposition, parameters, err := mime.ParseMediaType(value)
		if err != nil || disposition != "form-data" || named {
			return "", malformedForm("a part's Content-Disposition can't be read")
		}
		name, named = parameters["name"], true
		f.fileName = parameters["filename"]
	}
}

// isToken tells whether s can be a header's name. Source: RFC 9110, 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// until returns what stands in front of the next separator and moves behind it, reading as much as that takes.
func (f *formReader) until(separator []byte) ([]byte, error) {
	for from := f.at; ; {
		if i := bytes.Index(f.head[from:], separator); i >= 0 {
			found := f.head[f.at : from+i]
			f.at = from + i + len(separator)
			return found, nil
		}
		from = max(f.at, len(f.head)-len(separator)+1)
		if len(f.head) == cap(f.head) {
			return nil,
				s3.Refuse("MaxPostPreDataLengthExceeded", "Your POST request fields preceding the upload file were too large.")
		}
		n, err := f.source.Read(f.head[len(f.head):cap(f.head)])
		f.head = f.head[:len(f.head)+n]
		f.came += int64(n)
		if n == 0 && err != nil {
			return nil, f.broken(err)
		}
	}
}

// broken tells a form that ends too early from a connection that did.
func (f *formReader) broken(err error) error {
	if (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) && f.came >= f.length {
		return malformedForm("it ends too early")
	}
	return bodyError(err)
}

// wholeSize is how many bytes findFile takes in, 0 when the file is too long for it.
func (f *formReader) wholeSize() int64 {
	if behind := f.length - int64(f.at); behind <= formWhole {
		return max(0, behind)
	}
	return 0
}

// findFile finds the file's size, and takes the file in whole when it is short.
func (f *formReader) findFile() error {
	behind := f.length - int64(f.at) // the file and the closing delimiter
	closing := int64(len(f.delimiter) + len(closingDashes) + len(lineBreak))
	f.rest = f.head[f.at:]
	if behind > formWhole {
		f.size = behind - closing
		if int64(len(f.rest)) > f.size {
			return malformedForm("it is longer than declared")
		}
		return nil
	}
	if int64(len(f.rest)) > behind || behind < closing-int64(len(lineBreak)) {
		return malformedForm("it ends too early")
	}
	f.whole = make([]byte, behind)
	n := copy(f.whole, f.rest)
	more, err := io.ReadFull(f.source, f.whole[n:])
	f.came += int64(more)
	if err != nil {
		return f.broken(err)
	}
	i := bytes.Index(f.whole, f.delimiter)
	if i < 0 {
		return malformedForm("it lacks its closing boundary")
	}
	if err := f.checkBehind(f.whole[i+len(f.delimiter):]); err != nil {
		return err
	}
	f.size, f.rest = int64(i), f.whole[:i]
	return nil
}

// checkBehind reads what follows the delimiter behind the file: the end of the form, or fields that mean nothing.
func (f *formReader) checkBehind(rest []byte) error {
	for !isClosing(rest) {
		blank := bytes.TrimLeft(rest, " \t")
		part, ok := bytes.CutPrefix(blank, lineBreak)
		if !ok {
			return malformedForm("something follows the file")
		}
		i := bytes.Index(part, f.delimiter)
		if i < 0 {
			return malformedForm("a field behind the file has no end")
		}
		behind := &formReader{source: noBody{}, head: part[:i:i]}
		name, err := behind.readPartHeader()
		if err != nil {
			return malformedForm("a field behind the file can't be read")
		}
		if strings.EqualFold(name, "file") {
			return s3.InvalidArgument("file", "2", "POST requires exactly one file upload per request.")
		}
		rest = part[i+len(f.delimiter):]
	}
	return nil
}

// isClosing tells whether what follows the delimiter ends the form.
func isClosing(end []byte) bool {
	end, dashes := bytes.CutPrefix(end, closingDashes)
	return dashes && (len(end) == 0 || bytes.Equal(end, lineBreak))
}

// Read returns the file, and io.EOF only once the form has been seen to end right behind it.
func (f *formReader) Read(p []byte) (int, error) {
	if f.ended != nil {
		return 0, f.ended
	}
	if f.passed == f.size {
		f.ended = f.readClosing()
		return 0, f.ended
	}
	p = p[:min(int64(len(p)), f.size-f.passed)]
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	if n == 0 {
		var err error
		n, err = f.source.Read(p)
		f.came += int64(n)
		if n == 0 && err != nil {
			f.ended = f.broken(err)
			return 0, f.ended
		}
	}
	f.passed += int64(n)
	if f.whole == nil && f.delimited(p[:n]) {
		f.ended = errBehind()
		return 0, f.ended
	}
	return n, nil
}

// delimited looks for a delimiter in the file's next bytes and across their seam to those before.
func (f *formReader) delimited(p []byte) bool {
	if bytes.Contains(p, f.delimiter) {
		return true
	}
	keep := len(f.delimiter) - 1
	f.tail = append(f.tail, p[:min(len(p), keep)]...)
	if bytes.Contains(f.tail, f.delimiter) {
		return true
	}
	if len(p) >= keep {
		f.tail = append(f.tail[:0], p[len(p)-keep:]...)
	} else if drop := len(f.tail) - keep; drop > 0 {
		f.tail = f.tail[:copy(f.tail, f.tail[drop:])]
	}
	return false
}

// readClosing reads what follows a streamed file.
func (f *formReader) readClosing() error {
	if f.whole != nil {
		return io.EOF
	}
	end := make([]byte, f.length-int64(f.at)-f.size)
	n := copy(end, f.rest)
	more, err := io.ReadFull(f.source, end[n:])
	f.came += int64(more)
	if err != nil {
		return f.broken(err)
	}
	if rest, ok := bytes.CutPrefix(end, f.delimiter); !ok || !isClosing(rest) {
		return malformedForm("it doesn't end with its boundary and a line break")
	}
	return io.EOF
}
