package tools_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto"
	"sealfront/proxy/tools"
)

func (s *site) rewrap(bucket, prefix string, o tools.RewrapOptions) (*tools.RewrapReport, error) {
	s.t.Helper()
	o.Out = io.Discard
	return s.installation().Rewrap(s.t.Context(), tools.Target{Bucket: bucket, Key: prefix}, o)
}

// sealedUnder is the envelope of an object.
func (s *site) sealedUnder(bucket, key string) *crypto.Envelope {
	s.t.Helper()
	e, err := crypto.ParseEnvelopeText([]byte(s.stored(bucket, key).metadata[envelope]))
	if err != nil {
		s.t.Fatal(bucket, key, err)
	}
	return e
}

func (s *site) mustVerify(bucket string, n int64) {
	s.t.Helper()
	var out bytes.Buffer
	v, err := s.installation().Verify(s.t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{Out: &out})
	if err != nil || v.Checked != n {
		s.t.Errorf("verify %s: %+v, want %d, %v: %s", bucket, v, n, err, &out)
	}
}

// shown is all that a client sees of an object but its date and its ETag.
func shown(t *testing.T, c *s3.Client, bucket, key string, body []byte) string {
	t.Helper()
	out := mustRead(t, c, bucket, key, body)
	out.ETag, out.LastModified, out.Body = nil, nil, nil
	text, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "ResultMetadata")
	tags := map[string]string{} // in no order
	if aws.ToInt32(out.TagCount) > 0 {
		tagging, err := c.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range tagging.TagSet {
			tags[*tag.Key] = *tag.Value
		}
	}
	return fmt.Sprint(fields, tags)
}

// After a rewrap no object depends on an older bucket key, and everything that clients see but date and ETag is as it
// was, whatever way the store's abilities leave.
func TestRewrapOnEachKindOfStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*site)
		ways   []string // operations by which objects are made
	}{
		"one that copies onto itself": {func(*site) {}, []string{"COPY", "PUT"}},
		"one that copies without conditions": {func(s *site) {
			s.abilities.ConditionalCopy, s.abilities.AtomicSelfCopy = false, false
		}, []string{"PUT"}},
		"one whose reads hold up writes": {func(s *site) {
			s.abilities.ConditionalCopy = false
		}, []string{"COPYPART", "PUT"}},
		"one whose reads hold up writes, without conditional Complete": {func(s *site) {
			s.abilities.ConditionalCopy, s.abilities.ConditionalComplete = false, false
		}, []string{"COPY", "PUT"}},
		"one that copies little at once": {func(s *site) { s.copyLimit = 7 * mib }, []string{"COPY", "COPYPART", "PUT"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, c.change)
			directory, kmsKey := s.directoryBucket("directory")
			general := s.bucket("general")
			bodies := map[string][]byte{
				"a": random(10), "dir/b": random(5000), "ü+c": random(200_000), "large": random(300_000), "empty": {},
				"own": random(11),
			}
			whole := random(12*mib + 70_000)
			for _, b := range []string{directory, general} {
				for key, body := range bodies {
					in := s3.PutObjectInput{
						ContentType: aws.String("text/x-" + b[:4]), CacheControl: aws.String("no-store"),
						ContentEncoding: aws.String("gzip"),
						Metadata:        map[string]string{"name": "välue"},
					}
					if b == general {
						in.WebsiteRedirectLocation = aws.String("/elsewhere")
					}
					if b == general && key == "own" {
						in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = "aws:kms", &kmsKey, aws.Bool(false)
					}
					put(t, s.client, b, key, body, in)
				}
				upload(t, s.client, b, "parts", s3.CreateMultipartUploadInput{}, whole[:5*mib], whole[5*mib:])
			}
			bodies["parts"] = whole
			for _, b := range []string{directory, general} {
				before, blobs := map[string]string{}, map[string]bool{}
				for key, body := range bodies {
					before[key] = shown(t, s.client, b, key, body)
					blobs[string(s.sealedUnder(b, key).Blob)] = true
				}
				var mu sync.Mutex
				ways := map[string]bool{}
				s.front.set(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == "PUT" && strings.HasPrefix(r.URL.Path, "/"+b+"/") || r.Header.Get("x-amz-copy-source") != "" {
						mu.Lock()
						defer mu.Unlock()
						switch copied := r.Header.Get("x-amz-copy-source") != ""; {
						case copied && r.URL.Query().Has("partNumber"):
							ways["COPYPART"] = true
						case copied:
							ways["COPY"] = true
						default:
							ways["PUT"] = true
						}
					}
					return false
				}, nil)
				r, err := s.rewrap(b, "", tools.RewrapOptions{})
				s.front.set(nil, nil)
				n := int64(len(bodies))
				if err != nil || r.Rewrapped != n || r.Objects != n || len(r.Left)+len(r.Notes)+len(r.Uploads) > 0 ||
					r.Gone+r.More > 0 {
					t.Fatalf("%+v, %v", r, err)
				}
				if got := slices.Sorted(maps.Keys(ways)); !slices.Equal(got, c.ways) {
					t.Errorf("objects were made by %q, want %q", got, c.ways)
				}
				if b == directory && (r.Keys[kmsKey] != n || len(r.Other) > 0) ||
					b == general && !slices.Equal(r.Other, []string{kmsKey}) {
					t.Errorf("%s: keys %v, other %v", b, r.Keys, r.Other)
				}
				for key, body := range bodies {
					if now := shown(t, s.client, b, key, body); now != before[key] {
						t.Errorf("%s/%s is\n%s, was\n%s", b, key, now, before[key])
					}
					if blobs[string(s.sealedUnder(b, key).Blob)] {
						t.Errorf("%s/%s depends on an older bucket key", b, key)
					}
				}
				s.mustVerify(b, n)
			}
			if in := s.installation(); !s.abilities.ConditionalComplete {
				in.Abilities.ConditionalPut = false
				if r, err := in.Rewrap(t.Context(), tools.Target{Bucket: general}, tools.RewrapOptions{}); err == nil || r != nil {
					t.Errorf("a store without conditional PUT: %+v, %v", r, err)
				}
			}
		})
	}
}

