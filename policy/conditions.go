package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// checkWriteConditions holds the shapes of section 6.2 for PutObject, CopyObject and
// CompleteMultipartUpload: one condition, If-None-Match with *, If-Match with one ETag.
func checkWriteConditions(d *digest) *Refusal {
	if d.present&(1<<hIfMatch|1<<hIfNoneMatch) == 0 {
		return nil
	}
	switch {
	case d.has(hIfMatch) && d.has(hIfNoneMatch):
		return conditionRefused("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
	case d.has(hIfNoneMatch) && d.header(hIfNoneMatch) != "*":
		return conditionRefused("If-None-Match",
			"We don't accept the provided value of If-None-Match header for this API")
	case d.has(hIfMatch) && !oneETag(d.header(hIfMatch)):
		return conditionRefused("If-Match", "We don't accept the provided value of If-Match header for this API")
	}
	return nil
}

func conditionRefused(header, why string) *Refusal {
	return refuse("6.2", codeNotImplemented, notImplementedText, "Header", header, "additionalMessage", why)
}

// oneETag reports whether value is a single ETag, quoted or bare, and no star.
func oneETag(value string) bool {
	bare := strings.TrimSpace(value)
	if len(bare) >= 2 && bare[0] == '"' && bare[len(bare)-1] == '"' {
		bare = bare[1 : len(bare)-1]
	}
	return bare != "" && bare != "*" && !strings.ContainsAny(bare, "\",")
}

// checkDeleteConditions holds the shapes of DeleteObject's conditions: If-Match takes an ETag or *, the
// other two a size and an HTTP date.
func checkDeleteConditions(d *digest) *Refusal {
	if v := d.header(hIfMatch); d.has(hIfMatch) && v != "*" && !oneETag(v) {
		return conditionRefused("If-Match", "We don't accept the provided value of If-Match header for this API")
	}
	if v := d.header(hIfMatchSize); d.has(hIfMatchSize) {
		if _, ok := naturalNumber(v); !ok {
			return invalidArgument("6.2", headerNames[hIfMatchSize], v,
				"The value of x-amz-if-match-size must be a size in bytes.")
		}
	}
	return checkDate(d, hIfMatchModified)
}

func checkDate(d *digest, id headerID) *Refusal {
	if !d.has(id) {
		return nil
	}
	for _, layout := range [...]string{"Mon, 02 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC, time.RFC3339} {
		if _, err := time.Parse(layout, d.header(id)); err == nil {
			return nil
		}
	}
	return invalidArgument("6.2", headerNames[id], d.header(id), "The value of "+headerNames[id]+
		" must be an HTTP date.")
}

// naturalNumber reads decimal digits and nothing else.
func naturalNumber(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && s[0] != '+' && s[0] != '-'
}

// WriteOffset returns the offset of an append, a PutObject with x-amz-write-offset-bytes; appends is
// false for any other PutObject. CheckRequest has refused offsets that are no numbers.
func (r *Request) WriteOffset() (offset int64, appends bool) {
	d := r.inspect()
	if !d.has(hWriteOffset) {
		return 0, false
	}
	offset, _ = naturalNumber(d.header(hWriteOffset))
	return offset, true
}

func checkWriteOffset(d *digest) *Refusal {
	if !d.has(hWriteOffset) {
		return nil
	}
	if v := d.header(hWriteOffset); v == "" || !isNatural(v) {
		return invalidArgument("6.3", headerNames[hWriteOffset], v, "The write offset must be a number of bytes.")
	}
	return nil
}

func isNatural(v string) bool {
	_, ok := naturalNumber(v)
	return ok
}

// refuseConditions refuses conditions on the object for an operation that has none: ignored, they would be a promise
// that isn't kept.
func refuseConditions(d *digest) *Refusal {
	for _, id := range [...]headerID{hIfMatch, hIfNoneMatch} {
		if d.has(id) {
			return headerNotImplemented(updateHeaders, headerNames[id])
		}
	}
	return nil
}

// operand is a resource of a statement or a value of a condition, with the policy variables in it.
type operand struct {
	text   string
	pieces []piece // nil without variables
}

// piece is text as it stands, or a variable when key isn't empty.
type piece struct {
	text        string // of a variable: what it stands for where the key has no value
	key         string // in lower case
	optional    bool   // text is given
	placeholder bool   // text is *, ? or $ as a plain character
}

var errNUL = errors.New("holds a NUL")

// parseOperand reads the variables of text: ${key}, ${key, 'default'}, and ${*}, ${?} and ${$} for the characters
// themselves. Source: IAM User Guide, "IAM policy elements: Variables and tags".
func parseOperand(text string) (operand, error) {
	o := operand{text: text}
	if strings.IndexByte(text, 0) >= 0 {
		return o, errNUL
	}
	rest := text
	for {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			break
		}
		p, end, ok := parseVariable(after)
		if !ok {
			return o, errors.New("has a policy variable that is not of the form ${key} or ${key, 'default'}")
		}
		if !p.placeholder && !IsConditionKey(p.key) {
			return o, errors.New("has a policy variable that requests have no value for here")
		}
		o.pieces = append(o.pieces, piece{text: before}, p)
		rest = end
	}
	if o.pieces != nil {
		o.pieces = append(o.pieces, piece{text: rest})
	}
	return o, nil
}

