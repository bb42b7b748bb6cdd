package main

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// run does what clients do until the time is over.
func (w *soakWorker) run(ctx context.Context) {
	var lots []func(*soakObject)
	for _, o := range []struct {
		lots int
		do   func(*soakObject)
	}{
		{26, w.put},
		{22, w.get},
		{8, w.head},
		{10, w.span},
		{5, func(o *soakObject) { w.list(o.bucket) }},
		{8, w.copy},
		{8, w.rename},
		{8, w.append},
		{5, w.remove},
		{1, w.removeMany},
		{3, w.putNew},
		{4, w.upload},
		{3, w.breakOffPut},
		{2, w.leavePut},
		{3, w.breakOffGet},
	} {
		for range o.lots {
			lots = append(lots, o.do)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.pace:
		}
		w.renew()
		lots[w.random.IntN(len(lots))](w.objects[w.random.IntN(len(w.objects))])
	}
}

// renew asks for another session long before the one at hand ends.
func (w *soakWorker) renew() {
	if !w.inSession || time.Since(w.since) < 20*time.Second && w.random.IntN(50) > 0 {
		return
	}
	a, t := w.ask("CreateSession",
		&proxytest.Request{
			Method: "GET", Path: "/" + soakDirectory, Query: "session=", Service: "s3express", Credentials: w.p.Credentials(),
		})
	if t.ok {
		w.session = &sigv4.Credentials{
			AccessKeyID: proxytest.Element(a.Text, "AccessKeyId"), SecretAccessKey: proxytest.Element(a.Text, "SecretAccessKey"),
			SessionToken: proxytest.Element(a.Text, "SessionToken"),
		}
		w.since = time.Now()
	}
}

func (w *soakWorker) put(o *soakObject) {
	content := w.content(o.large && w.random.IntN(4) == 0)
	r := &proxytest.Request{Method: "PUT", Path: o.path(), Body: content}
	if o.bucket == soakGeneral && w.random.IntN(2) == 0 {
		r.Header = []sigv4.Field{proxytest.Field("X-Amz-Server-Side-Encryption", "AES256")}
	}
	_, t := w.ask("PutObject", r)
	w.wrote(o, t, content)
}

func (w *soakWorker) putNew(o *soakObject) {
	content, there := w.content(false), !o.is(absent)
	_, t := w.ask("PutObject if none",
		&proxytest.Request{
			Method: "PUT", Path: o.path(), Body: content, Header: []sigv4.Field{proxytest.Field("If-None-Match", "*")},
		}, "412 PreconditionFailed")
	if there {
		if t.ok {
			w.t.Errorf("%s: If-None-Match has overwritten it", o.path())
		}
		return
	}
	w.wrote(o, t, content)
}

func (w *soakWorker) get(o *soakObject) { w.observe(o) }

func (w *soakWorker) head(o *soakObject) {
	a, t := w.ask("HeadObject", &proxytest.Request{Method: "HEAD", Path: o.path()}, "404 ")
	switch {
	case t.ok && (o.is(absent) || a.ContentLength != int64(len(o.may[0]))), t.says == "404 " && !o.is(absent):
		w.t.Errorf("%s: HEAD: %s, length %d", o.path(), t.says, a.ContentLength)
	}
}

func (w *soakWorker) span(o *soakObject) {
	if o.is(absent) || o.may[0] == "" {
		return
	}
	content := o.may[0]
	first := w.random.IntN(len(content))
	if w.random.IntN(4) == 0 {
		w.checkSpan(o, fmt.Sprintf("bytes=-%d", len(content)-first), content[first:])
		return
	}
	last := min(len(content)-1, first+w.random.IntN(200_000))
	w.checkSpan(o, fmt.Sprintf("bytes=%d-%d", first, last), content[first:last+1])
}

