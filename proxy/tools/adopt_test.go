package tools_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/tools"
)

// loseState removes all records, and opens state and proxy anew as after a start.
func (s *site) loseState() {
	s.t.Helper()
	page, err := s.raw.ListObjectsV2(s.t.Context(), &s3.ListObjectsV2Input{Bucket: &s.stateBucket})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, o := range page.Contents {
		s.do(deletion(s.stateBucket, *o.Key)).Close()
	}
	s.openState()
	s.startProxy()
}

// Losing the state loses no object: adopt makes the record again, and the proxy serves what was there.
func TestAdopt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket, kmsKey := s.directoryBucket("lost")
	general := s.bucket("general")
	bodies := map[string]string{"a": "body of a", "b/c": "body of b/c", "empty": ""}
	for key, body := range bodies {
		s.put(bucket, key, []byte(body))
		s.put(general, key, []byte(body))
	}
	arn := "arn:aws:s3express:us-west-2:" + account + ":bucket/" + bucket
	adoption := func(name, arn string) *tools.Adoption {
		return &tools.Adoption{
			Bucket: name, ARN: arn, KMSKey: kmsKey, StoreName: name, Account: account, Region: region,
			Sample: 16,
		}
	}
	if _, err := s.installation().Adopt(t.Context(), adoption(bucket, arn)); err == nil ||
		!strings.Contains(err.Error(), "has a record") {
		t.Errorf("a bucket with a record: %v", err)
	}
	s.loseState()
	in := s.installation()
	wrong := func(name string, left bool, change func(*tools.Adoption)) {
		t.Helper()
		a := adoption(bucket, arn)
		change(a)
		r, err := in.Adopt(t.Context(), a)
		switch {
		case left && (!errors.Is(err, tools.ErrFound) || len(r.Left) != len(bodies) || r.Made ||
			r.Left[0].State != "damaged"):
			t.Errorf("%s: %+v, %v", name, r, err)
		case !left && (err == nil || r != nil):
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	wrong("a wrong ARN", true, func(a *tools.Adoption) { a.ARN = strings.Replace(arn, "us-west-2", "us-east-1", 1) })
	wrong("a wrong KMS key", true, func(a *tools.Adoption) { a.KMSKey = s.serviceKey })
	wrong("no bucket in the store", false, func(a *tools.Adoption) { a.StoreName = "none" })
	for name, change := range map[string]func(*tools.Adoption){
		"no ARN":        func(a *tools.Adoption) { a.ARN = "" },
		"another's ARN": func(a *tools.Adoption) { a.ARN = "arn:aws:s3:::x" },
		"an alias":      func(a *tools.Adoption) { a.KMSKey = "alias/x" },
		"a directory bucket without a zone": func(a *tools.Adoption) {
			a.Bucket, a.ARN = "x", "arn:aws:s3express:us-west-2:"+account+":bucket/x"
		},
	} {
		a := adoption(bucket, arn)
		change(a)
		if r, err := in.Adopt(t.Context(), a); !errors.Is(err, tools.ErrUsage) || r != nil {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	s.front.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("list-type") && strings.HasPrefix(r.URL.Path, "/"+bucket) {
			w.WriteHeader(http.StatusInternalServerError)
			return true
		}
		return false
	}, nil)
	wrong("a store that fails", false, func(*tools.Adoption) {})
	s.front.set(nil, nil)

	for name, arn := range map[string]string{bucket: arn, general: "arn:aws:s3:::" + general} {
		r, err := in.Adopt(t.Context(), adoption(name, arn))
		if err != nil || !r.Made || r.Sampled != len(bodies) || r.Bucket != name || r.ARN != arn || r.KMSKey != kmsKey ||
			len(r.Left) > 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		for key := range maps.Keys(bodies) {
			mustRead(t, s.client, name, key, []byte(bodies[key]))
		}
		s.put(name, "new", []byte("new"))
		s.mustVerify(name, int64(len(bodies)+1))
	}
}
