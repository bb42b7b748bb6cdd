package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// Two requests for one key at two replicas, each a race that was lost once. SEALFRONT_RACES=300 plays each that often,
// over every store that is there; otherwise it is played a few times over the embedded one.
func TestRaces(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts programs and plays for a while; run without -short")
	}
	t.Parallel()
	stores := map[string]func(t *testing.T) proxytest.Service{"embedded": proxytest.SharedService}
	times, err := strconv.Atoi(os.Getenv("SEALFRONT_RACES"))
	if err == nil {
		stores["versitygw"], stores["minio"] = proxytest.StartVersitygw, proxytest.StartMinIO
	} else {
		times = 6
	}
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			g := newLinearGame(t, start(t), false)
			g.tidy.Store(true)
			for _, race := range []struct {
				name  string
				play  func(r *race)
				cost  int  // in units of the others'
				lossy bool // not played where a deletion knows no condition: what is written in the last moment is lost there
			}{
				{name: "the same Complete twice", play: raceCompletes},
				{name: "two renames of one source", play: raceRenames},
				{name: "a rename and its way back", play: raceRenameBack},
				{name: "a rename and a copy back", play: raceCopyBack},
				{name: "an append and a copy in place", play: raceAppend},
				{name: "rewrap and a copy in place", play: raceRewrap, cost: 3},
				{name: "an append and an overwrite", play: raceOverwrite},
				{name: "a Complete and a deletion", play: raceCompleteDelete},
				{name: "a rename and an overwrite", play: raceRenameOverwrite, lossy: true},
				{name: "an update of the encryption and an overwrite", play: raceUpdateOverwrite},
				{name: "an update of the encryption and a copy in place", play: raceUpdateCopy},
				{name: "two updates of the encryption", play: raceUpdates},
				{name: "attempts at one part", play: raceParts, cost: 2},
			} {
				t.Run(race.name, func(t *testing.T) {
					if race.lossy && name == "minio" {
						t.Skip("MinIO deletes whatever the condition")
					}
					n := max(2, times/max(1, race.cost))
					play(t, g, n, race.play)
				})
			}
		})
	}
}

// A race is one of them, over keys of its own.
type race struct {
	*linearGame
	t    *testing.T
	name string
	lost bool
}

func play(t *testing.T, g *linearGame, times int, do func(*race)) {
	lost := 0
	for i := range times {
		r := &race{
			linearGame: g, t: t,
			name: fmt.Sprintf("%s/%d-", strings.ReplaceAll(t.Name()[strings.LastIndex(t.Name(), "/")+1:], "_", "-"), i),
		}
		do(r)
		if r.lost {
			lost++
		}
	}
	t.Logf("%d of %d lost", lost, times)
}

func (r *race) errorf(format string, args ...any) {
	r.t.Helper()
	if !r.lost { // of each the first
		r.t.Errorf("%s: %s", r.name, fmt.Sprintf(format, args...))
	}
	r.lost = true
}

func (r *race) path(key string) string { return "/" + r.bucket + "/" + r.name + key }

func (r *race) put(key, body, meta string) *proxytest.Answer {
	return r.do(rand.IntN(2),
		&proxytest.Request{
			Method: "PUT", Path: r.path(key), Body: body, Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-M", meta)},
		})
}

// get returns body and metadata of a key, or the code of the refusal.
func (r *race) get(key string) (body, meta string) {
	a := r.do(rand.IntN(2), &proxytest.Request{Method: "GET", Path: r.path(key)})
	if a.StatusCode != 200 || a.Err != nil {
		if a.Code() != "NoSuchKey" {
			r.errorf("GET %s: %d %s", key, a.StatusCode, a.Text)
		}
		return a.Code(), ""
	}
	return a.Text, a.Header.Get("X-Amz-Meta-M")
}

func (r *race) rename(replica int, from, to string) *proxytest.Answer {
	return r.do(replica,
		&proxytest.Request{
			Method: "PUT", Path: r.path(to), Query: "renameObject=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Rename-Source", r.name+from)},
		})
}

func (r *race) copy(replica int, from, to, meta string) *proxytest.Answer {
	return r.do(replica, &proxytest.Request{Method: "PUT", Path: r.path(to), Header: []sigv4.Field{
		proxytest.Field("X-Amz-Copy-Source", r.bucket+"/"+r.name+from),
		proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"), proxytest.Field("X-Amz-Meta-M", meta),
	}})
}

