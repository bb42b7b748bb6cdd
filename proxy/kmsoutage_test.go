package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/sigv4"
)

// A kmsRow is what a client gets when a call of KMS fails: row, code and status of section 5.3.
type kmsRow struct {
	row, code string
	status    int
}

var (
	ke5 = kmsRow{"KE-5", "AccessDenied", 403}
	ke6 = kmsRow{"KE-6", "SlowDown", 503}
	ke7 = kmsRow{"KE-7", "ServiceUnavailable", 503}
	ke8 = kmsRow{"KE-8", "InternalError", 500}
)

func ke(n int, name string) kmsRow { return kmsRow{fmt.Sprintf("KE-%d", n), "KMS." + name, 400} }

// kmsFaults has all that KMS can do instead of answering. A fault that isn't said to concern one call concerns each.
var kmsFaults = []struct {
	name     string
	fault    func(key string) kmsFault
	describe *kmsRow // nil: that call works
	generate *kmsRow
	decrypt  *kmsRow
	partial  bool // describe, generate and decrypt differ; else decrypt stands for all
}{
	{name: "KE-1 disabled", fault: named("DisabledException", 400, " is disabled."), decrypt: row(ke(1, "DisabledException"))},
	{name: "KE-2 pending deletion", fault: named("KMSInvalidStateException", 400, " is pending deletion."), decrypt: row(ke(2, "KMSInvalidStateException"))},
	{name: "KE-3 gone", fault: named("NotFoundException", 400, " does not exist"), decrypt: row(ke(3, "NotFoundException"))},
	{name: "KE-4 of another use", fault: named("InvalidKeyUsageException", 400, " is for signing."), decrypt: row(ke(4, "InvalidKeyUsageException"))},
	{name: "KE-5 forbidden", fault: named("AccessDeniedException", 400, " is not for you"), decrypt: &ke5},
	{name: "KE-6 throttled", fault: named("ThrottlingException", 400, ""), decrypt: &ke6},
	{name: "KE-6 over a limit", fault: named("LimitExceededException", 400, ""), decrypt: &ke6},
	{name: "KE-7 internal error", fault: named("KMSInternalException", 500, ""), decrypt: &ke7},
	{name: "KE-7 dependency timeout", fault: named("DependencyTimeoutException", 503, ""), decrypt: &ke7},
	{name: "KE-7 key unavailable", fault: named("KeyUnavailableException", 500, ""), decrypt: &ke7},
	{name: "KE-7 the proxy's own credentials are refused", fault: named("UnrecognizedClientException", 400, ""), decrypt: &ke7},
	{name: "KE-7 hangs", fault: always(kmsHangs), decrypt: &ke7},
	{name: "KE-7 resets the connection", fault: always(kmsResets), decrypt: &ke7},
	{name: "KE-7 breaks off its answer", fault: always(kmsBreaksOff), decrypt: &ke7},
	{name: "KE-7 answers in HTML", fault: always(kmsAnswers(502, "<html>Bad Gateway</html>")), decrypt: &ke7},
	{name: "KE-7 answers 200 in HTML", fault: always(kmsAnswers(200, "<html>Welcome</html>")), decrypt: &ke7},
	{name: "KE-7 answers an empty object", fault: always(kmsAnswers(200, "{}")), decrypt: &ke7},
	{name: "KE-7 cuts its JSON", fault: always(kmsAlters(func(body []byte) []byte { return body[:len(body)/2] })), decrypt: &ke7},
	{name: "KE-7 KE-8 gives 16 bytes", fault: always(kmsAlters(withPlaintext(make([]byte, 16)))), generate: &ke7, decrypt: &ke8, partial: true},
	{name: "KE-7 KE-8 gives zeros", fault: always(kmsAlters(withPlaintext(make([]byte, 32)))), generate: &ke7, decrypt: &ke8, partial: true},
	{name: "KE-8 doesn't know the blob", fault: always(onDecrypt(kmsSays("InvalidCiphertextException", 400, ""))), decrypt: &ke8, partial: true},
	{name: "KE-8 another key's blob", fault: always(onDecrypt(kmsSays("IncorrectKeyException", 400, ""))), decrypt: &ke8, partial: true},
	{name: "slow", fault: always(kmsIsSlow(200 * time.Millisecond)), partial: true},
}

