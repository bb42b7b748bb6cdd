package gateway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
)

// TestConditionalDeletionsGoSixteenAtATime holds the store's answers until sixteen requests wait for them: one by one
// they would never be answered. The answer's order is the document's.
func TestConditionalDeletionsGoSixteenAtATime(t *testing.T) {
	t.Parallel()
	f := proxytest.NewStoreFront(t)
	p := proxytest.StartBehind(t, f, "")
	client := p.Client(t)
	bucket := proxytest.MakeBucket(t, client, "deletions")
	const n = 48
	var objects []types.ObjectIdentifier
	var deleted, refused []string
	for i := range n {
		key := fmt.Sprintf("c/%02d", i)
		out, err := client.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("body")})
		if err != nil {
			t.Fatal(err)
		}
		o := types.ObjectIdentifier{Key: &key, ETag: out.ETag}
		if i%5 == 0 {
			o.ETag = aws.String(`"another"`)
			refused = append(refused, key)
		} else {
			deleted = append(deleted, key)
		}
		objects = append(objects, o)
	}
	var mu sync.Mutex
	waiting, most := 0, 0
	full, once := make(chan struct{}), new(sync.Once)
	f.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method != "HEAD" || !strings.Contains(r.URL.Path, "/c/") {
			return false
		}
		mu.Lock()
		waiting++
		most = max(most, waiting)
		if waiting == 16 {
			once.Do(func() { time.AfterFunc(50*time.Millisecond, func() { close(full) }) }) // a seventeenth would come by then
		}
		mu.Unlock()
		select {
		case <-full:
		case <-t.Context().Done():
		case <-time.After(time.Minute):
			t.Error("sixteen requests never came")
		}
		mu.Lock()
		waiting--
		mu.Unlock()
		return false
	}, nil)
	f.Seen()
	out, err := client.DeleteObjects(t.Context(),
		&s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: objects}})
	if err != nil {
		t.Fatal(err)
	}
	if most != 16 {
		t.Errorf("%d at a time", most)
	}
	var gone, kept []string
	for _, d := range out.Deleted {
		gone = append(gone, *d.Key)
	}
	for _, e := range out.Errors {
		if kept = append(kept, *e.Key); *e.Code != "PreconditionFailed" {
			t.Errorf("%s: %s", *e.Key, *e.Code)
		}
	}
	if !slices.Equal(gone, deleted) || !slices.Equal(kept, refused) {
		t.Errorf("deleted %v, refused %v", gone, kept)
	}
	cost := map[string]int{}
	for _, r := range f.Seen() {
		cost[r.Method]++
	}
	if cost["HEAD"] != n || cost["DELETE"] != len(deleted) {
		t.Errorf("it cost %v", cost)
	}
}

func TestEntriesOfOneKeyAreDeletedInTheirOrder(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	bucket := proxytest.MakeBucket(t, client, "deletions")
	for range 20 {
		var objects []types.ObjectIdentifier
		for i := range 8 {
			key := fmt.Sprint("key/", i)
			out, err := client.PutObject(t.Context(),
				&s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("body")})
			if err != nil {
				t.Fatal(err)
			}
			again := types.ObjectIdentifier{Key: &key, ETag: out.ETag}
			objects = append(objects, types.ObjectIdentifier{Key: &key, ETag: aws.String(`"another"`)}, again, again)
		}
		out, err := client.DeleteObjects(t.Context(),
			&s3.DeleteObjectsInput{Bucket: &bucket, Delete: &types.Delete{Objects: objects}})
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, e := range out.Errors {
			codes = append(codes, *e.Key+" "+*e.Code)
		}
		var want []string
		for i := range 8 {
			want = append(want, fmt.Sprintf("key/%d PreconditionFailed", i), fmt.Sprintf("key/%d NoSuchKey", i))
		}
		if !slices.Equal(codes, want) || len(out.Deleted) != 8 {
			t.Fatalf("%d deleted, %v", len(out.Deleted), codes)
		}
	}
}