// What only the embedded store keeps stays as well: tags.
func TestRewrapKeepsTags(t *testing.T) {
	t.Parallel()
	s := newLocalSite(t, "rewraptags")
	bucket := s.bucket("rewraptags-general")
	bodies := map[string][]byte{"small": random(10), "large": random(300_000)}
	before := map[string]string{}
	for key, body := range bodies {
		put(t, s.client, bucket, key, body, s3.PutObjectInput{
			Tagging:     aws.String("a=1&b=x%20y%2Bz"),
			ContentType: aws.String("a/b"),
		})
		before[key] = shown(t, s.client, bucket, key, body)
	}
	if r, err := s.rewrap(bucket, "", tools.RewrapOptions{}); err != nil || r.Rewrapped != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for key, body := range bodies {
		if now := shown(t, s.client, bucket, key, body); now != before[key] || !strings.Contains(now, "b:x y+z") {
			t.Errorf("%s is\n%s, was\n%s", key, now, before[key])
		}
	}
	s.mustVerify(bucket, 2)
}

// What can't be rewrapped is left as it is, and named; what it depends on is counted all the same.
func TestRewrapLeavesWhatIsDamaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, kmsKey := s.directoryBucket("damaged")
	body := random(1000)
	changes := map[string]func(o *stored){
		"trailer":  func(o *stored) { o.body[len(o.body)-40] ^= 1 },
		"length":   func(o *stored) { o.body = o.body[1:] },
		"envelope": func(o *stored) { o.metadata[envelope] = "x" },
	}
	for key, change := range changes {
		s.put(bucket, key, body)
		o := s.stored(bucket, key)
		change(o)
		s.replace(bucket, key, o)
	}
	s.put(bucket, "whole", body)
	was := map[string]*stored{}
	for key := range changes {
		was[key] = s.stored(bucket, key)
	}
	r, err := s.rewrap(bucket, "", tools.RewrapOptions{})
	left := map[string]string{}
	for _, f := range r.Left {
		left[f.URI] = f.State + " " + f.Kind
	}
	want := map[string]string{}
	for key := range changes {
		want[uri(bucket, key)] = "damaged " + key
		if now := s.stored(bucket, key); !reflect.DeepEqual(now, was[key]) {
			t.Errorf("%s was changed", key)
		}
	}
	if !errors.Is(err, tools.ErrFound) || !maps.Equal(left, want) || r.Rewrapped != 1 || r.Objects != 4 {
		t.Errorf("%+v, %v", r, err)
	}
	if len(r.Depends) != 1 || r.Depends[0].KMSKey != kmsKey || r.Depends[0].Objects != 3 {
		t.Errorf("%+v", r.Depends)
	}
}