// keyRows: PutBucketEncryption asks about a key before it takes it, and has rows of its own for what it hears.
var keyRows = map[string]string{"KE-1": "PBE-15", "KE-2": "PBE-16", "KE-3": "PBE-13", "KE-4": "PBE-14", "KE-5": "PBE-11"}

func row(r kmsRow) *kmsRow { return &r }

func always(f kmsFault) func(string) kmsFault { return func(string) kmsFault { return f } }

func named(name string, status int, about string) func(string) kmsFault {
	return func(key string) kmsFault { return kmsSays(name, status, key+about) }
}

// A kmsNeed says when an operation asks KMS.
type kmsNeed int

const (
	never    kmsNeed = iota
	whenCold         // when the bucket key isn't in memory
	each             // every time
)

// kmsOperations has what OPERATING.md's table "When KMS is away" has. A request names what it makes after the phase.
var kmsOperations = []struct {
	name  string
	need  kmsNeed
	calls string // what it asks KMS, in order: describe, generate, decrypt
	r     func(b *outageBucket, phase string) *rawRequest
}{
	{"CreateSession", whenCold, "g", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: "/" + b.name, query: "session=", service: "s3express"}
	}},
	{"PutObject", whenCold, "g", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path(phase + "-put"), body: "body"}
	}},
	{"PutObject in a session", whenCold, "g", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path(phase + "-session"), body: "body", service: "s3express", credentials: b.session}
	}},
	{"GetObject", whenCold, "d", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: b.path("object")}
	}},
	{"GetObject of a range", whenCold, "d", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: b.path("object"), header: []sigv4.Field{field("Range", "bytes=1-2")}}
	}},
	{"HeadObject", never, "", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "HEAD", path: b.path("object")}
	}},
	{"HeadObject with checksum", whenCold, "d", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "HEAD", path: b.path("object"), header: []sigv4.Field{field("X-Amz-Checksum-Mode", "ENABLED")}}
	}},
	{"CopyObject", each, "dg", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path(phase + "-copy"), header: []sigv4.Field{field("X-Amz-Copy-Source", b.name+"/object")}}
	}},
	{"CreateMultipartUpload", whenCold, "g", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "POST", path: b.path(phase + "-upload"), query: "uploads="}
	}},
	{"UploadPart", whenCold, "d", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path("parts"), query: "partNumber=1&uploadId=" + b.parts, body: "part"}
	}},
	{"UploadPartCopy", each, "d", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path("parts"), query: "partNumber=2&uploadId=" + b.parts, header: []sigv4.Field{field("X-Amz-Copy-Source", b.name+"/object")}}
	}},
	{"CompleteMultipartUpload", whenCold, "d", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "POST", path: b.path(phase + "-complete"), query: "uploadId=" + b.uploads[phase], body: b.lists[phase]}
	}},
	{"ListParts", never, "", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: b.path("parts"), query: "uploadId=" + b.parts}
	}},
	{"ListMultipartUploads", never, "", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: "/" + b.name, query: "uploads="}
	}},
	{"RenameObject", whenCold, "d", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "PUT", path: b.path(phase + "-renamed"), query: "renameObject=", header: []sigv4.Field{field("X-Amz-Rename-Source", "/"+b.name+"/"+phase+"-from")}}
	}},
	{"DeleteObject", never, "", func(b *outageBucket, phase string) *rawRequest {
		return &rawRequest{method: "DELETE", path: b.path(phase + "-delete")}
	}},
	{"ListObjectsV2", never, "", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: "/" + b.name, query: "list-type=2"}
	}},
	{"HeadBucket", never, "", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "HEAD", path: "/" + b.name, service: "s3express"}
	}},
	{"GetBucketEncryption", never, "", func(b *outageBucket, _ string) *rawRequest {
		return &rawRequest{method: "GET", path: "/" + b.name, query: "encryption=", service: "s3express"}
	}},
	{"PutBucketEncryption", each, "sgd", func(b *outageBucket, _ string) *rawRequest { return b.encryption() }},
}

