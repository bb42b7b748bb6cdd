package memstore_test

import (
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/memstore"
)

func TestLatencyHasThePercentilesAsked(t *testing.T) {
	const n = 200_000
	waits := memstore.Waits(memstore.Trouble{P50: 4 * time.Millisecond, P99: 40 * time.Millisecond}, n)
	slices.Sort(waits)
	for _, p := range []struct {
		at   float64
		want time.Duration
	}{{.5, 4 * time.Millisecond}, {.99, 40 * time.Millisecond}} {
		got := waits[int(p.at*n)]
		// 200,000 draws: the p99's own error is below 1 %, so 5 % fails once in many years.
		if math.Abs(got.Seconds()/p.want.Seconds()-1) > .05 {
			t.Errorf("p%g of the waits is %v, want %v", p.at*100, got, p.want)
		}
	}
	if got := memstore.Waits(memstore.Trouble{P50: time.Second}, 3); got[0].Round(time.Microsecond) != time.Second ||
		got[0] != got[2] {
		t.Errorf("without p99: %v", got)
	}
	if got := memstore.Waits(memstore.Trouble{}, 1); got[0] != 0 {
		t.Errorf("without latency: %v", got)
	}
}

func TestRequestsWait(t *testing.T) {
	s, c := start(t, memstore.Options{})
	s.Trouble(memstore.Trouble{P50: 30 * time.Millisecond})
	begin := time.Now()
	put(t, c, "k", []byte("late"))
	if took := time.Since(begin); took < 30*time.Millisecond {
		t.Errorf("a request took %v", took)
	}
}

func TestErrorsComeBeforeAnythingIsStored(t *testing.T) {
	s, c := start(t, memstore.Options{})
	free := s.Free()
	s.Trouble(memstore.Trouble{ErrorRate: 1})
	codes := map[string]int{}
	for range 64 {
		_, err := c.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: aws.String(bucket), Key: aws.String("k"), Body: strings.NewReader("x"),
		})
		if err == nil {
			t.Fatal("a request succeeded")
		}
		for _, code := range []string{"InternalError", "ServiceUnavailable"} {
			if strings.Contains(err.Error(), code) {
				codes[code]++
			}
		}
	}
	if codes["InternalError"] == 0 || codes["ServiceUnavailable"] == 0 ||
		codes["InternalError"]+codes["ServiceUnavailable"] != 64 {
		t.Errorf("%v", codes)
	}
	s.Trouble(memstore.Trouble{})
	if s.Free() != free {
		t.Errorf("%d bytes are taken", free-s.Free())
	}
	_, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String("k")})
	wantCode(t, "what was refused", err, "NoSuchKey")
	// Some of many fail.
	s.Trouble(memstore.Trouble{ErrorRate: 0.3})
	failed := 0
	for range 200 {
		if _, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(bucket)}); err != nil {
			failed++
		}
	}
	if failed < 20 || failed > 120 { // 60 ± 6.5
		t.Errorf("%d of 200 failed at a rate of 0.3", failed)
	}
}

func TestTheThrottleLetsSoManyThrough(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	s, c := start(t, memstore.Options{Now: func() time.Time { return time.Unix(0, now.Load()) }})
	s.Trouble(memstore.Trouble{Throttle: 10})
	served := func(n int) (ok int) {
		for range n {
			_, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: aws.String(bucket)})
			if err == nil {
				ok++
			} else {
				wantCode(t, "above the throttle", err, "SlowDown")
			}
		}
		return ok
	}
	if n := served(25); n != 10 {
		t.Errorf("%d requests at once were served, want 10", n)
	}
	now.Add(int64(500 * time.Millisecond))
	if n := served(25); n != 5 {
		t.Errorf("%d requests after half a second, want 5", n)
	}
	now.Add(int64(time.Minute))
	if n := served(25); n != 10 {
		t.Errorf("%d requests after a quiet minute, want 10", n)
	}
}
