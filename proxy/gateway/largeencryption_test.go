package gateway_test

import (
	"bytes"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// The sealed bytes of a large object stay where they are, on each store that copies by itself. SEALFRONT_LARGE=1024
// plays it with 1 GiB.
func TestUpdateOfALargeObjectMovesNoBody(t *testing.T) {
	size := 40
	if n, err := strconv.Atoi(os.Getenv("SEALFRONT_LARGE")); err == nil {
		size = n
	}
	for _, name := range []string{"memory", "minio", "versitygw"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUpdating(t, updatingStores[name](t))
			first, second := u.keys.CreateKey(t), u.keys.CreateKey(t)
			part := proxytest.RandomBytes(8 * proxytest.MiB)
			parts := slices.Repeat([][]byte{part}, size/8)
			u.FullUpload(u.client, u.bucket, "large", parts...)
			body := bytes.Repeat(part, size/8)
			before, _ := u.seen("large", body)
			for _, key := range []string{first, second} {
				u.f.Seen()
				u.bodies.Store(0)
				began := time.Now()
				if err := u.update("large", "", key, nil); err != nil {
					t.Fatal(err)
				}
				crossed := u.bodies.Load()
				// The claim's are left out: it is renewed while the copy takes its time.
				sent := slices.DeleteFunc(u.f.Seen(),
					func(r *http.Request) bool { return !strings.HasPrefix(r.URL.Path, "/"+u.bucket+"/") })
				t.Logf("%d MiB: %d requests to the store, %d bytes of the object's, %s", size, len(sent), crossed,
					time.Since(began))
				// The look at its end is all that crosses. The store is asked once a part, and for the look, Create,
				// Complete and HEAD; or for the look and one copy.
				want := len(parts) + 1 + 4
				if name == "memory" {
					want = 2
				}
				if crossed > 4096 || len(sent) != want {
					t.Errorf("%d bytes crossed, and %d requests, want %d", crossed, len(sent), want)
				}
			}
			u.disable(first)
			if after, encryption := u.seen("large", body); after != before || encryption != "aws:kms "+second+" false" {
				t.Errorf("it is %s\n%s, was\n%s", encryption, after, before)
			}
		})
	}
}

// A store that lets nobody write what is being read, until all of it is read, isn't waited for by what is written.
func TestLargeObjectsAreWrittenBackWhileTheyAreRead(t *testing.T) {
	if testing.Short() {
		t.Skip("it moves 64 MiB a few times; run without -short")
	}
	t.Parallel()
	u := &updating{t: t, keys: proxytest.StartLocalKMS(t)}
	place := proxytest.StartMinIO(t)
	u.Program = proxytest.StartOn(t, place, u.keys) // with nothing between that buffers
	u.client = u.Program.Client(t)
	u.bucket = proxytest.MakeBucket(t, u.client, "direct")
	body := proxytest.RandomBytes(64 * proxytest.MiB)
	if _, err := u.client.PutObject(t.Context(),
		&s3.PutObjectInput{Bucket: &u.bucket, Key: aws.String("k"), Body: bytes.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	before, _ := u.seen("k", body)
	key := u.keys.CreateKey(t)
	if err := u.update("k", "", key, nil); err != nil {
		t.Fatal(err)
	}
	if after, encryption := u.seen("k", body); after != before || encryption != "aws:kms "+key+" false" {
		t.Errorf("it is %s\n%s, was\n%s", encryption, after, before)
	}
	if a := u.Do(&proxytest.Request{Method: "PUT", Path: "/" + u.bucket + "/k", Header: []sigv4.Field{
		proxytest.Field("X-Amz-Copy-Source", u.bucket+"/k"), proxytest.Field("X-Amz-Metadata-Directive", "REPLACE"),
		proxytest.Field("X-Amz-Meta-New", "value"),
		proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
		proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", key),
	}}); a.StatusCode != 200 {
		t.Errorf("a copy in place: %d %s", a.StatusCode, a.Text)
	}
	if out := proxytest.MustRead(t, u.client, u.bucket, "k", body); out.Metadata["new"] != "value" {
		t.Errorf("after a copy in place it has %v", out.Metadata)
	}
	state, err := place.Direct().ListObjectsV2(t.Context(),
		&s3.ListObjectsV2Input{Bucket: aws.String("sealfront-state"), Prefix: aws.String("uploads/")})
	if err != nil || len(state.Contents) > 0 {
		t.Errorf("in the state bucket are left %+v, %v", state, err)
	}
}
