package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"unicode/utf8"
)

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
