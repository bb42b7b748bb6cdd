package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/tools"
)

// adoptMany returns the reports by bucket, and the summary.
func (s *site) adoptMany(a tools.Adoptions) (map[string]*tools.AdoptionOfMany, *tools.AdoptionsReport, error) {
	s.t.Helper()
	reports := map[string]*tools.AdoptionOfMany{}
	a.Account, a.Region, a.Sample = account, region, 16
	a.Report = func(r *tools.AdoptionOfMany) error {
		reports[r.Bucket] = r
		return nil
	}
	total, err := s.installation().AdoptMany(s.t.Context(), &a)
	return reports, total, err
}

func (s *site) defaultOf(bucket string) types.ServerSideEncryptionByDefault {
	s.t.Helper()
	out, err := s.client.GetBucketEncryption(s.t.Context(), &s3.GetBucketEncryptionInput{Bucket: &bucket})
	if err != nil {
		s.t.Fatal(bucket, err)
	}
	return *out.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault
}

func underKey(key string) s3.PutObjectInput {
	return s3.PutObjectInput{
		ServerSideEncryption: types.ServerSideEncryptionAwsKms, SSEKMSKeyId: &key, BucketKeyEnabled: aws.Bool(true),
	}
}

// A bucket's record is made of what its objects show, and a bucket whose objects don't show it is refused by name.
// What can be adopted is adopted all the same, and a second run changes nothing.
func TestAdoptMany(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	zonal, bound := s.directoryBucket("zonal")
	later, laterKey := s.directoryBucket("later")
	managed, keyed, several, empty := s.bucket("managed"), s.bucket("keyed"), s.bucket("several"), s.bucket("empty")
	mixed, copied, lost := s.bucket("mixed"), s.bucket("copied"), s.bucket("lost")
	makeBucket(t, s.raw, "foreign")
	key, other, gone := s.newKey(), s.newKey(), s.newKey()
	s.put(zonal, "a", []byte("a"))
	s.put(zonal, "empty", nil)
	put(t, s.client, later, "before its key", []byte("a"),
		s3.PutObjectInput{ServerSideEncryption: types.ServerSideEncryptionAes256})
	s.put(later, "z", []byte("z"))
	s.put(managed, "a", []byte("a"))
	upload(t, s.client, managed, "parts", s3.CreateMultipartUploadInput{}, random(5*mib), random(1))
	for _, name := range []string{"a", "b"} {
		put(t, s.client, keyed, name, []byte(name), underKey(key))
		put(t, s.client, lost, name, []byte(name), underKey(gone))
	}
	put(t, s.client, several, "a", []byte("a"), underKey(key))
	put(t, s.client, several, "b", []byte("b"), underKey(other))
	s.put(several, "c", []byte("c"))
	s.put(mixed, "a", []byte("a"))
	s.replace(mixed, "b", &stored{body: []byte("in the clear")})
	s.replace("foreign", "c", &stored{body: []byte("somebody's")})
	s.replace(copied, "a", s.stored(managed, "a")) // sealed, but in another bucket
	s.loseState()
	s.disable(gone)

	want := map[string]struct{ outcome, why, encryption, key string }{
		zonal:     {tools.Adopted, "", "aws:kms", bound},
		later:     {tools.Adopted, "", "aws:kms", laterKey},
		managed:   {tools.Adopted, "", "AES256", ""},
		keyed:     {tools.Adopted, "", "aws:kms", key},
		several:   {tools.Refused, "sealed under AES256 and " + min(key, other) + " and " + max(key, other), "", ""},
		empty:     {tools.Refused, "it has no objects", "", ""},
		mixed:     {tools.Refused, "1 objects of the sample aren't sealed", "AES256", ""},
		copied:    {tools.Refused, "don't open as this bucket's", "AES256", ""},
		"foreign": {tools.Refused, "aren't sealed", "AES256", ""},
		lost:      {tools.Failed, "could not be checked", "aws:kms", gone},
	}
	check := func(when string, reports map[string]*tools.AdoptionOfMany, total *tools.AdoptionsReport, err error) {
		t.Helper()
		counted := tools.AdoptionsReport{Refused: []string{}, Failed: []string{}}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			w, r := want[name], reports[name]
			if r == nil {
				t.Errorf("%s: no report on %s", when, name)
				continue
			}
			made := w.outcome == tools.Adopted
			if r.Outcome != w.outcome || !strings.Contains(r.Why, w.why) || (r.Why == "") != (made || w.outcome == tools.Kept) ||
				r.Encryption != w.encryption || r.KMSKey != w.key || r.Made != made {
				t.Errorf("%s: %s: %+v, want %+v", when, name, r, w)
			}
			switch w.outcome {
			case tools.Adopted:
				counted.Adopted++
			case tools.Kept:
				counted.Kept++
			case tools.Refused:
				counted.Refused = append(counted.Refused, name)
			default:
				counted.Failed = append(counted.Failed, name)
			}
		}
		got, _ := json.Marshal(total)
		if wanted, _ := json.Marshal(counted); string(got) != string(wanted) || len(reports) != len(want) {
			t.Errorf("%s: %s, want %s", when, got, wanted)
		}
		if failed := len(counted.Refused)+len(counted.Failed) > 0; errors.Is(err, tools.ErrNotAdopted) != failed {
			t.Errorf("%s: %v", when, err)
		}
	}
	reports, total, err := s.adoptMany(tools.Adoptions{})
	check("the first run", reports, total, err)
	if r := reports[mixed]; r != nil &&
		(len(r.Left) != 1 || r.Left[0].URI != uri(mixed, "b") || r.Left[0].Kind != "not-sealed") {
		t.Errorf("%s: left %+v", mixed, r.Left)
	}
	for name, w := range want { // kept, or refused again
		if w.outcome == tools.Adopted {
			w.outcome, w.encryption, w.key = tools.Kept, "", ""
			want[name] = w
		}
	}
	reports, total, err = s.adoptMany(tools.Adoptions{})
	check("the second run", reports, total, err)

	if _, err := s.sdk.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &gone}); err != nil {
		t.Fatal(err)
	}
	remove(t, s.raw, mixed, "b")
	reports, total, err = s.adoptMany(tools.Adoptions{Names: []string{lost, mixed, lost}})
	if err != nil || total.Adopted != 2 || len(reports) != 2 || !reports[lost].Made || reports[lost].KMSKey != gone ||
		!reports[mixed].Made {
		t.Errorf("what had failed: %+v %+v, %v", reports, total, err)
	}
	if r, err := s.installation().Adopt(t.Context(), &tools.Adoption{
		Bucket: several, ARN: "arn:aws:s3:::" + several, KMSKey: other, StoreName: several, Account: account, Region: region,
		Sample: 16,
	}); err != nil || !r.Made || r.Sampled != 3 {
		t.Errorf("%s by itself: %+v, %v", several, r, err)
	}

	for bucket, kmsKey := range map[string]string{
		zonal: bound, later: laterKey, managed: "", keyed: key, several: other, lost: gone, mixed: "",
	} {
		if e := s.defaultOf(bucket); aws.ToString(e.KMSMasterKeyID) != kmsKey ||
			(e.SSEAlgorithm == "aws:kms") != (kmsKey != "") {
			t.Errorf("%s: %+v, want %q", bucket, e, kmsKey)
		}
		s.put(bucket, "new", []byte("new"))
		mustRead(t, s.client, bucket, "new", []byte("new"))
	}
	mustRead(t, s.client, later, "before its key", []byte("a"))
	s.mustVerify(zonal, 3)
	s.mustVerify(managed, 3)
}