func (w *soakWorker) checkSpan(o *soakObject, span, want string) {
	a, t := w.ask("GetObject range",
		&proxytest.Request{Method: "GET", Path: o.path(), Header: []sigv4.Field{proxytest.Field("Range", span)}})
	if t.ok && a.Text != want || a.StatusCode == 206 && !strings.HasPrefix(want, a.Text) {
		w.t.Errorf("%s: GET %s of %d bytes: %s and %d bytes, which aren't the object's", o.path(), span, len(o.may[0]),
			t.says, len(a.Text))
	}
}

func (w *soakWorker) remove(o *soakObject) {
	_, t := w.ask("DeleteObject", &proxytest.Request{Method: "DELETE", Path: o.path()})
	w.wrote(o, t, absent)
}

func (w *soakWorker) removeMany(o *soakObject) {
	var several []*soakObject
	document := "<Delete>"
	for _, other := range w.objects {
		if other.bucket == o.bucket && (other == o || w.random.IntN(4) == 0) {
			several = append(several, other)
			document += "<Object><Key>" + other.key + "</Key></Object>"
		}
	}
	document += "</Delete>"
	a, t := w.ask("DeleteObjects",
		&proxytest.Request{
			Method: "POST", Path: "/" + o.bucket, Query: "delete=", Body: document,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Checksum-Crc32", proxytest.CRC32(document))},
		})
	var result struct {
		Deleted []struct{ Key string }
	}
	if t.ok {
		_ = xml.Unmarshal([]byte(a.Text), &result)
	}
	for _, other := range several {
		deleted := slices.ContainsFunc(result.Deleted, func(d struct{ Key string }) bool { return d.Key == other.key })
		w.wrote(other, told{ok: deleted}, absent)
	}
}

// another returns an object that is there and suits, or nil.
func (w *soakWorker) another(than *soakObject, suits func(*soakObject) bool) *soakObject {
	var all []*soakObject
	for _, o := range w.objects {
		if o != than && !o.is(absent) && suits(o) {
			all = append(all, o)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.random.IntN(len(all))]
}

// copy copies an object onto another, in the same bucket or the other, by the store or sealed anew.
func (w *soakWorker) copy(to *soakObject) {
	from := w.another(to, func(*soakObject) bool { return true })
	if from == nil {
		return
	}
	r := &proxytest.Request{
		Method: "PUT", Path: to.path(), Header: []sigv4.Field{proxytest.Field("X-Amz-Copy-Source", from.bucket+"/"+from.key)},
		Credentials: w.p.Credentials(),
	}
	name := "CopyObject"
	if w.random.IntN(3) == 0 {
		r.Header = append(r.Header, proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256"))
		name = "CopyObject sealed anew"
	}
	_, t := w.ask(name, r)
	w.wrote(to, t, from.may[0])
}

func (w *soakWorker) rename(to *soakObject) {
	from := w.another(to, func(o *soakObject) bool { return o.bucket == to.bucket })
	if from == nil || to.bucket != soakDirectory {
		return
	}
	content := from.may[0]
	r := &proxytest.Request{
		Method: "PUT", Path: to.path(), Query: "renameObject=",
		Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", "/"+from.bucket+"/"+from.key)},
	}
	if w.random.IntN(2) == 0 {
		r.Header = append(r.Header,
			proxytest.Field("X-Amz-Client-Token", fmt.Sprintf("%s-%d", strings.Trim(w.prefix, "/"), w.random.Uint64())))
	}
	_, t := w.ask("RenameObject", r)
	w.wrote(to, t, content)
	w.wrote(from, t, absent)
	if from.is(absent) && !to.is(content) {
		w.t.Errorf("a rename of %s to %s has lost it; told %s", from.path(), to.path(), t.says)
	}
}

func (w *soakWorker) append(o *soakObject) {
	if o.bucket != soakDirectory || o.is(absent) || len(o.may[0]) > 8*proxytest.MiB {
		return
	}
	more := w.content(false)
	if more == "" {
		return
	}
	_, t := w.ask("append",
		&proxytest.Request{
			Method: "PUT", Path: o.path(), Body: more,
			Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(o.may[0])))},
		},
		"409 ConditionalRequestConflict") // where the store has told a wrong ETag
	w.wrote(o, t, o.may[0]+more)
}