// Under another KMS key nothing depends on the old one, which the report shows; what can't be moved is named, and where
// it is.
func TestRewrapUnderAnotherKMSKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("moved")
	directory, _ := s.directoryBucket("fixed")
	old, fresh := s.newKey(), s.newKey()
	s.put(bucket, "x/managed", []byte("1"))
	put(t, s.client, bucket, "x/keyed", []byte("2"),
		s3.PutObjectInput{ServerSideEncryption: "aws:kms", SSEKMSKeyId: &old, BucketKeyEnabled: aws.Bool(true)})
	put(t, s.client, bucket, "x/own", []byte("3"), s3.PutObjectInput{ServerSideEncryption: "aws:kms", SSEKMSKeyId: &old})
	put(t, s.client, bucket, "y/other", []byte("4"),
		s3.PutObjectInput{ServerSideEncryption: "aws:kms", SSEKMSKeyId: &old, BucketKeyEnabled: aws.Bool(true)})
	r, err := s.rewrap(bucket, "x/", tools.RewrapOptions{KMSKey: fresh})
	if err != nil || len(r.Depends) != 1 || r.Depends[0].KMSKey != fresh || r.Depends[0].Objects != 3 ||
		r.Depends[0].OwnBlobs != 1 || len(r.Depends[0].Blobs) != 1 || r.Keys[fresh] != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	for digest, n := range r.Depends[0].Blobs {
		v, err := s.installation().Inspect(t.Context(), tools.Target{Bucket: bucket, Key: "x/managed"})
		if err != nil || n != 2 || v.Envelope.BlobDigest != digest || len(digest) != 16 {
			t.Errorf("%d objects depend on the blob %s; inspect: %+v, %v", n, digest, v, err)
		}
	}
	s.disable(old)
	for key, want := range map[string]struct {
		body      string
		bucketKey bool
	}{"x/managed": {"1", true}, "x/keyed": {"2", true}, "x/own": {"3", false}} {
		out := mustRead(t, s.client, bucket, key, []byte(want.body))
		if aws.ToString(out.SSEKMSKeyId) != fresh || aws.ToBool(out.BucketKeyEnabled) != want.bucketKey {
			t.Errorf("%s: %v %v", key, aws.ToString(out.SSEKMSKeyId), out.BucketKeyEnabled)
		}
	}
	r, err = s.rewrap(bucket, "", tools.RewrapOptions{KMSKey: fresh})
	depends := map[string]int64{}
	for _, d := range r.Depends {
		depends[d.KMSKey] = d.Objects
	}
	if !errors.Is(err, tools.ErrFound) || len(r.Left) != 1 || !strings.HasSuffix(r.Left[0].URI, "/y/other") ||
		r.Left[0].State != "unchecked" ||
		!strings.Contains(r.Left[0].Reason, "DisabledException") || depends[old] != 1 || depends[fresh] != 3 {
		t.Errorf("%+v, %v, %v", r.Left, depends, err)
	}
	if _, err := s.rewrap(directory, "", tools.RewrapOptions{KMSKey: fresh}); err == nil ||
		!strings.Contains(err.Error(), "doesn't allow") {
		t.Errorf("a directory bucket, which has its own: %v", err)
	}
	if _, err := s.rewrap(bucket, "", tools.RewrapOptions{KMSKey: "alias/mine"}); !errors.Is(err, tools.ErrUsage) {
		t.Errorf("an alias: %v", err)
	}
	if _, err := s.rewrap("none", "", tools.RewrapOptions{}); err == nil {
		t.Error("there is no such bucket")
	}
	if _, err := s.rewrap(bucket, "", tools.RewrapOptions{WalkOptions: tools.WalkOptions{Resume: writeFile(t,
		"{")}}); !errors.Is(err, tools.ErrUsage) {
		t.Errorf("a resume file that is none: %v", err)
	}
}

// A key that kms.allowed_keys doesn't name opens nothing, and nothing is moved to it.
func TestRewrapHoldsToTheAllowedKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, key := s.bucket("allowed"), s.newKey()
	put(t, s.client, bucket, "k", []byte("1"), s3.PutObjectInput{ServerSideEncryption: "aws:kms", SSEKMSKeyId: &key})
	s.allowed = []string{s.newKey()}
	r, err := s.rewrap(bucket, "", tools.RewrapOptions{})
	if !errors.Is(err, tools.ErrFound) || len(r.Left) != 1 || r.Left[0].Kind != "key" ||
		!strings.Contains(r.Left[0].Reason, key) {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := s.rewrap(bucket, "", tools.RewrapOptions{KMSKey: key}); err == nil {
		t.Error("it may move objects to a key that isn't allowed")
	}
}

// An object that the store copies by pieces alone is left where it makes no object of them under a condition.
func TestRewrapOfWhatTheStoreCantReplace(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(s *site) { s.copyLimit, s.abilities.ConditionalComplete = 100_000, false })
	bucket := s.bucket("large")
	s.put(bucket, "k", random(200_000))
	was := s.stored(bucket, "k")
	r, err := s.rewrap(bucket, "", tools.RewrapOptions{})
	if !errors.Is(err, tools.ErrFound) || len(r.Left) != 1 ||
		!strings.Contains(r.Left[0].Reason, "larger than one copy") || !reflect.DeepEqual(s.stored(bucket, "k"), was) {
		t.Errorf("%+v, %v", r, err)
	}
}
