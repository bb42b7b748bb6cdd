package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A linearRound is one history over fresh keys.
type linearRound struct {
	*linearGame
	number  int
	began   time.Time
	uploads []linearUpload

	mu      sync.Mutex
	history []porcupine.Operation
	steps   atomic.Int64
}

type linearUpload struct {
	id, etag string
	step     linearStep
}

func (r *linearRound) path(key int) string {
	return "/" + r.bucket + "/" + r.name(key)
}

func (r *linearRound) name(key int) string { return fmt.Sprintf("r%d/k%d", r.number, key) }

// begin begins an upload of one small part, which any client may complete.
func (r *linearRound) begin(i int) {
	key := i % linearKeys
	id := int(r.steps.Add(1))
	u := linearUpload{
		step: linearStep{
			kind: "complete", key: key, tokens: fmt.Sprintf("%d ", id), meta: fmt.Sprint("m", id), upload64: 1 << i,
		},
	}
	a := r.mustDo(i%2,
		&proxytest.Request{
			Method: "POST", Path: r.path(key), Query: "uploads=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-M", u.step.meta)},
		})
	u.id = proxytest.Element(a.Text, "UploadId")
	a = r.mustDo((i+1)%2,
		&proxytest.Request{
			Method: "PUT", Path: r.path(key), Query: "partNumber=1&uploadId=" + url.QueryEscape(u.id), Body: tokenBody(id),
		})
	u.etag = a.Header.Get("ETag")
	r.uploads = append(r.uploads, u)
}

