package tools

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// An upload is a multipart upload by which a migration makes one object, as a client of the proxy, of parts numbered
// from 1 on.
type upload struct {
	client          *store.Client
	bucket, key, id string
	list            strings.Builder // of the accepted parts
	parts           int
	done            bool
}

func beginUpload(ctx context.Context, client *store.Client, bucket, key string, header []sigv4.Field) (*upload, error) {
	u := &upload{client: client, bucket: bucket, key: key}
	r := u.request("CreateMultipartUpload", "POST", "uploads=")
	r.Header = header
	var created struct{ UploadId string }
	if err := send(ctx, client, r, &created); err != nil {
		return nil, err
	}
	if created.UploadId == "" {
		return nil, errors.New("the store answered CreateMultipartUpload without an upload id")
	}
	u.id = created.UploadId
	return u, nil
}

func (u *upload) request(operation, method, query string) *store.Request {
	return &store.Request{Operation: operation, Method: method, Bucket: u.bucket, Key: u.key, Query: query}
}

// next is the request that makes the next part.
func (u *upload) next(operation string) *store.Request {
	return u.request(operation, "PUT", store.AppendQuery("partNumber="+strconv.Itoa(u.parts+1), "uploadId", u.id))
}

// accept adds a part to the list of Complete, with the checksum that it has by this element of XML, unless "".
func (u *upload) accept(etag, element, checksum string) {
	u.parts++
	fmt.Fprintf(&u.list, "<Part><PartNumber>%d</PartNumber><ETag>", u.parts)
	_ = xml.EscapeText(&u.list, []byte(etag))
	u.list.WriteString("</ETag>")
	if element != "" {
		fmt.Fprintf(&u.list, "<%s>%s</%[1]s>", element, checksum)
	}
	u.list.WriteString("</Part>")
}

// complete makes the object, if the conditions in header hold; errReplaced if they don't.
func (u *upload) complete(ctx context.Context, header ...sigv4.Field) error {
	r := u.request("CompleteMultipartUpload", "POST", store.AppendQuery("", "uploadId", u.id))
	r.Bytes = []byte(`<CompleteMultipartUpload xmlns="` + s3.Namespace + `">` + u.list.String() +
		"</CompleteMultipartUpload>")
	r.Header = header
	r.Set("Content-Type", "application/xml")
	err := send(ctx, u.client, r, nil)
	u.done = err == nil
	return err
}

// abandon gives up an upload that was not completed. What can't be aborted is left to the bucket's lifecycle.
func (u *upload) abandon(ctx context.Context) {
	if !u.done {
		r := u.request("AbortMultipartUpload", "DELETE", store.AppendQuery("", "uploadId", u.id))
		_ = send(context.WithoutCancel(ctx), u.client, r, nil)
	}
}
