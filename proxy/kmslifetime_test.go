package main

import (
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A bucket key in use is fetched again before its end, so that no request waits for KMS; when that fails, it works
// until its end and no longer; when KMS is willing again, so is the program. KS-2, and the revocation within the
// lifetime.
func TestABucketKeyIsRefreshedAheadAndEndsInTime(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	p := k.Start(t, t.TempDir(), "bucket_key: {lifetime: 4s}")
	key := k.MakeKey(t)
	b := proxytest.NewKMSBucket(p, "lifetime--local-az1--x-s3", key)
	put := &proxytest.Request{Method: "PUT", Path: b.Path("object"), Body: "body"}
	get := &proxytest.Request{Method: "GET", Path: b.Path("object")}
	other := &proxytest.Request{Method: "PUT", Path: b.Path("other"), Body: "other"}
	b.Must(put)
	b.Must(get)
	misses := func() int { return p.Metric("sealfront_bucket_keys_total", `result="miss"`) }
	// until repeats requests until something has happened. A key is refreshed by the requests of the last fifth of its
	// lifetime, 800 ms; on a machine that stood still for half of that, steady is false.
	steady := true
	until := func(what string, happened func() bool) {
		t.Helper()
		last := time.Now()
		for deadline := last.Add(30 * time.Second); !happened(); time.Sleep(5 * time.Millisecond) {
			now := time.Now()
			if now.After(deadline) {
				t.Fatalf("%s: not in 30 seconds", what)
			}
			steady = steady && now.Sub(last) < 400*time.Millisecond
			last = now
		}
	}

	// The second refresh begins after the first key's end, so without the first one a request would have missed.
	k.Set(key, proxytest.KMSIsSlow(200*time.Millisecond))
	before, answered := misses(), p.Metric("sealfront_kms_calls_total", `call="Decrypt"`, `outcome="ok"`)
	until("two refreshes", func() bool {
		b.Must(put)
		b.Must(get)
		return p.Metric("sealfront_kms_calls_total", `call="Decrypt"`, `outcome="ok"`) >= answered+2
	})
	if n := misses() - before; n != 0 && steady {
		t.Errorf("%d requests waited for KMS", n)
	}
	if n := k.Count("GenerateDataKey", key); n != 2 { // PutBucketEncryption's and the bucket's
		t.Errorf("%d bucket keys", n)
	}
	k.Set(key, nil)

	if _, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	worked := 0
	refusals := func() int { return p.Metric("sealfront_kms_calls_total", `outcome="DisabledException"`) }
	until("the refusal of a disabled key", func() bool {
		refusedBefore := refusals() > 0
		a := p.Do(get)
		if a.StatusCode == 200 && refusedBefore {
			worked++
		}
		return a.StatusCode != 200
	})
	if worked == 0 && steady {
		t.Error("the key ended when its refresh failed, before its lifetime had")
	}
	refuses := func(when string) {
		t.Helper()
		for name, r := range map[string]*proxytest.Request{
			"PUT": other, "GET": get,
			"CreateSession": {Method: "GET", Path: "/" + b.Name, Query: "session=", Service: "s3express"},
		} {
			if a := p.Do(r); a.StatusCode != 400 || a.Code() != "KMS.DisabledException" ||
				!strings.Contains(a.Text, key+" is disabled.") {
				t.Errorf("%s %s: %d %s", name, when, a.StatusCode, a.Text)
			}
		}
		p.MustNotExist(b.Name, "other")
	}
	refuses("within the lifetime of the bucket key")
	enable := func() {
		t.Helper()
		if _, err := k.EnableKey(t.Context(), &kms.EnableKeyInput{KeyId: &key}); err != nil {
			t.Fatal(err)
		}
		if a := b.Must(get); a.Text != "body" {
			t.Errorf("GET after EnableKey: %q", a.Text)
		}
		b.Must(put)
	}
	enable()
	// The operator's word makes it immediate, and is no harm to a key that KMS allows.
	if _, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		t.Fatal(err)
	}
	p.DropKeys("?kms-key=" + url.QueryEscape(key))
	refuses("after the drop")
	enable()
	p.DropKeys("")
	b.Must(get)
	b.Must(put)
}

