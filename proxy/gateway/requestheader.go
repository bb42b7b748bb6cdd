package gateway

import (
	"bytes"
	"strings"

	"sealfront/proxy/s3"
)

// headerBytes returns the first value of the lower-case name, nil if there is none.
func (x *exchange) headerBytes(name string) []byte {
	value, _ := x.headerField(name)
	return value
}

// headerField is headerBytes that tells an empty header from none.
func (x *exchange) headerField(name string) (value []byte, ok bool) {
	for i := range x.header.Fields {
		f := &x.header.Fields[i]
		if len(f.Name) == len(name) && strings.EqualFold(s3.View(f.Name), name) {
			return bytes.TrimSpace(f.Value), true
		}
	}
	return nil, false
}

// headerValue returns the value of a header, or of the query parameter that a presigned URL carries it in.
func (x *exchange) headerValue(name string) string {
	v, _ := x.request.Value(name)
	return v
}