// An outageBucket is an SSE-KMS directory bucket with a KMS key, objects and uploads of its own.
type outageBucket struct {
	p         *program
	name, key string
	session   *sigv4.Credentials
	parts     string            // an upload
	uploads   map[string]string // one to complete, for each phase
	lists     map[string]string
}

func (b *outageBucket) path(key string) string { return "/" + b.name + "/" + key }

func (b *outageBucket) encryption() *rawRequest {
	return &rawRequest{method: "PUT", path: "/" + b.name, query: "encryption=", service: "s3express", body: `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>` + b.key + `</KMSMasterKeyID></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`}
}

func (b *outageBucket) must(r *rawRequest) *answer {
	b.p.t.Helper()
	a := b.p.do(r)
	if a.StatusCode/100 != 2 || a.bodyErr != nil {
		b.p.t.Fatalf("%s %s?%s: %d %s %v", r.method, r.path, r.query, a.StatusCode, a.body, a.bodyErr)
	}
	return a
}

// newKMSBucket makes an empty SSE-KMS directory bucket.
func newKMSBucket(p *program, name, key string) *outageBucket {
	p.t.Helper()
	b := &outageBucket{p: p, name: name, key: key, uploads: make(map[string]string), lists: make(map[string]string)}
	b.must(&rawRequest{method: "PUT", path: "/" + name, service: "s3express", body: directoryBucketDocument})
	b.must(b.encryption())
	return b
}

func newOutageBucket(p *program, name, key string) *outageBucket {
	p.t.Helper()
	b := newKMSBucket(p, name, key)
	b.session = p.session(name)
	upload := func(key string) string {
		id := element(b.must(&rawRequest{method: "POST", path: b.path(key), query: "uploads="}).body, "UploadId")
		return url.QueryEscape(id)
	}
	b.parts = upload("parts")
	b.must(&rawRequest{method: "PUT", path: b.path("object"), body: "body"})
	for _, phase := range []string{"warm", "cold"} {
		for _, key := range []string{"-from", "-delete"} {
			b.must(&rawRequest{method: "PUT", path: b.path(phase + key), body: "body"})
		}
		b.uploads[phase] = upload(phase + "-complete")
		etag := b.must(&rawRequest{method: "PUT", path: b.path(phase + "-complete"), query: "partNumber=1&uploadId=" + b.uploads[phase], body: "part"}).Header.Get("ETag")
		b.lists[phase] = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + etag + "</ETag></Part></CompleteMultipartUpload>"
	}
	return b
}

// keys lists what is there.
func (b *outageBucket) keys() string {
	b.p.t.Helper()
	var keys []string
	for rest := b.must(&rawRequest{method: "GET", path: "/" + b.name, query: "list-type=2"}).body; ; {
		_, after, ok := strings.Cut(rest, "<Key>")
		if !ok {
			return strings.Join(keys, " ")
		}
		key, more, _ := strings.Cut(after, "</Key>")
		keys, rest = append(keys, key), more
	}
}

// has compares the keys with those wanted, in whatever order directory buckets list them.
func (b *outageBucket) has(when, want string) {
	b.p.t.Helper()
	got := strings.Fields(b.keys())
	missing := make(map[string]bool)
	for _, key := range strings.Fields(want) {
		missing[key] = true
	}
	for _, key := range got {
		if !missing[key] {
			b.p.t.Errorf("%s there is %s", when, key)
		}
		delete(missing, key)
	}
	if len(missing) > 0 {
		b.p.t.Errorf("%s these are missing: %v", when, missing)
	}
}

