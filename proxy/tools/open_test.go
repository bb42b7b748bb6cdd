package tools_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/tools"
)

// An opening is a stored object outside of its store, and what an operator says of it.
type opening struct {
	key, arn, kmsKey, envelope string
	file                       []byte
}

func (s *site) openFile(o opening, change ...func(*objects.Options)) (string, error) {
	s.t.Helper()
	facts, err := tools.FactsOfARN(o.arn, account, o.kmsKey)
	if err != nil {
		return "", err
	}
	return s.openIn(facts, o, change...)
}

func (s *site) openIn(facts policy.Bucket, o opening, change ...func(*objects.Options)) (string, error) {
	var out bytes.Buffer
	f := &tools.File{
		Bucket: facts, Key: o.key, Envelope: o.envelope, Bytes: bytes.NewReader(o.file),
		Size: int64(len(o.file)),
	}
	storeless := func(o *objects.Options) { o.Store, o.Buckets, o.Uploads, o.Claims = nil, nil, nil, nil }
	err := tools.Open(s.t.Context(), s.objects(append(change, storeless)...), f, &out)
	return out.String(), err
}

// What is needed to get an object back is its stored bytes, its envelope, the bucket's ARN and the key service: neither
// proxy nor store.
func TestOpenNeedsTheKeyServiceAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, kmsKey := s.directoryBucket("opened")
	general := s.bucket("general")
	body, whole := random(3*crypto.SegmentSize-1000), random(5*mib+100_000)
	s.put(bucket, "one", body)
	s.put(bucket, "empty", nil)
	s.put(general, "one", body)
	put(t, s.client, general, "keyed", body, s3.PutObjectInput{ServerSideEncryption: "aws:kms", SSEKMSKeyId: &kmsKey})
	upload(t, s.client, bucket, "parts", s3.CreateMultipartUploadInput{}, whole[:5*mib], whole[5*mib:])
	upload(t, s.client, bucket, "last part empty", s3.CreateMultipartUploadInput{}, whole[:5*mib], nil)
	record, arn := "arn:aws:s3express:us-west-2:"+account+":bucket/"+bucket, "arn:aws:s3:::"+general
	for _, c := range []struct {
		name, bucket, key, arn, kmsKey string
		want                           []byte
	}{
		{"a directory bucket", bucket, "one", record, "", body},
		{"of parts", bucket, "parts", record, "", whole},
		{"with a last part that is empty", bucket, "last part empty", record, "", whole[:5*mib]},
		{"an empty object", bucket, "empty", record, "", nil},
		{"a general purpose bucket", general, "one", arn, "", body},
		{"a general purpose bucket, SSE-KMS", general, "keyed", arn, "", body},
		{"a key that is named", bucket, "one", record, kmsKey, body},
		{"a key that is named, of a general purpose bucket", general, "keyed", arn, kmsKey, body},
	} {
		o := s.stored(c.bucket, c.key)
		out, err := s.openFile(opening{c.key, c.arn, c.kmsKey, o.metadata[envelope], o.body})
		if err != nil || out != string(c.want) {
			t.Errorf("%s: %d bytes, want %d; %v", c.name, len(out), len(c.want), err)
		}
	}
	// By the bucket's record, which binds it to its key.
	facts, err := s.installation().Facts(t.Context(), bucket)
	o := s.stored(bucket, "one")
	if out, failed := s.openIn(facts, opening{key: "one", envelope: o.metadata[envelope], file: o.body}); err != nil ||
		failed != nil || out != string(body) {
		t.Errorf("by the record: %v, %v", err, failed)
	}
	if _, err := s.installation().Facts(t.Context(), "none"); err == nil {
		t.Error("there is no such bucket")
	}
}