// 5.5: a bucket key is fetched once for each requester when that is asked for, so that each shows in KMS's log.
func TestBucketKeysPerRequester(t *testing.T) {
	t.Parallel()
	k := proxytest.NewFaultyKMS(t)
	var all sync.WaitGroup
	for per, want := range map[bool][2]int{true: {2, 1}, false: {1, 0}} {
		all.Go(func() {
			t.Run(fmt.Sprintf("per_principal %v", per), func(t *testing.T) {
				p := proxytest.StartWith(t, k.Config(t.TempDir(), fmt.Sprintf("bucket_key: {per_principal: %v}", per))+`
identities:
- {name: app, access_key: AKIATEST, secret_key: testsecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
- {name: other, access_key: AKIAOTHER, secret_key: othersecret, policy: [{effect: Allow, action: "*", resource: "*"}]}
`)
				b := proxytest.NewKMSBucket(p, "requesters--local-az1--x-s3", k.MakeKey(t))
				other := &sigv4.Credentials{AccessKeyID: "AKIAOTHER", SecretAccessKey: "othersecret"}
				generated, decrypted := k.Count("GenerateDataKey", b.Key), k.Count("Decrypt", b.Key)
				for range 3 {
					for key, c := range map[string]*sigv4.Credentials{"mine": nil, "theirs": other} {
						b.Must(&proxytest.Request{Method: "PUT", Path: b.Path(key), Body: key, Credentials: c})
						if a := b.Must(&proxytest.Request{Method: "GET", Path: b.Path(key), Credentials: c}); a.Text != key {
							t.Errorf("GET gave %q", a.Text)
						}
					}
				}
				if n := k.Count("GenerateDataKey", b.Key) - generated; n != want[0] {
					t.Errorf("two identities took %d bucket keys, want %d", n, want[0])
				}
				if n := k.Count("Decrypt", b.Key) - decrypted; n != 0 {
					t.Errorf("their own objects took %d calls of Decrypt", n)
				}
				for range 3 {
					b.Must(&proxytest.Request{Method: "GET", Path: b.Path("mine"), Credentials: other})
				}
				if n := k.Count("Decrypt", b.Key) - decrypted; n != want[1] {
					t.Errorf("another's object took %d calls of Decrypt, want %d", n, want[1])
				}
				// R17: a copy asks each time, for both sides.
				for i := range 3 {
					before := [2]int{k.Count("GenerateDataKey", b.Key), k.Count("Decrypt", b.Key)}
					p.ForTest(t).MustCopy(b.Name+"/mine", b.Name+"/copy")
					if g, d := k.Count("GenerateDataKey", b.Key)-before[0], k.Count("Decrypt", b.Key)-before[1]; g != 1 || d != 1 {
						t.Errorf("copy %d took %d GenerateDataKey and %d Decrypt", i, g, d)
					}
				}
			})
		})
	}
	all.Wait()
}

// What eight clients in one bucket cost in calls of KMS. SEALFRONT_TEST_OBJECTS and SEALFRONT_TEST_SPAN ask for more
// objects, and for a time to spread them over:
//
//	SEALFRONT_TEST_OBJECTS=10000 SEALFRONT_TEST_SPAN=30s go test ./proxy -run TestCallsOfEightClients -v
func TestCallsOfEightClients(t *testing.T) {
	t.Parallel()
	const clients = 8
	objects, span, lifetime := 504, time.Duration(0), 5*time.Second
	if text := os.Getenv("SEALFRONT_TEST_OBJECTS"); text != "" {
		var err error
		if objects, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if text := os.Getenv("SEALFRONT_TEST_SPAN"); text != "" {
		var err error
		if span, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	k := proxytest.NewFaultyKMS(t)
	p := k.Start(t, t.TempDir(), fmt.Sprintf("bucket_key: {lifetime: %s}", lifetime))
	b := proxytest.NewKMSBucket(p, "clients--local-az1--x-s3", k.MakeKey(t))
	before := [3]int{k.Count("GenerateDataKey", b.Key), k.Count("Decrypt", b.Key), k.Count("DescribeKey", b.Key)}
	began := time.Now()
	var all sync.WaitGroup
	var done atomic.Int64
	for client := range clients {
		c := p.Client(t)
		all.Go(func() {
			each := objects / clients
			for i := range each {
				name, body := fmt.Sprintf("object-%d-%d", client, i), fmt.Sprintf("body %d of %d", i, client)
				if _, err := c.PutObject(t.Context(),
					&s3.PutObjectInput{Bucket: &b.Name, Key: &name, Body: strings.NewReader(body)}); err != nil {
					t.Error(err)
					return
				}
				out, err := c.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Name, Key: &name})
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(out.Body)
				_ = out.Body.Close()
				if err != nil || string(got) != body {
					t.Errorf("%s: %q, %v", name, got, err)
				}
				done.Add(1)
				time.Sleep(time.Until(began.Add(span * time.Duration(i+1) / time.Duration(each))))
			}
		})
	}
	all.Wait()
	took := time.Since(began)
	generate, decrypt, describe := k.Count("GenerateDataKey", b.Key)-before[0], k.Count("Decrypt",
		b.Key)-before[1], k.Count("DescribeKey", b.Key)-before[2]
	t.Logf("%d PUTs and %d GETs by %d clients in %.1f s, bucket keys kept for %v: %d GenerateDataKey, %d Decrypt, %d "+
		"DescribeKey",
		done.Load(), done.Load(), clients, took.Seconds(), lifetime, generate, decrypt, describe)
	// One bucket key, and its refresh when four fifths of its lifetime are over.
	if most := int(took/(lifetime*4/5)) + 1; generate != 1 || decrypt > most || describe != 0 {
		t.Errorf("more than 1 GenerateDataKey and %d Decrypt", most)
	}
}
