package memstore

import (
	"slices"
	"strings"
)

// An operation is a row of what the store can do. A request with a query parameter that its operation doesn't know is
// refused: it means something that this store would otherwise take for a plain read or write.
type operation struct {
	method string
	on     target
	by     string // the query parameter, or x-amz header, that distinguishes it from the rows below
	knows  []string
	do     func(*exchange) error
}

type target uint8

const (
	service target = iota
	ofBucket
	ofObject
)

var listV1 = []string{"prefix", "delimiter", "max-keys", "encoding-type", "marker"}

var operations = []operation{
	{"GET", service, "", []string{"max-buckets", "prefix"}, (*exchange).listBuckets},

	{"GET", ofBucket, "location", nil, (*exchange).getBucketLocation},
	{"GET", ofBucket, "uploads", []string{"prefix", "max-uploads", "encoding-type"}, (*exchange).listUploads},
	{
		"GET", ofBucket, "list-type", []string{
			"prefix", "delimiter", "max-keys", "encoding-type", "continuation-token", "start-after", "fetch-owner",
		}, (*exchange).listObjectsV2,
	},
	{"GET", ofBucket, "", listV1, (*exchange).listObjects},
	{"HEAD", ofBucket, "", nil, (*exchange).headBucket},
	{"PUT", ofBucket, "", nil, (*exchange).createBucket},
	{"DELETE", ofBucket, "", nil, (*exchange).deleteBucket},
	{"POST", ofBucket, "delete", nil, (*exchange).deleteObjects},

	{"GET", ofObject, "uploadId", []string{"max-parts", "part-number-marker"}, (*exchange).listParts},
	{"GET", ofObject, "", nil, (*exchange).getObject},
	{"HEAD", ofObject, "", nil, (*exchange).getObject},
	{"PUT", ofObject, "uploadId", []string{"partNumber"}, (*exchange).uploadPart},
	{"PUT", ofObject, "x-amz-copy-source", nil, (*exchange).copyObject},
	{"PUT", ofObject, "", nil, (*exchange).putObject},
	{"DELETE", ofObject, "uploadId", nil, (*exchange).abortUpload},
	{"DELETE", ofObject, "", nil, (*exchange).deleteObject},
	{"POST", ofObject, "uploads", nil, (*exchange).createUpload},
	{"POST", ofObject, "uploadId", nil, (*exchange).completeUpload},
}

// operation finds the request's row; nil if there is none.
func (x *exchange) operation() func(*exchange) error {
	on := ofObject
	switch {
	case x.bucketName == "":
		on = service
	case x.key == "":
		on = ofBucket
	}
	for i := range operations {
		o := &operations[i]
		if o.on == on && o.method == string(x.message.Method) && x.carries(o.by) {
			if !x.known(o) || x.wants() {
				return nil
			}
			return o.do
		}
	}
	return nil
}

func (x *exchange) known(o *operation) bool {
	for name := range x.query {
		switch {
		case name == o.by, name == "x-id", slices.Contains(o.knows, name):
		case strings.HasPrefix(name, "X-Amz-"): // a presigned URL
		default:
			return false
		}
	}
	return true
}

// unknownHeaders request what this store doesn't do; leaving them out would be a promise that isn't kept.
var unknownHeaders = []string{
	"x-amz-tagging", "x-amz-acl", "x-amz-grant-", "x-amz-object-lock-", "x-amz-server-side-encryption",
	"x-amz-website-redirect-location", "x-amz-write-offset-bytes", "x-amz-rename-source",
}

// wants reports whether the request asks for something that this store doesn't do.
func (x *exchange) wants() bool {
	for i := range x.message.Header {
		f := &x.message.Header[i]
		if len(f.Value) == 0 || len(f.Name) < len("x-amz-") ||
			!strings.EqualFold(string(f.Name[:len("x-amz-")]), "x-amz-") {
			continue
		}
		for _, unknown := range unknownHeaders {
			if len(f.Name) >= len(unknown) && strings.EqualFold(string(f.Name[:len(unknown)]), unknown) &&
				!strings.EqualFold(string(f.Name), "x-amz-tagging-directive") {
				return true
			}
		}
	}
	return false
}
