package objects

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealfront/policy/xmldoc"
	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

func setCopySource(r *store.Request, from *Source) {
	source := url.URL{Path: "/" + from.Object.Record.StoreName + "/" + from.Object.Key}
	name := strings.ReplaceAll(source.EscapedPath(), "+", "%2B")
	if from.Object.Version != "" {
		name += "?" + store.AppendQuery("", "versionId", from.Object.Version)
	}
	r.Set("x-amz-copy-source", name)
	r.Set("x-amz-copy-source-if-match", from.ETag)
}

// copyResult is the store's answer to CopyObject and UploadPartCopy.
type copyResult struct {
	XMLName      xml.Name
	ETag         string
	LastModified time.Time
	Code         string // of an error in a 200
	Message      string

	version string // of the copy
}

// doCopy sends a CopyObject or UploadPartCopy. A 200 may carry an error.
func doCopy(ctx context.Context, x *Object, r *store.Request) (*copyResult, *store.Fault, error) {
	a, err := x.Objects.o.Store.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	defer a.Close()
	if f := a.Fault(r.Operation); f != nil {
		return nil, f, nil
	}
	body, err := a.Bytes(MaxDocument)
	if err != nil {
		return nil, nil, s3.Unavailable(err)
	}
	var result copyResult
	if err := xmldoc.Unmarshal(body, &result); err != nil {
		return nil, nil, s3.Internal(fmt.Errorf("the store answered %s without a result: %w", r.Operation, err))
	}
	if result.XMLName.Local == "Error" {
		f := &store.Fault{
			Operation: r.Operation, Status: http.StatusInternalServerError, Code: result.Code, Message: result.Message,
		}
		if f.Code == "PreconditionFailed" {
			f.Status = http.StatusPreconditionFailed
		}
		return nil, f, nil
	}
	result.version = string(a.Get("x-amz-version-id"))
	return &result, nil, nil
}

// faultInside reads a 200 that may carry an error document, as those to Complete and copies do.
func faultInside(a *store.Answer, operation string) (*store.Fault, error) {
	body, err := a.Bytes(MaxDocument)
	if err != nil {
		return nil, err
	}
	return faultIn(body, operation), nil
}

// faultIn is faultInside for a body that has been read.
func faultIn(body []byte, operation string) *store.Fault {
	var failed struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	if xmldoc.Unmarshal(body, &failed) != nil {
		return nil
	}
	f := &store.Fault{
		Operation: operation, Status: http.StatusInternalServerError, Code: failed.Code, Message: failed.Message,
	}
	if f.Code == "PreconditionFailed" {
		f.Status = http.StatusPreconditionFailed
	}
	return f
}

// evenPieces says into how many pieces of at most limit bytes size is cut, and of which size all but the last are: all
// of one, so that none is too small.
func evenPieces(size, limit int64) (count, each int64) {
	count = (size + limit - 1) / limit
	return count, (size + count - 1) / count
}
