package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
)

// A worker sends the requests of a cell on a connection of its own. It writes one key, again and again.
type worker struct {
	*client
	cell    *cell
	set     *settings
	content *content
	key     string
	asked   int // reads so far
	random  *rand.Rand
}

const (
	keyPrefix  = "bench/"
	listPrefix = keyPrefix + "list/"
)

func newWorker(t *target, c *cell, set *settings, content *content, number int) *worker {
	return &worker{
		client: newClient(t), cell: c, set: set, content: content, key: objectKey(c.Size, number),
		random: rand.New(rand.NewPCG(uint64(number), uint64(c.Size))),
	}
}

func objectKey(size int64, number int) string {
	return keyPrefix + strconv.FormatInt(size, 10) + "/" + strconv.Itoa(number)
}

func (w *worker) path(key string) string { return "/" + w.t.bucket + "/" + key }

// once does one operation of the cell, and returns how many bytes of bodies crossed.
func (w *worker) once(ctx context.Context) (int64, error) {
	operation := w.cell.Operation
	if operation == opMixed {
		at := w.random.IntN(100)
		for _, m := range mix {
			operation = m.operation
			if at -= m.share; at < 0 {
				break
			}
		}
	}
	switch operation {
	case opPut:
		return w.content.size, w.put(ctx)
	case opGet:
		return w.get(ctx, 0, w.content.size, "")
	case opHead:
		return 0, w.headObject(ctx)
	case opList:
		return 0, w.list(ctx)
	case opRange:
		n := min(w.set.rangeSize, w.content.size)
		from := w.random.Int64N(w.content.size - n + 1)
		return w.get(ctx, from, n, fmt.Sprintf("bytes=%d-%d", from, from+n-1))
	case opMultipart:
		return w.content.size, w.multipart(ctx)
	}
	panic("bench: internal error: operation " + operation)
}

func (w *worker) put(ctx context.Context) error { return w.putObject(ctx, w.key, w.content) }

func (w *worker) putObject(ctx context.Context, key string, c *content) error {
	p := c.payload(w.cell.Payload, 0, c.size, &w.signing)
	a, err := w.do(ctx, &request{method: "PUT", path: w.path(key), payload: &p, header: w.t.put})
	if err != nil {
		return err
	}
	return a.failed("PutObject")
}

// get reads n bytes from an offset on. A sample of them is compared with what was written; all must have the length.
func (w *worker) get(ctx context.Context, from, n int64, span string) (int64, error) {
	r := &request{method: "GET", path: w.path(w.key)}
	if span != "" {
		r.header = append(r.header, [2]string{"Range", span})
	}
	if w.cell.Checksum {
		r.header = append(r.header, [2]string{"X-Amz-Checksum-Mode", "ENABLED"})
	}
	if w.set.verify > 0 && w.asked%w.set.verify == 0 {
		r.into = &checker{w.content, from}
	}
	w.asked++
	a, err := w.do(ctx, r)
	if err == nil {
		err = a.failed("GetObject")
	}
	if err == nil && a.length != n {
		err = fmt.Errorf("GetObject of %d bytes gave %d", n, a.length)
	}
	return n, err
}

func (w *worker) headObject(ctx context.Context) error {
	a, err := w.do(ctx, &request{method: "HEAD", path: w.path(w.key)})
	if err == nil {
		err = a.failed("HeadObject")
	}
	if err == nil && a.header.Get("Content-Length") != strconv.FormatInt(w.content.size, 10) {
		err = fmt.Errorf("HeadObject of %d bytes says %s", w.content.size, a.header.Get("Content-Length"))
	}
	return err
}

func (w *worker) list(ctx context.Context) error {
	r := &request{method: "GET", path: "/" + w.t.bucket, query: "list-type=2&prefix=" + url.QueryEscape(listPrefix)}
	var text bytes.Buffer
	check := w.set.verify > 0 && w.asked%w.set.verify == 0
	if check {
		r.into = &text
	}
	w.asked++
	a, err := w.do(ctx, r)
	if err == nil {
		err = a.failed("ListObjectsV2")
	}
	if err == nil && check && strings.Count(text.String(), "<Key>") != min(w.set.listed, 1000) {
		err = fmt.Errorf("ListObjectsV2 of %d objects shows %d", w.set.listed, strings.Count(text.String(), "<Key>"))
	}
	return err
}

// multipart uploads an object in parts: one operation of as many requests as there are parts, and two.
func (w *worker) multipart(ctx context.Context) error {
	var text bytes.Buffer
	path := w.path(w.key)
	a, err := w.do(ctx, &request{method: "POST", path: path, query: "uploads=", header: w.t.put, into: &text})
	if err == nil {
		err = a.failed("CreateMultipartUpload")
	}
	var created struct {
		ID string `xml:"UploadId"`
	}
	if err == nil {
		err = xml.Unmarshal(text.Bytes(), &created)
	}
	if err != nil {
		return err
	}
	id := url.QueryEscape(created.ID)
	list := "<CompleteMultipartUpload>"
	for number, at := 1, int64(0); at < w.content.size || number == 1; number, at = number+1, at+w.set.partSize {
		p := w.content.payload(w.cell.Payload, at, min(w.set.partSize, w.content.size-at), &w.signing)
		a, err := w.do(ctx, &request{
			method: "PUT", path: path, query: fmt.Sprintf("partNumber=%d&uploadId=%s", number, id), payload: &p,
		})
		if err == nil {
			err = a.failed("UploadPart")
		}
		if err != nil {
			return err
		}
		list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", number, a.header.Get("ETag"))
	}
	list += "</CompleteMultipartUpload>"
	text.Reset()
	a, err = w.do(ctx, &request{
		method: "POST", path: path, query: "uploadId=" + id, into: &text, payload: document(list),
	})
	if err == nil {
		err = a.failed("CompleteMultipartUpload")
	}
	if err == nil && strings.Contains(text.String(), "<Error>") {
		err = errors.New("CompleteMultipartUpload: " + text.String())
	}
	return err
}

// document is a body that isn't an object's.
func document(text string) *payload {
	return &payload{
		hash: "UNSIGNED-PAYLOAD", length: int64(len(text)),
		header: [][2]string{{"Content-Type", "application/xml"}}, write: func(to io.Writer, _ []byte) error {
			_, err := io.WriteString(to, text)
			return err
		},
	}
}

func (w *worker) remove(ctx context.Context, key string) error {
	a, err := w.do(ctx, &request{method: "DELETE", path: w.path(key)})
	if err != nil {
		return err
	}
	if a.status == 404 {
		return nil
	}
	return a.failed("DeleteObject")
}