// both runs two requests within a few milliseconds of one another.
func both(first, second func() *proxytest.Answer) (a, b *proxytest.Answer) {
	var wg sync.WaitGroup
	wg.Go(func() { time.Sleep(rand.N(12 * time.Millisecond)); a = first() })
	wg.Go(func() { time.Sleep(rand.N(12 * time.Millisecond)); b = second() })
	wg.Wait()
	return a, b
}

// sized is a body that store-side copies are made of, or one that comes with its metadata.
func sized(text string) string {
	if rand.IntN(2) == 0 {
		return text
	}
	return text + strings.Repeat(".", 9000)
}

func (r *race) upload(body string) (id, etag string) {
	a := r.do(0,
		&proxytest.Request{
			Method: "POST", Path: r.path("k"), Query: "uploads=",
			Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-M", "upload")},
		})
	id = proxytest.Element(a.Text, "UploadId")
	a = r.do(1,
		&proxytest.Request{
			Method: "PUT", Path: r.path("k"), Query: "partNumber=1&uploadId=" + url.QueryEscape(id), Body: body,
		})
	if a.StatusCode != 200 {
		r.errorf("UploadPart: %d %s", a.StatusCode, a.Text)
	}
	return id, a.Header.Get("ETag")
}

func (r *race) complete(replica int, id, etag string) *proxytest.Answer {
	document := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag +
		"</ETag></Part></CompleteMultipartUpload>"
	return r.do(replica,
		&proxytest.Request{Method: "POST", Path: r.path("k"), Query: "uploadId=" + url.QueryEscape(id), Body: document})
}

func raceCompletes(r *race) {
	r.put("k", "before", "before")
	id, etag := r.upload("uploaded")
	a, b := both(func() *proxytest.Answer { return r.complete(0, id, etag) },
		func() *proxytest.Answer { return r.complete(1, id, etag) })
	if a.StatusCode != 200 || b.StatusCode != 200 {
		r.errorf("%d %s, %d %s", a.StatusCode, a.Code(), b.StatusCode, b.Code())
	}
	if body, meta := r.get("k"); body != "uploaded" || meta != "upload" {
		r.errorf("the key has %q %q", body, meta)
	}
}

func raceRenames(r *race) {
	body := sized("body")
	r.put("s", body, "m")
	a, b := both(func() *proxytest.Answer { return r.rename(0, "s", "a") }, func() *proxytest.Answer {
		return r.rename(1,
			"s", "b")
	})
	if (a.StatusCode == 200) == (b.StatusCode == 200) {
		r.errorf("%d %s, %d %s", a.StatusCode, a.Code(), b.StatusCode, b.Code())
	}
	there := 0
	for _, key := range []string{"s", "a", "b"} {
		if got, _ := r.get(key); got == body {
			there++
		}
	}
	if there != 1 {
		r.errorf("%d names have the object", there)
	}
}

func raceRenameBack(r *race) {
	body := sized("body")
	r.put("s", body, "m")
	a, b := both(func() *proxytest.Answer { return r.rename(0, "s", "d") },
		func() *proxytest.Answer { time.Sleep(20 * time.Millisecond); return r.rename(1, "d", "s") })
	s, _ := r.get("s")
	d, _ := r.get("d")
	if a.StatusCode != 200 || (s == body) == (d == body) || (b.StatusCode == 200) != (s == body) {
		r.errorf("%d %s, %d %s: the names have %.10q and %.10q", a.StatusCode, a.Code(), b.StatusCode, b.Code(), s, d)
	}
}

func raceCopyBack(r *race) {
	body := sized("body")
	r.put("s", body, "m")
	a, b := both(func() *proxytest.Answer { return r.rename(0, "s", "d") },
		func() *proxytest.Answer { time.Sleep(20 * time.Millisecond); return r.copy(1, "d", "s", "copied") })
	s, meta := r.get("s")
	d, _ := r.get("d")
	if a.StatusCode != 200 || d != body || b.StatusCode == 200 && (s != body || meta != "copied") ||
		b.StatusCode == 404 && s != "NoSuchKey" {
		r.errorf("%d %s, %d %s: the names have %.10q %q and %.10q", a.StatusCode, a.Code(), b.StatusCode, b.Code(), s, meta,
			d)
	}
}

func raceAppend(r *race) {
	body := sized("body")
	r.put("k", body, "old")
	a, b := both(func() *proxytest.Answer {
		return r.do(0,
			&proxytest.Request{
				Method: "PUT", Path: r.path("k"), Body: "more",
				Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(body)))},
			})
	}, func() *proxytest.Answer { return r.copy(1, "k", "k", "new") })
	got, meta := r.get("k")
	if a.StatusCode != 200 && a.StatusCode != 409 || b.StatusCode != 200 || meta != "new" ||
		(a.StatusCode == 200) != (got == body+"more") {
		r.errorf("%d %s, %d %s: %.10q (%d), %q", a.StatusCode, a.Code(), b.StatusCode, b.Code(), got, len(got), meta)
	}
}