// parseVariable reads what follows the "${" of a variable, and returns what follows its "}".
func parseVariable(text string) (p piece, rest string, ok bool) {
	end := strings.IndexAny(text, ",}")
	if end <= 0 {
		return p, "", false
	}
	name, rest := text[:end], text[end+1:]
	if text[end] == '}' {
		if len(name) == 1 && strings.Contains("*?$", name) {
			return piece{text: name, placeholder: true}, rest, true
		}
		return piece{key: strings.ToLower(name)}, rest, true
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "'")
	if !ok {
		return p, "", false
	}
	value, rest, ok := strings.Cut(rest, "'")
	if !ok {
		return p, "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " "), "}")
	return piece{key: strings.ToLower(name), text: value, optional: true}, rest, ok
}

// unknown reports whether the value of a variable isn't known yet.
func (o *operand) unknown(values Values) bool {
	for i := range o.pieces {
		if o.pieces[i].key != "" && unknown(values, o.pieces[i].key) {
			return true
		}
	}
	return false
}

// resolve returns the text with the variables' values. As a pattern, * and ? in them stand for themselves. A variable
// that neither the request nor the policy has a value for makes ok false: nothing is equal to it, or like it.
func (o *operand) resolve(values Values, pattern bool) (text string, ok bool) {
	if o.pieces == nil {
		return o.text, true
	}
	var b []byte
	for i := range o.pieces {
		p := &o.pieces[i]
		value, given := p.text, p.key == "" || p.optional
		if p.key != "" && values != nil {
			if v, has := values.Value(p.key); has {
				value, given = v, true
			}
		}
		if !given {
			return "", false
		}
		if pattern && (p.key != "" || p.placeholder) {
			b = appendLiteral(b, value)
		} else {
			b = append(b, value...)
		}
	}
	return string(b), true
}

// Names of the pair S3 itself puts into every encryption context.
const (
	directoryContextName = "aws:s3express:arn"
	generalContextName   = "aws:s3:arn"
)

// KMSContext returns the complete encryption context for KMS calls about objects of b sealed as e says:
// the default pair (aws:s3express:arn or aws:s3:arn with the bucket ARN) and e's additional pairs. The
// default pair can't be replaced by an additional one. The caller owns the map.
func KMSContext(b *Bucket, e Encryption) map[string]string {
	context := make(map[string]string, len(e.Context)+1)
	for name, value := range e.Context {
		context[name] = value
	}
	if b.Kind == Directory {
		context[directoryContextName] = b.ARN
	} else {
		context[generalContextName] = b.ARN
	}
	return context
}

// parseContext reads the value of x-amz-server-side-encryption-context: base64 of UTF-8 JSON, an object
// whose values are strings, each name once.
func parseContext(value string) (map[string]string, bool) {
	text, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil || !utf8.Valid(text) {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	context := make(map[string]string)
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		value, err := dec.Token()
		if err != nil {
			return nil, false
		}
		n, isName := name.(string)
		v, isText := value.(string)
		if _, repeated := context[n]; !isName || !isText || repeated {
			return nil, false
		}
		context[n] = v
	}
	if _, err := dec.Token(); err != nil {
		return nil, false
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, false
	}
	return context, true
}

// isDefaultContext reports whether context says nothing beyond the default pair of a directory bucket.
// The value is also accepted in the odd form of Amazon's own audit log sample (section 5.2).
func isDefaultContext(context map[string]string, bucketARN string) bool {
	value, given := context[directoryContextName]
	switch len(context) {
	case 0:
		return true
	case 1:
		return given && (value == bucketARN || value == "arn:aws:s3:::"+bucketARN)
	}
	return false
}