// breakOffPut sends half of an object: it never becomes one.
func (w *soakWorker) breakOffPut(o *soakObject) {
	content := w.content(o.large && w.random.IntN(4) == 0) + "more"
	w.hangUp("PutObject", &proxytest.Request{Method: "PUT", Path: o.path(), Body: content}, len(content)/2)
	w.observe(o)
}

// leavePut sends a whole object and doesn't wait for the answer.
func (w *soakWorker) leavePut(o *soakObject) {
	content := w.content(false)
	w.hangUp("PutObject whole", &proxytest.Request{Method: "PUT", Path: o.path(), Body: content}, len(content))
	o.may = append(o.may, content)
	w.retire(o)
}

func (w *soakWorker) breakOffGet(o *soakObject) {
	if o.is(absent) {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	resp, err := w.client.Do(w.request(ctx, &proxytest.Request{Method: "GET", Path: o.path()}, nil, 0))
	if err != nil {
		return
	}
	some := make([]byte, 1000)
	n, _ := resp.Body.Read(some)
	_ = resp.Body.Close()
	if resp.StatusCode == 200 && !strings.HasPrefix(o.may[0], string(some[:n])) {
		w.t.Errorf("%s: the first %d bytes aren't the object's", o.path(), n)
	}
	w.note("GetObject, hung up", told{ok: true, says: strconv.Itoa(resp.StatusCode)})
}

// upload carries a multipart upload through, or leaves it half-way.
func (w *soakWorker) upload(o *soakObject) {
	if !o.large && w.random.IntN(3) > 0 {
		return
	}
	a, t := w.ask("CreateMultipartUpload", &proxytest.Request{Method: "POST", Path: o.path(), Query: "uploads="})
	if !t.ok {
		return
	}
	id := url.QueryEscape(proxytest.Element(a.Text, "UploadId"))
	whole, list := "", ""
	parts := []string{w.content(true), w.content(false)}
	if !o.large || w.random.IntN(3) == 0 { // one part, stashed in the state bucket
		parts = parts[1:]
	}
	for i, body := range parts {
		r := &proxytest.Request{
			Method: "PUT", Path: o.path(), Query: fmt.Sprintf("partNumber=%d&uploadId=%s", i+1, id), Body: body,
		}
		if body != "" && w.random.IntN(4) == 0 {
			broken := *r
			w.hangUp("UploadPart", &broken, len(body)/2)
		}
		etag := ""
		for range 8 {
			r.Credentials = nil
			if a, t := w.ask("UploadPart", r); t.ok {
				etag = a.Header.Get("ETag")
				break
			}
		}
		if etag == "" {
			w.abort(o, id)
			return
		}
		whole += body
		list += fmt.Sprintf("<Part><PartNumber>%d</PartNumber><ETag>%s</ETag></Part>", i+1,
			strings.ReplaceAll(etag, `"`, "&quot;"))
	}
	switch w.random.IntN(6) {
	case 0:
		w.abort(o, id)
		return
	case 1:
		return // forgotten: the end of the soak finds it by the listing
	}
	for range 3 {
		_, t := w.ask("CompleteMultipartUpload",
			&proxytest.Request{
				Method: "POST", Path: o.path(), Query: "uploadId=" + id,
				Body: "<CompleteMultipartUpload>" + list + "</CompleteMultipartUpload>",
			},
			"400 InvalidPart", "404 NoSuchUpload", "200 InternalError", "200 ServiceUnavailable")
		w.wrote(o, t, whole)
		if t.ok || o.is(whole) || strings.HasPrefix(t.says, "4") {
			return
		}
	}
	w.abort(o, id)
}

func (w *soakWorker) abort(o *soakObject, id string) {
	for range 3 {
		if _, t := w.ask("AbortMultipartUpload",
			&proxytest.Request{Method: "DELETE", Path: o.path(), Query: "uploadId=" + id}, "404 NoSuchUpload"); t.ok ||
			t.says == "404 NoSuchUpload" {
			return
		}
	}
}