// A wrong file gives nothing but a true prefix.
func TestOpenReleasesATruePrefix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("prefix")
	body := random(3*crypto.SegmentSize - 1000)
	s.put(bucket, "one", body)
	upload(t, s.client, bucket, "parts", s3.CreateMultipartUploadInput{}, random(5*mib), nil)
	record := "arn:aws:s3express:us-west-2:" + account + ":bucket/" + bucket
	o, ofParts := s.stored(bucket, "one"), s.stored(bucket, "parts")
	one, parts := o.metadata[envelope], ofParts.metadata[envelope]
	const segment = crypto.SealedSegmentSize
	changed := func(at int) []byte { return flipAt(at)(bytes.Clone(o.body)) }
	foreign := func(o *objects.Options) { o.Policy.AllowedKeys = []string{"arn:aws:kms:us-west-2:999999999999:key/*"} }
	for _, c := range []struct {
		name     string
		opening  opening
		released int    // bytes of plaintext
		kind     string // of the damage
		change   []func(*objects.Options)
	}{
		{
			"a flipped byte in the second segment",
			opening{"one", record, "", one, changed(segment + 9)},
			crypto.SegmentSize,
			"segment", nil,
		},
		{"a flipped byte in the first", opening{"one", record, "", one, changed(9)}, 0, "segment", nil},
		{"a flipped byte in the trailer", opening{"one", record, "", one, changed(-40)}, 0, "trailer", nil},
		{
			"a flipped byte in the padding",
			opening{"one", record, "", one, changed(len(body) + 48)},
			len(body), "padding",
			nil,
		},
		{"a cut file", opening{"one", record, "", one, o.body[:len(o.body)-1]}, 0, "length", nil},
		{"an empty file", opening{"one", record, "", one, nil}, 0, "length", nil},
		{"another object's envelope", opening{"one", record, "", parts, o.body}, 0, "envelope", nil},
		{"no envelope", opening{"one", record, "", "", o.body}, 0, "not-sealed", nil},
		{"what is no envelope", opening{"one", record, "", "x", o.body}, 0, "envelope", nil},
		{"another key", opening{"two", record, "", one, o.body}, 0, "envelope", nil},
		{
			"another bucket",
			opening{"one", strings.Replace(record, "local-az1", "local-az2", 1), "", one, o.body},
			0,
			"envelope", nil,
		},
		{"another KMS key", opening{"one", record, s.serviceKey, one, o.body}, 0, "key", nil},
		{
			"another KMS key of a general purpose bucket",
			opening{"one", "arn:aws:s3:::b", s.serviceKey, one, o.body},
			0, "key",
			nil,
		},
		{
			"a KMS key that isn't allowed",
			opening{"one", record, "", one, o.body},
			0, "key",
			[]func(*objects.Options){foreign},
		},
		{"plaintext", opening{"one", record, "", one, body}, 0, "length", nil},
		{"the segment of an empty last part", opening{
			"parts", record, "", parts,
			flipAt(int(crypto.SealedLength(5*mib)) + 3)(bytes.Clone(ofParts.body)),
		}, 5 * mib, "segment", nil},
	} {
		out, err := s.openFile(c.opening, c.change...)
		d, ok := errors.AsType[*tools.Damage](err)
		want := body
		if c.opening.key == "parts" {
			want = random(5 * mib)
		}
		if !ok || d.Kind != c.kind || out != string(want[:c.released]) {
			t.Errorf("%s: %d bytes, want %d; %v, want %s", c.name, len(out), c.released, err, c.kind)
		}
	}
	for _, arn := range []string{"arn:aws:kms:::x", "arn:aws:s3:::", "b", ""} {
		if _, err := s.openFile(opening{"one", arn, "", one, o.body}); !errors.Is(err, tools.ErrUsage) {
			t.Errorf("%q is no bucket's ARN: %v", arn, err)
		}
	}
}

// brokenPipe takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error)         { return 0, errors.New("broken pipe") }
func (brokenPipe) ReadAt([]byte, int64) (int, error) { return 0, errors.New("bad sector") }