// record adds the steps of an operation that was called at this time and has just been answered.
func (r *linearRound) record(client int, call time.Time, a *proxytest.Answer, out linearResult, steps ...linearStep) {
	out.status = a.StatusCode
	if a.Code() == "SlowDown" { // nothing was begun
		return
	}
	if took := time.Since(call); took > 3*time.Second {
		r.t.Logf("%s took %v: %d", steps[0].kind, took, a.StatusCode)
	}
	end := time.Since(r.began).Nanoseconds()
	out.unknown = out.unknown || a.StatusCode == 0 || a.StatusCode >= 500 || a.Err != nil
	if out.unknown {
		end = 1 << 62
	}
	r.count(fmt.Sprint(steps[0].kind, " ", a.StatusCode))
	if a.StatusCode >= 400 && a.StatusCode < 500 && a.StatusCode != 404 && a.StatusCode != 409 && a.StatusCode != 412 &&
		a.Code() != "InvalidWriteOffset" {
		r.t.Errorf("%s of key %d: %d %s", steps[0].kind, steps[0].key, a.StatusCode, a.Text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range steps {
		r.history = append(r.history,
			porcupine.Operation{
				ClientId: client, Input: &steps[i], Call: call.Sub(r.began).Nanoseconds(), Output: &out, Return: end,
			})
	}
}

// read reads a key and returns what there is, with its ETag.
func (r *linearRound) read(client int, kind string, key int) (body, etag string) {
	call := time.Now()
	method := map[string]string{"get": "GET", "head": "HEAD"}[kind]
	a := r.do(client%2, &proxytest.Request{Method: method, Path: r.path(key)})
	if a.StatusCode != 200 && a.StatusCode != 404 || a.Err != nil {
		if a.StatusCode == 403 {
			r.t.Errorf("GET of key %d: %d %s", key, a.StatusCode, a.Text)
		}
		r.count(fmt.Sprint(kind, " ", a.StatusCode))
		return "", ""
	}
	out := linearResult{tokens: tokensOf(a.Text), meta: a.Header.Get("X-Amz-Meta-M")}
	if kind == "head" && a.StatusCode == 200 {
		// Only the length is known; any tokens of that length stand for it.
		out.tokens = ""
		if n, _ := strconv.Atoi(a.Header.Get("Content-Length")); n >= 0 {
			r.record(client, call, a, out, linearStep{kind: "listed", key: key})
			return "", ""
		}
	}
	if a.StatusCode == 404 {
		out = linearResult{}
	}
	r.record(client, call, a, out, linearStep{kind: kind, key: key})
	return a.Text, a.Header.Get("ETag")
}

func (r *linearRound) play(client int, dice *rand.Rand) {
	replica := dice.IntN(2)
	id := int(r.steps.Add(1))
	key := dice.IntN(linearKeys)
	to := (key + 1 + dice.IntN(linearKeys-1)) % linearKeys
	tokens, meta := fmt.Sprintf("%d ", id), fmt.Sprint("m", id)
	marked := proxytest.Field("X-Amz-Meta-M", meta)
	step := linearStep{id: id, key: key, to: to, tokens: tokens, meta: meta}
	named := func(kind string) linearStep { s := step; s.kind = kind; return s }
	call := time.Now()
	copied := func(to int) *proxytest.Answer {
		header := []sigv4.Field{
			marked, proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
			proxytest.Field("X-Amz-Copy-Source", r.bucket+"/"+r.name(key)),
		}
		return r.do(replica, &proxytest.Request{Method: "PUT", Path: r.path(to), Header: header})
	}
	put := func(header ...sigv4.Field) *proxytest.Answer {
		return r.do(replica,
			&proxytest.Request{Method: "PUT", Path: r.path(key), Body: tokenBody(id), Header: append(header, marked)})
	}
	switch n := dice.IntN(100); {
	case n < 15:
		r.read(replica, "get", key)
	case n < 18:
		r.read(replica, "head", key)
	case n < 22:
		r.list(client, replica)
	case n < 56 && n != 45 && r.lossy:
		r.read(replica, "get", key)
	case n < 34:
		r.record(client, call, put(), linearResult{}, named("put"))
	case n < 39:
		a := put(proxytest.Field("If-None-Match", "*"))
		r.record(client, call, a, linearResult{unknown: a.StatusCode == 412}, named("create"))
	case n < 44:
		body, etag := r.read(replica, "get", key)
		if etag == "" {
			return
		}
		call = time.Now()
		r.record(client, call, put(proxytest.Field("If-Match", etag)), linearResult{tokens: tokensOf(body)}, named("replace"))
	case n < 48:
		r.record(client, call, r.do(replica, &proxytest.Request{Method: "DELETE", Path: r.path(key)}), linearResult{},
			named("delete"))
	case n < 56:
		r.record(client, call, copied(to), linearResult{}, named("copy reads"), named("copy writes"))
	case n < 64:
		r.record(client, call, copied(key), linearResult{}, named("self"))
	case n < 72:
		body, etag := r.read(replica, "get", key)
		if etag == "" {
			return
		}
		step.offset = len(body)
		call = time.Now()
		a := r.do(replica,
			&proxytest.Request{
				Method: "PUT", Path: r.path(key), Body: tokenBody(id),
				Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(body)))},
			})
		r.record(client, call, a, linearResult{}, named("append"))
	case n < 82:
		u := r.uploads[dice.IntN(len(r.uploads))]
		r.complete(client, replica, &u)
	default:
		a := r.do(replica,
			&proxytest.Request{
				Method: "PUT", Path: r.path(to), Query: "renameObject=",
				Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", r.name(key))},
			})
		r.record(client, call, a, linearResult{}, named("rename reads"), named("rename writes"), named("rename deletes"))
	}
}

// complete sends the same Complete to both replicas.
func (r *linearRound) complete(client, replica int, u *linearUpload) {
	document := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + u.etag +
		"</ETag></Part></CompleteMultipartUpload>"
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			call := time.Now()
			a := r.do((replica+i)%2,
				&proxytest.Request{
					Method: "POST", Path: r.path(u.step.key), Query: "uploadId=" + url.QueryEscape(u.id), Body: document,
				})
			if a.StatusCode == 200 && strings.Contains(a.Text, "<Error>") {
				a.StatusCode = 503
			}
			step := u.step
			step.id = int(r.steps.Add(1))
			r.record(client, call, a, linearResult{}, step)
		})
	}
	wg.Wait()
}

// list lists the bucket: each key is or isn't there at some moment of it.
func (r *linearRound) list(client, replica int) {
	call := time.Now()
	a := r.do(replica,
		&proxytest.Request{Method: "GET", Path: "/" + r.bucket, Query: fmt.Sprintf("list-type=2&prefix=r%d%%2F", r.number)})
	if a.StatusCode != 200 || a.Err != nil || strings.Contains(a.Text, "<IsTruncated>true") {
		return
	}
	for key := range linearKeys {
		kind := "unlisted"
		if strings.Contains(a.Text, "<Key>"+r.name(key)+"</Key>") {
			kind = "listed"
		}
		r.record(client, call, a, linearResult{}, linearStep{kind: kind, key: key})
	}
}