func raceRewrap(r *race) {
	body := sized("body")
	r.put("k", body, "old")
	config := proxytest.WriteConfig(r.t, r.config+proxytest.Identity)
	var status int
	var out, errs string
	_, b := both(func() *proxytest.Answer {
		out, errs, status = proxytest.Subcommand(r.t, "rewrap", "--config", config, "s3://"+r.bucket+"/"+r.name+"k")
		return nil
	}, func() *proxytest.Answer {
		var last *proxytest.Answer
		for i := range 40 { // the tool takes its time to start
			last = r.copy(1, "k", "k", fmt.Sprint("new", i))
		}
		return last
	})
	if got, meta := r.get("k"); status != 0 || b.StatusCode != 200 || got != body || meta != "new39" {
		r.errorf("%d %s %s, %d %s: %.10q %q", status, out, errs, b.StatusCode, b.Code(), got, meta)
	}
}

func raceOverwrite(r *race) {
	body := sized("body")
	if rand.IntN(2) == 0 {
		// it keeps a part, and the other object is shorter than that
		body = string(proxytest.RandomBytes(5*proxytest.MiB + 10))
	}
	r.put("k", body, "old")
	a, b := both(func() *proxytest.Answer {
		return r.do(0,
			&proxytest.Request{
				Method: "PUT", Path: r.path("k"), Body: "more",
				Header: []sigv4.Field{proxytest.Field("X-Amz-Write-Offset-Bytes", strconv.Itoa(len(body)))},
			})
	}, func() *proxytest.Answer { time.Sleep(rand.N(40 * time.Millisecond)); return r.put("k", "other", "new") })
	got, meta := r.get("k")
	if a.StatusCode != 200 && a.StatusCode != 409 && a.Code() != "InvalidWriteOffset" || b.StatusCode != 200 ||
		got != "other" || meta != "new" {
		r.errorf("%d %s, %d %s: %.10q %q", a.StatusCode, a.Text, b.StatusCode, b.Code(), got, meta)
	}
}

func raceCompleteDelete(r *race) {
	if rand.IntN(2) == 0 {
		r.put("k", "before", "before")
	}
	id, etag := r.upload("uploaded")
	a, b := both(func() *proxytest.Answer { return r.complete(0, id, etag) }, func() *proxytest.Answer {
		time.Sleep(rand.N(60 * time.Millisecond))
		return r.do(1, &proxytest.Request{Method: "DELETE", Path: r.path("k")})
	})
	if got, _ := r.get("k"); a.StatusCode != 200 || b.StatusCode != 204 || got != "uploaded" && got != "NoSuchKey" {
		r.errorf("%d %s, %d %s: %q", a.StatusCode, a.Text, b.StatusCode, b.Code(), got)
	}
}

func raceRenameOverwrite(r *race) {
	body := sized("body")
	r.put("s", body, "old")
	a, b := both(func() *proxytest.Answer { return r.rename(0, "s", "d") }, func() *proxytest.Answer {
		time.Sleep(rand.N(60 * time.Millisecond))
		return r.put("s", "second", "new")
	})
	s, _ := r.get("s")
	d, _ := r.get("d")
	if a.StatusCode != 200 || b.StatusCode != 200 || d != "second" && s != "second" || s != "second" && s != "NoSuchKey" {
		r.errorf("%d %s, %d %s: the names have %.10q and %.10q", a.StatusCode, a.Code(), b.StatusCode, b.Code(), s, d)
	}
}