// rowOf finds the row that refused a request, in the program's log.
func (p *program) rowOf(a *answer) string {
	p.t.Helper()
	id := a.Header.Get("X-Amz-Request-Id")
	for range 500 {
		for line := range strings.Lines(p.stderr.String()) {
			if id != "" && strings.Contains(line, id) && strings.HasSuffix(line, "\n") {
				_, rest, _ := strings.Cut(line, `"row":"`)
				row, _, _ := strings.Cut(rest, `"`)
				return row
			}
		}
		time.Sleep(10 * time.Millisecond) // the pipe's other end is a goroutine
	}
	p.t.Errorf("the log has no request %q", id)
	return ""
}

// every runs a subtest for each of n at the same time, however few processors there are: they wait most of the time.
func every(t *testing.T, n int, name func(i int) string, f func(t *testing.T, i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { t.Run(name(i), func(t *testing.T) { f(t, i) }) })
	}
	all.Wait()
}

// for returns the program as a subtest sees it.
func (p *program) forTest(t *testing.T) *program {
	q := *p
	q.t = t
	return &q
}

// Trap 19: KMS failing in every way, at each step of each operation: the answer is 5.3's, nothing is stored, nothing is
// lost, and all works again when KMS does. This is what OPERATING.md's table "When KMS is away" says.
func TestWhenKMSIsAway(t *testing.T) {
	t.Parallel()
	k := newFaultyKMS(t)
	p := k.start(t, t.TempDir(), "timeout: 3s")
	every(t, len(kmsFaults), func(i int) string { return kmsFaults[i].name }, func(t *testing.T, i int) {
		f := kmsFaults[i]
		expected := func(calls string) *kmsRow {
			for _, call := range calls {
				switch r := map[rune]*kmsRow{'s': f.describe, 'g': f.generate, 'd': f.decrypt}[call]; {
				case !f.partial:
					return f.decrypt
				case r != nil:
					return r
				}
			}
			return nil
		}
		b := newOutageBucket(p.forTest(t), fmt.Sprintf("away-%d--local-az1--x-s3", i), k.newKey(t))
		const whole = "object warm-from warm-delete cold-from cold-delete"
		b.has("at first", whole)

		// phase asks for every operation at once. An operation that should fail must do so as the row says.
		phase := func(name, phase string, need kmsNeed) {
			before := k.all(b.key)
			asked := 0
			for _, o := range kmsOperations {
				if o.need >= need && need != never {
					asked++
				}
			}
			every(t, len(kmsOperations), func(i int) string { return name + " " + kmsOperations[i].name }, func(t *testing.T, i int) {
				o, q := kmsOperations[i], p.forTest(t)
				r := o.r(b, phase)
				var want *kmsRow
				if need != never && o.need >= need {
					want = expected(o.calls)
				}
				a := q.do(r)
				switch {
				case a.bodyErr != nil:
					t.Errorf("no answer: %v", a.bodyErr)
				case want == nil && a.StatusCode/100 != 2:
					t.Errorf("%d %s, want success", a.StatusCode, a.body)
				case want == nil && o.name == "GetObject" && a.body != "body":
					t.Errorf("GET gave %q", a.body)
				case want != nil && (a.StatusCode != want.status || r.method != "HEAD" && a.code() != want.code):
					t.Errorf("%d %s, want %d %s", a.StatusCode, a.body, want.status, want.code)
				case want != nil:
					wanted := want.row
					if ofKey := keyRows[wanted]; o.name == "PutBucketEncryption" && ofKey != "" {
						wanted = ofKey
					}
					if row := q.rowOf(a); row != wanted {
						t.Errorf("refused by %q, want %s", row, wanted)
					}
					if want.status == http.StatusBadRequest && r.method != "HEAD" && !strings.Contains(a.body, b.key) {
						t.Errorf("%s doesn't name the KMS key", a.body)
					}
				}
			})
			// A call that hangs ends its request: no second one begins behind it.
			if n := k.all(b.key) - before; f.name == "KE-7 hangs" && need != never && n > asked {
				t.Errorf("%s: %d calls of KMS for %d requests that hung", name, n, asked)
			}
		}
		k.set(b.key, f.fault(b.key))
		phase("warm", "warm", each)
		after := strings.ReplaceAll(whole, "warm-delete", "warm-put warm-session warm-complete")
		after = strings.ReplaceAll(after, "warm-from", "warm-renamed")
		if expected("dg") == nil {
			after += " warm-copy"
		}
		b.has("after what needs no KMS", after)

		b.p.dropKeys("?kms-key=" + url.QueryEscape(b.key))
		phase("cold", "cold", whenCold)
		after = strings.ReplaceAll(after, " cold-delete", "")
		for made, calls := range map[string]string{"cold-put": "g", "cold-session": "g", "cold-copy": "dg", "cold-complete": "d"} {
			if expected(calls) == nil {
				after += " " + made
			}
		}
		if expected("d") == nil {
			after = strings.ReplaceAll(after, "cold-from", "cold-renamed")
		}
		b.has("while KMS is away", after)
		uploads := b.must(&rawRequest{method: "GET", path: "/" + b.name, query: "uploads="}).body
		if failed := expected("g") != nil; failed == strings.Contains(uploads, "<Key>cold-upload</Key>") {
			t.Errorf("an upload that KMS refused: %v, listed: %s", failed, uploads)
		}

		k.set(b.key, nil)
		if expected("d") == nil { // all has been done already
			return
		}
		phase("again", "cold", never)
		b.has("in the end", "object cold-put cold-session cold-copy cold-complete cold-renamed warm-put warm-session warm-complete warm-renamed")
		for key, body := range map[string]string{"object": "body", "cold-complete": "part", "warm-complete": "part", "cold-renamed": "body", "cold-copy": "body", "cold-put": "body"} {
			if a := b.must(&rawRequest{method: "GET", path: b.path(key)}); a.body != body {
				t.Errorf("%s in the end: %q", key, a.body)
			}
		}
	})
	t.Run("by name", func(t *testing.T) { errorsAreKnownByName(t, p, k) })
	if p.metric("sealfront_integrity_failures_total", `kind="blob"`) == 0 {
		t.Error("KE-8 is no alarm")
	}
	if p.metric("sealfront_refusals_total", `row="KE-7"`) == 0 || p.metric("sealfront_kms_calls_total", `outcome="unreachable"`) == 0 {
		t.Error("KE-7 isn't counted")
	}
}

