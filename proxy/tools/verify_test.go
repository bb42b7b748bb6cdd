package tools_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto"
	"sealfront/proxy/tools"
)

// flipAt changes a byte, from the end when at is negative.
func flipAt(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x10
		return b
	}
}

// A damage is a change of an object as the store has it.
type damage struct {
	name    string
	kind    string // of the Damage that is found
	inParts bool   // the object is of three parts
	change  func(t *testing.T, o *stored)
}

func ofBytes(name, kind string, change func([]byte) []byte) damage {
	return damage{name: name, kind: kind, change: func(_ *testing.T, o *stored) { o.body = change(o.body) }}
}

func ofParts(name, kind string, change func([]byte) []byte) damage {
	d := ofBytes(name, kind, change)
	d.inParts = true
	return d
}

// ofEnvelope changes the envelope's binary form.
func ofEnvelope(name, kind string, change func([]byte)) damage {
	return damage{name: name, kind: kind, change: func(t *testing.T, o *stored) {
		b, err := base64.RawURLEncoding.DecodeString(o.metadata[envelope])
		if err != nil || len(b) == 0 {
			t.Fatal(err)
		}
		change(b)
		o.metadata[envelope] = base64.RawURLEncoding.EncodeToString(b)
	}}
}

func flipEnvelope(name, kind string, at int) damage {
	return ofEnvelope(name, kind, func(b []byte) { flipAt(at)(b) })
}

// flipIn changes a byte within a field of the envelope.
func flipIn(name, kind string, field func(*crypto.Envelope) []byte) damage {
	return ofEnvelope(name, kind, func(b []byte) {
		e, err := crypto.ParseEnvelope(b)
		if err != nil {
			panic(err)
		}
		value := field(e)
		b[bytes.Index(b, value)+len(value)/2] ^= 1
	})
}

// damages are all that can happen to an object of body, or of parts whose first two are of partSize stored bytes. other
// is another object of the bucket.
func damages(body []byte, partSize int, other *stored) []damage {
	const segment = crypto.SealedSegmentSize
	return []damage{
		ofBytes("segment", "segment", flipAt(100)),
		ofBytes("last segment", "segment", flipAt(2*segment+5)),
		ofBytes("tag", "segment", flipAt(2*segment-1)),
		ofBytes("record", "trailer", flipAt(-40)),
		ofBytes("tail magic", "trailer", flipAt(-32)),
		ofBytes("tail size", "trailer", flipAt(-18)),
		ofBytes("tail salt", "trailer", flipAt(-1)),
		ofBytes("padding", "padding", flipAt(len(body)+3*16)),
		ofBytes("cut by a byte", "length", func(b []byte) []byte { return b[:len(b)-1] }),
		ofBytes("cut at a segment", "length", func(b []byte) []byte { return b[:2*segment] }),
		ofBytes("cut to nothing", "length", func([]byte) []byte { return nil }),
		ofBytes("extended", "length", func(b []byte) []byte { return append(b, 0) }),
		ofBytes("doubled", "length", func(b []byte) []byte { return append(b, b...) }),
		ofBytes("segments swapped", "segment", func(b []byte) []byte {
			return slices.Concat(b[segment:2*segment], b[:segment], b[2*segment:])
		}),
		ofParts("parts swapped", "segment", func(b []byte) []byte {
			return slices.Concat(b[partSize:2*partSize], b[:partSize], b[2*partSize:])
		}),
		ofParts("part dropped", "trailer", func(b []byte) []byte { return b[partSize:] }),
		ofParts("trailer of parts", "trailer", flipAt(-40)),
		ofParts("segment of the last part", "segment", flipAt(2*partSize+70_000)),
		ofBytes("plaintext", "length", func([]byte) []byte { return body }),
		flipEnvelope("format", "envelope", 0),
		flipEnvelope("suite", "envelope", 1),
		ofEnvelope("SSE kind", "key", func(b []byte) { b[2] ^= 3 }),
		ofEnvelope("flags", "envelope", func(b []byte) { b[3] ^= 1 }),
		flipEnvelope("object id", "envelope", 4),
		flipEnvelope("wrap salt", "envelope", 20),
		flipEnvelope("part salt", "envelope", 36),
		flipEnvelope("commitment", "envelope", 52),
		flipIn("KMS key", "key", func(e *crypto.Envelope) []byte { return []byte(e.KeyARN[len(e.KeyARN)-36:]) }),
		flipIn("blob", "envelope", func(e *crypto.Envelope) []byte { return e.Blob }),
		flipEnvelope("wrapped", "envelope", -1),
		{name: "no metadata", kind: "not-sealed", change: func(_ *testing.T, o *stored) { delete(o.metadata, envelope) }},
		{name: "not base64", kind: "envelope", change: func(_ *testing.T, o *stored) { o.metadata[envelope] += "=" }},
		{
			name: "an other's envelope", kind: "envelope",
			change: func(_ *testing.T, o *stored) { o.metadata = other.metadata },
		},
		ofBytes("an other's bytes", "segment", func([]byte) []byte { return other.body }),
	}
}