// raceParts: what ListParts shows can be completed, and so can what any attempt with the same bytes was answered.
func raceParts(r *race) {
	a := r.do(0, &proxytest.Request{Method: "POST", Path: r.path("k"), Query: "uploads="})
	id := url.QueryEscape(proxytest.Element(a.Text, "UploadId"))
	bodies := []string{
		string(proxytest.RandomBytes(5 * proxytest.MiB)), string(proxytest.RandomBytes(5*proxytest.MiB + 1)),
	}
	etags := make([]string, 4)
	var wg sync.WaitGroup
	for i := range etags {
		wg.Go(func() {
			a := r.do(i%2,
				&proxytest.Request{Method: "PUT", Path: r.path("k"), Query: "partNumber=1&uploadId=" + id, Body: bodies[i/2]})
			etags[i] = a.Header.Get("ETag")
		})
	}
	wg.Wait()
	listed := r.do(rand.IntN(2), &proxytest.Request{Method: "GET", Path: r.path("k"), Query: "uploadId=" + id})
	size, _ := strconv.Atoi(proxytest.Element(listed.Text, "Size"))
	shown := strings.ReplaceAll(proxytest.Element(listed.Text, "ETag"), "&#34;", "")
	body := bodies[size-5*proxytest.MiB]
	// One of the two attempts with these bytes was replaced by the other; its answer names the part all the same.
	named := etags[2*(size-5*proxytest.MiB)+rand.IntN(2)]
	if rand.IntN(2) == 0 {
		named = shown
	}
	a = r.complete(rand.IntN(2), proxytest.Element(a.Text, "UploadId"), named)
	if got, _ := r.get("k"); a.StatusCode != 200 || got != body {
		r.errorf("%v, listed %s: completed with %s: %d %s: %d bytes", etags, shown, named, a.StatusCode, a.Text, len(got))
	}
}

// updated is where updates are played: general purpose buckets alone have them, and SSE-KMS wants TLS.
const updatedBucket = "updated"

func (r *race) secure(replica int, q *proxytest.Request) *proxytest.Answer {
	return r.replicas[replica].Do(q)
}

func (r *race) updatedPath() string { return "/" + updatedBucket + "/" + r.name + "k" }

// begun puts the object of a race of updates.
func (r *race) begun(body string) {
	q := &proxytest.Request{
		Method: "PUT", Path: r.updatedPath(), Body: body, Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-M", "old")},
	}
	a := r.secure(0, q)
	if a.Code() == "NoSuchBucket" {
		r.secure(0, &proxytest.Request{Method: "PUT", Path: "/" + updatedBucket})
		a = r.secure(0, q)
	}
	if a.StatusCode != 200 {
		r.errorf("PUT: %d %s", a.StatusCode, a.Text)
	}
}

func (r *race) update(replica int, bucketKey bool) *proxytest.Answer {
	return r.secure(replica, &proxytest.Request{
		Method: "PUT", Path: r.updatedPath(), Query: "encryption=",
		Body: fmt.Sprintf("<ObjectEncryption><SSE-KMS><KMSKeyArn>%s</KMSKeyArn><BucketKeyEnabled>%t</BucketKeyEnabled></SSE-KMS></ObjectEncryption>", r.kmsKey, bucketKey),
	})
}

// ends compares the object with what was acknowledged.
func (r *race) ends(body, meta string, answers ...*proxytest.Answer) (now *proxytest.Answer) {
	now = r.secure(rand.IntN(2), &proxytest.Request{Method: "GET", Path: r.updatedPath()})
	for _, a := range answers {
		if a.StatusCode != 200 {
			r.errorf("%d %s", a.StatusCode, a.Text)
		}
	}
	if now.StatusCode != 200 || now.Text != body || now.Header.Get("X-Amz-Meta-M") != meta {
		r.errorf("the object is %d %.10q (%d) %q, want %.10q (%d) %q", now.StatusCode, now.Text, len(now.Text),
			now.Header.Get("X-Amz-Meta-M"), body, len(body), meta)
	}
	return now
}

func raceUpdateOverwrite(r *race) {
	r.begun(sized("body"))
	other := sized("other")
	a, b := both(func() *proxytest.Answer { return r.update(0, true) }, func() *proxytest.Answer {
		return r.secure(1,
			&proxytest.Request{
				Method: "PUT", Path: r.updatedPath(), Body: other, Header: []sigv4.Field{proxytest.Field("X-Amz-Meta-M", "new")},
			})
	})
	r.ends(other, "new", a, b)
}

func raceUpdateCopy(r *race) {
	body := sized("body")
	r.begun(body)
	a, b := both(func() *proxytest.Answer { return r.update(0, true) }, func() *proxytest.Answer {
		return r.secure(1, &proxytest.Request{Method: "PUT", Path: r.updatedPath(), Header: []sigv4.Field{
			proxytest.Field("X-Amz-Copy-Source", updatedBucket+"/"+r.name+"k"),
			proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"), proxytest.Field("X-Amz-Meta-M", "new"),
		}})
	})
	r.ends(body, "new", a, b)
}

func raceUpdates(r *race) {
	body := sized("body")
	r.begun(body)
	a, b := both(func() *proxytest.Answer { return r.update(0, true) }, func() *proxytest.Answer {
		return r.update(1,
			false)
	})
	now := r.ends(body, "old", a, b)
	if now.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != r.kmsKey {
		r.errorf("it is sealed under %v", now.Header)
	}
}