// Section 5.3 goes by the name of KMS's error, however it is spelled and whatever the HTTP status.
func errorsAreKnownByName(t *testing.T, p *program, k *faultyKMS) {
	type known struct {
		name   string
		status int
		want   kmsRow
	}
	var all []known
	for name, want := range map[string]kmsRow{
		"DisabledException": ke(1, "DisabledException"), "KMSInvalidStateException": ke(2, "KMSInvalidStateException"),
		"NotFoundException": ke(3, "NotFoundException"), "InvalidArnException": ke(3, "NotFoundException"),
		"InvalidKeyUsageException": ke(4, "InvalidKeyUsageException"), "AccessDeniedException": ke5,
		"ThrottlingException": ke6, "LimitExceededException": ke6, "KMSInternalException": ke7, "DependencyTimeoutException": ke7,
		"KeyUnavailableException": ke7, "AnExceptionOfTheFuture": ke7, "com.amazonaws.kms#DisabledException": ke(1, "DisabledException"),
	} {
		for _, status := range []int{400, 403, 429, 500, 503} {
			all = append(all, known{name, status, want})
		}
	}
	every(t, len(all), func(i int) string {
		return fmt.Sprintf("%s %s with status %d", all[i].want.row, all[i].name, all[i].status)
	}, func(t *testing.T, i int) {
		q := p.forTest(t)
		b := newKMSBucket(q, fmt.Sprintf("named-%d--local-az1--x-s3", i), k.newKey(t))
		k.set(b.key, kmsSays(all[i].name, all[i].status, b.key+" says no"))
		a := q.do(&rawRequest{method: "PUT", path: b.path("object"), body: "body"})
		if want := all[i].want; a.StatusCode != want.status || a.code() != want.code || q.rowOf(a) != want.row {
			t.Errorf("%d %s (%s), want %+v", a.StatusCode, a.body, q.rowOf(a), want)
		}
		b.has("afterwards", "")
	})
}