// A key outside kms.allowed_keys, and one of another key service, don't open.
func TestAdoptManyUnderAWrongKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	name, kmsKey := s.directoryBucket("zonal")
	s.put(name, "a", []byte("a"))
	general := s.bucket("general")
	put(t, s.client, general, "a", []byte("a"), underKey(kmsKey))
	s.loseState()
	s.allowed = []string{"arn:aws:kms:eu-west-1:*:key/*"}
	reports, _, err := s.adoptMany(tools.Adoptions{})
	for _, bucket := range []string{name, general} {
		if r := reports[bucket]; !errors.Is(err, tools.ErrNotAdopted) || r == nil || r.Outcome != tools.Refused || r.Made ||
			!strings.Contains(r.Why, "kms.allowed_keys") {
			t.Errorf("%s: %+v, %v", bucket, r, err)
		}
	}
	s.allowed = nil
	s.startKMS() // another one, with other keys
	if err := s.store.Objects("another-state").Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stateBucket = "another-state"
	s.openState()
	reports, total, err := s.adoptMany(tools.Adoptions{Names: []string{name, general}})
	for _, bucket := range []string{name, general} {
		if r := reports[bucket]; !errors.Is(err, tools.ErrNotAdopted) || total.Adopted+total.Kept != 0 || r.Made ||
			len(r.Left) != 1 {
			t.Errorf("another key service: %s: %+v, %v", bucket, r, err)
		}
	}
}