// What fails besides the file is no damage.
func TestOpenTellsFailuresFromDamage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, _ := s.directoryBucket("failing")
	s.put(bucket, "one", random(10))
	o := s.stored(bucket, "one")
	facts, err := tools.FactsOfARN("arn:aws:s3express:us-west-2:"+account+":bucket/"+bucket, account, "")
	if err != nil {
		t.Fatal(err)
	}
	f := &tools.File{
		Bucket: facts, Key: "one", Envelope: o.metadata[envelope], Bytes: bytes.NewReader(o.body),
		Size: int64(len(o.body)),
	}
	if err := tools.Open(t.Context(), s.objects(), f, brokenPipe{}); err == nil ||
		err.Error() != "write the plaintext: broken pipe" {
		t.Error(err)
	}
	f.Bytes = brokenPipe{}
	var out bytes.Buffer
	if err := tools.Open(t.Context(), s.objects(), f, &out); err == nil || err.Error() != "bad sector" || out.Len() > 0 {
		t.Error(err)
	}
}

// Inspect shows where the parts lie, and what is needed to open them.
func TestInspect(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, kmsKey := s.directoryBucket("inspected")
	whole := random(5*mib + 100_000)
	upload(t, s.client, bucket, "parts", s3.CreateMultipartUploadInput{
		ChecksumAlgorithm: "CRC32",
		ChecksumType:      "FULL_OBJECT",
	}, whole[:5*mib], whole[5*mib:])
	s.put(bucket, "one", whole[:100])
	s.put(bucket, "large", whole[:300_000])
	s.put(bucket, "empty", nil)
	in := s.installation()
	inspect := func(key string) *tools.Inspection {
		t.Helper()
		v, err := in.Inspect(t.Context(), tools.Target{Bucket: bucket, Key: key})
		if err != nil || !v.Verifies || v.Damage != nil {
			t.Fatalf("%s: %+v, %v", key, v, err)
		}
		return v
	}
	v := inspect("parts")
	n := crypto.SealedLength(5 * mib)
	parts := []tools.PartView{
		{0, 5 * mib, 0, n, 80, "CRC32"}, {5 * mib, 100_000, n, crypto.SealedLength(100_000), 2, "CRC32"},
	}
	if !v.Envelope.Multipart || v.Envelope.KMSKey != kmsKey || v.Envelope.SSE != "aws:kms" ||
		!slices.Equal(v.Parts, parts) ||
		v.Sizes.Plain != int64(len(whole)) || v.Sizes.Stored != crypto.StoredLength(int64(len(whole))) || v.Checksum == nil ||
		v.Checksum.Algorithm != "CRC32" || v.Checksum.From != "trailer" || v.ETag == "" ||
		!strings.Contains(v.Opens, kmsKey) || v.Sizes.Trailer == 0 {
		t.Errorf("%+v %+v %+v %+v", v, v.Envelope, v.Sizes, v.Parts)
	}
	if v := inspect("one"); v.Envelope.Multipart || len(v.Parts) != 1 || v.Checksum.From != "envelope" ||
		len(v.Envelope.ObjectID) != 32 {
		t.Errorf("%+v", v)
	}
	if v := inspect("large"); v.Checksum.From != "trailer" || v.Checksum.Algorithm != "CRC64NVME" {
		t.Errorf("%+v", v)
	}
	if v := inspect("empty"); len(v.Parts) != 0 || v.Sizes.Stored != 0 {
		t.Errorf("%+v", v)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]tools.Target{
		"s3://b": {Bucket: "b"}, "s3://b/": {Bucket: "b"}, "s3://b/k": {Bucket: "b", Key: "k"},
		"s3://b//k%20/": {Bucket: "b", Key: "/k%20/"},
	} {
		if got, err := tools.ParseTarget(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "b", "s3://", "s3:///k", "S3://b"} {
		if _, err := tools.ParseTarget(text); !errors.Is(err, tools.ErrUsage) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if got := (tools.Target{Bucket: "b", Key: "a\n"}).URI(); got != `"s3://b/a\n"` {
		t.Error(got)
	}
}