func lines(out *bytes.Buffer) []string {
	if out.Len() == 0 {
		return nil
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

// A scrub finds the objects that were damaged, each in another way, and no others; inspect says of each the same.
func TestVerifyFindsExactlyWhatIsDamaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("scrubbed")
	body := random(3*crypto.SegmentSize - 1000)
	for i := range 20 {
		s.put(bucket, fmt.Sprintf("whole/%05d", i), body[:i%5*100])
	}
	s.put(bucket, "other", body)
	upload(t, s.client, bucket, "whole parts", s3.CreateMultipartUploadInput{}, random(5*mib), random(5*mib+7), random(3))
	upload(t, s.client, bucket, "whole, last part empty", s3.CreateMultipartUploadInput{}, random(5*mib), nil)
	all := damages(body, int(crypto.SealedLength(5*mib)), s.stored(bucket, "other"))
	for _, d := range all {
		if d.inParts {
			upload(t, s.client, bucket, "damaged/"+d.name, s3.CreateMultipartUploadInput{}, random(5*mib), random(5*mib),
				random(70_001))
		} else {
			s.put(bucket, "damaged/"+d.name, body)
		}
	}
	verify := func(prefix string, o tools.WalkOptions) (*tools.VerifyReport, []string, error) {
		t.Helper()
		var out bytes.Buffer
		o.Out = &out
		v, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket, Key: prefix}, o)
		return v, lines(&out), err
	}
	n := int64(20 + 3 + len(all))
	if v, out, err := verify("", tools.WalkOptions{}); err != nil || len(out) > 0 ||
		!reflect.DeepEqual(v, &tools.VerifyReport{Checked: n}) {
		t.Fatalf("before the damage: %+v, %v\n%s", v, err, strings.Join(out, "\n"))
	}

	want := map[string]string{}
	for _, d := range all {
		key := "damaged/" + d.name
		o := s.stored(bucket, key)
		d.change(t, o)
		s.replace(bucket, key, o)
		want[uri(bucket, key)] = "damaged " + d.kind
	}
	moved := s.stored(bucket, "whole/00004")
	s.replace(bucket, "damaged/moved", moved)
	want[uri(bucket, "damaged/moved")] = "damaged envelope"
	v, out, err := verify("", tools.WalkOptions{JSON: true, Concurrency: 4})
	got := map[string]string{}
	for _, line := range out {
		var f tools.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.Reason == "" {
			t.Fatal(err, line)
		}
		got[f.URI] = f.State + " " + f.Kind
		if strings.Contains(line, base64.StdEncoding.EncodeToString(body[:30])) || strings.Contains(line, string(body[:10])) {
			t.Errorf("%s has plaintext in its report", f.URI)
		}
	}
	if !errors.Is(err, tools.ErrFound) || !maps.Equal(got, want) ||
		!reflect.DeepEqual(v, &tools.VerifyReport{Checked: n + 1, Damaged: int64(len(want))}) {
		for uri := range want {
			if got[uri] != want[uri] {
				t.Errorf("%s: %q, want %q", uri, got[uri], want[uri])
			}
		}
		t.Errorf("%v: %+v; %d findings, want %d", err, v, len(got), len(want))
	}

	in := s.installation()
	for _, d := range all {
		target := tools.Target{Bucket: bucket, Key: "damaged/" + d.name}
		v, err := in.Inspect(t.Context(), target)
		if !errors.Is(err, tools.ErrFound) || v.Verifies || v.Damage == nil || v.Damage.Kind != d.kind ||
			v.URI != target.URI() || v.ETag == "" {
			t.Errorf("inspect %s: %v, %+v", d.name, err, v)
			continue
		}
		parses := d.name != "format" && d.name != "suite" && d.kind != "not-sealed" && d.name != "not base64"
		if v.Damage.Error() == "" || (v.Envelope != nil) != parses {
			t.Errorf("inspect %s: envelope %+v, %v", d.name, v.Envelope, v.Damage)
		}
	}

	// A prefix without damage, and a walk that goes on where another one was.
	if v, out, err := verify("whole", tools.WalkOptions{}); err != nil || len(out) > 0 || v.Checked != 22 {
		t.Errorf("a prefix that is whole: %+v, %v\n%s", v, err, strings.Join(out, "\n"))
	}
	keys := slices.Sorted(maps.Keys(want))
	after := strings.TrimPrefix(keys[9], uri(bucket, ""))
	resume := writeFile(t, fmt.Sprintf(`{"walk":"verify s3://%s/","after":%q,"done":10,"failed":10}`, bucket, after))
	v, out, err = verify("", tools.WalkOptions{Resume: resume})
	if !errors.Is(err, tools.ErrFound) || len(out) != len(want)-10 || v.Checked != n+1 ||
		slices.ContainsFunc(out, func(line string) bool { return strings.HasPrefix(line, keys[9]+":") }) {
		t.Errorf("resumed: %v, %d lines, want %d\n%s", err, len(out), len(want)-10, strings.Join(out, "\n"))
	}
	if _, err := os.Stat(resume); err == nil {
		t.Error("the resume file outlives its walk")
	}
	for name, text := range map[string]string{"another walk's": `{"walk":"verify s3://other/"}`, "no JSON": "{"} {
		if v, _, err := verify("", tools.WalkOptions{Resume: writeFile(t, text)}); !errors.Is(err, tools.ErrUsage) ||
			v != nil {
			t.Errorf("a resume file that is %s: %v", name, err)
		}
	}
	if _, err := in.Verify(t.Context(), tools.Target{Bucket: "none"}, tools.WalkOptions{}); err == nil ||
		!strings.Contains(err.Error(), "none") {
		t.Errorf("no such bucket: %v", err)
	}
	if _, err := in.Inspect(t.Context(), tools.Target{Bucket: "none", Key: "k"}); err == nil {
		t.Error("no such bucket")
	}
	if _, err := in.Inspect(t.Context(), tools.Target{Bucket: bucket, Key: "none"}); err == nil ||
		errors.Is(err, tools.ErrFound) {
		t.Errorf("no such object: %v", err)
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What the store or the key service doesn't answer is no damage, and neither is what a client replaces or deletes.
func TestOutagesAreNoDamage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("things")
	key := s.newKey()
	kms := s3.PutObjectInput{ServerSideEncryption: "aws:kms", SSEKMSKeyId: &key}
	for _, name := range []string{"a", "b", "c"} {
		s.put(bucket, name, random(1000))
	}
	put(t, s.client, bucket, "d", random(1000), kms)
	path := "/" + bucket + "/"
	for name, c := range map[string]struct {
		before     func(w http.ResponseWriter, r *http.Request) bool
		unchecked  int64
		gone       int64
		reason     string
		disableKey bool
	}{
		"the store fails": {
			before: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path+"a" {
					w.WriteHeader(http.StatusInternalServerError)
				}
				return r.URL.Path == path+"a"
			}, unchecked: 1, reason: "500",
		},
		"the store refuses us": {
			before: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path+"b" {
					w.WriteHeader(http.StatusForbidden)
				}
				return r.URL.Path == path+"b"
			}, unchecked: 1, reason: "403",
		},
		"the store breaks off": {
			before: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path+"c" {
					panic(http.ErrAbortHandler)
				}
				return false
			}, unchecked: 1,
		},
		"listed and not there": {
			before: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path+"c" {
					w.WriteHeader(http.StatusNotFound)
				}
				return r.URL.Path == path+"c"
			}, unchecked: 1, reason: "the store lists it, and says that it isn't there",
		},
		"deleted meanwhile": {
			before: func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == path+"gone" {
					remove(t, s.raw, bucket, "gone")
				}
				return false
			}, gone: 1,
		},
	} {
		s.put(bucket, "gone", nil)
		s.front.set(c.before, nil)
		var out bytes.Buffer
		v, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{Out: &out})
		s.front.set(nil, nil)
		if v.Damaged != 0 || v.Unchecked != c.unchecked || v.Gone != c.gone ||
			errors.Is(err, tools.ErrFound) != (c.unchecked > 0) || !strings.Contains(out.String(), c.reason) {
			t.Errorf("%s: %+v, %v: %s", name, v, err, &out)
		}
	}
	s.disable(key)
	var out bytes.Buffer
	v, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{Out: &out})
	if v.Damaged != 0 || v.Unchecked != 1 || !errors.Is(err, tools.ErrFound) ||
		!strings.Contains(out.String(), "DisabledException") {
		t.Errorf("a disabled key: %+v, %v: %s", v, err, &out)
	}
}