// A run that ends while a record is being written is repeated as it was.
func TestAdoptManyInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var names []string
	for n := range 12 {
		names = append(names, s.bucket(fmt.Sprint("bucket-", n)))
		s.put(names[n], "a", []byte("a"))
	}
	s.loseState()
	var writes atomic.Int32 // each record is written as creating, and as active
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" && strings.HasPrefix(r.URL.Path, "/"+s.stateBucket+"/buckets/") && writes.Add(1) > 9 {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}, nil)
	reports, total, err := s.adoptMany(tools.Adoptions{Names: names})
	if !errors.Is(err, tools.ErrNotAdopted) || total.Adopted == len(names) ||
		total.Adopted+len(total.Failed) != len(names) {
		t.Errorf("%+v, %v", total, err)
	}
	s.front.set(nil, nil)
	for name, r := range reports {
		if _, err := s.state.FreshBucket(t.Context(), name); (err == nil) != r.Made {
			t.Errorf("%s: %+v, and its record: %v", name, r, err)
		}
	}
	adopted := total.Adopted
	if _, total, err = s.adoptMany(tools.Adoptions{Names: names}); err != nil || total.Adopted != len(names)-adopted ||
		total.Kept != adopted {
		t.Errorf("again: %+v, %v", total, err)
	}
	for _, name := range names {
		mustRead(t, s.client, name, "a", []byte("a"))
	}
}

// The sample is of the whole bucket: an object that isn't sealed may be behind the first page.
func TestAdoptManyLooksBehindTheFirstPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("large")
	s.put(bucket, "backup/0", []byte("a"))
	sealed := s.stored(bucket, "backup/0")
	for n := range 1000 {
		s.replace(bucket, fmt.Sprintf("backup/0-%04d", n), sealed) // not looked at: they would be refused
	}
	remove(t, s.raw, bucket, "backup/0")
	s.replace(bucket, "backup/k", &stored{body: []byte("in the clear")})
	s.replace(bucket, "other", &stored{body: []byte("in the clear")})
	s.loseState()
	reports, _, err := s.adoptMany(tools.Adoptions{Names: []string{bucket}})
	r := reports[bucket]
	if !errors.Is(err, tools.ErrNotAdopted) || r == nil || r.Made {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, key := range []string{"backup/k", "other"} {
		if !slices.ContainsFunc(r.Left, func(f tools.Finding) bool {
			return f.URI == uri(bucket, key) &&
				f.Kind == "not-sealed"
		}) {
			t.Errorf("%s isn't in the sample: %+v", key, r.Left)
		}
	}
	if r.Sampled > 16 {
		t.Errorf("%d objects were tried", r.Sampled)
	}
}

// Buckets are found by the prefix of the store's names.
func TestAdoptManyByPrefix(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, name := range []string{"ours-one", "ours-two", "theirs"} {
		makeBucket(t, s.raw, name)
	}
	reports, _, err := s.adoptMany(tools.Adoptions{Prefix: "ours-"})
	if names := slices.Sorted(maps.Keys(reports)); !slices.Equal(names, []string{"one", "two"}) ||
		!errors.Is(err, tools.ErrNotAdopted) {
		t.Errorf("%v, %v", names, err)
	}
	reports, total, err := s.adoptMany(tools.Adoptions{Prefix: "ours-", Names: []string{"three"}})
	if r := reports["three"]; !errors.Is(err, tools.ErrNotAdopted) || r == nil ||
		r.Why != "the store has no bucket ours-three" ||
		!slices.Equal(total.Refused, []string{"three"}) {
		t.Errorf("%+v, %v", r, err)
	}
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/" {
			w.WriteHeader(http.StatusForbidden)
		}
		return r.URL.Path == "/"
	}, nil)
	if _, total, err := s.adoptMany(tools.Adoptions{}); err == nil || total != nil ||
		!strings.Contains(err.Error(), "list the store's buckets") {
		t.Errorf("a store that lists no buckets: %+v, %v", total, err)
	}
}
