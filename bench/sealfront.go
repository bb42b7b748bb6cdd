package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	storeRegion = "us-east-1"
	proxyRegion = "us-west-2"
	plainBucket = "plain"
)

// startStore starts the memory store as a process, the common back end.
func (l *lab) startStore(ctx context.Context, most int64) error {
	program, err := l.build(ctx, "sealfront/bench/memorystore")
	if err != nil {
		return err
	}
	_, err = l.start(ctx, "memorystore", "", func(line string) bool {
		address, ok := strings.CutPrefix(line, "listening on ")
		l.storeAddress = address
		return ok
	}, []string{"STORE_ACCESS_KEY=" + l.access, "STORE_SECRET_KEY=" + l.secret, "GOGC=50"}, program, "-max-bytes",
		fmt.Sprint(most), "-region", storeRegion)
	if err != nil {
		return err
	}
	if l.storeAddress, err = l.delayed(l.storeAddress); err != nil {
		return err
	}
	t, err := l.store("store", "http://"+l.storeAddress, plainBucket)
	if err != nil {
		return err
	}
	return t.makeBucket(ctx, "")
}

// store is a store of the run, spoken to directly.
func (l *lab) store(name, endpoint, bucket string) (*target, error) {
	return newTarget(options{
		name: name, endpoint: endpoint, bucket: bucket, accessKey: l.access, secretKey: l.secret,
		region: storeRegion, ca: l.cert,
	})
}

// makeBucket makes the target's bucket.
func (t *target) makeBucket(ctx context.Context, configuration string) error {
	c := newClient(t)
	defer c.close()
	r := &request{method: "PUT", path: "/" + t.bucket, longTerm: true}
	if configuration != "" {
		r.payload = document(configuration)
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	if a.status == 409 {
		return nil
	}
	return a.failed("CreateBucket")
}

// A backend is what a Sealfront is put in front of.
type backend struct {
	kind     string // s3, memory or embedded
	endpoint string // of s3
	extra    []int  // processes that count as part of the target
}

// startSealfront starts a program with the embedded key service and one directory bucket of SSE-KMS.
func (l *lab) startSealfront(ctx context.Context, name, program string, b backend, session bool) (*target, error) {
	l.sealfronts++
	dir := filepath.Join(l.dir, fmt.Sprintf("sealfront-%d", l.sealfronts))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	bucket := "demo--local-az1--x-s3"
	store := "{kind: " + b.kind + ", memory: {max_bytes: 4GiB}}"
	if b.kind == "s3" {
		bucket = fmt.Sprintf("bench-%d--local-az1--x-s3", l.sealfronts)
		store = fmt.Sprintf("{kind: s3, endpoint: %q, region: %s, access_key: %q, secret_key: %q, state_bucket: "+
			"sealfront-state-%d, connections: 4096}", b.endpoint, storeRegion, l.access, l.secret, l.sealfronts)
	}
	text := fmt.Sprintf(`listen: {https: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: %q, key: %q}
region: %s
store: %s
kms: {kind: embedded}
data: data
log: {level: warn}
identities:
  - {name: bench, access_key: %q, secret_key: %q, policy: [{effect: Allow, action: ["*"], resource: ["*"]}]}
`, l.cert, l.key, proxyRegion, store, l.access, l.secret)
	file := filepath.Join(dir, "sealfront.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	exports := map[string]string{}
	p, err := l.start(ctx, fmt.Sprintf("sealfront-%d", l.sealfronts), "", func(line string) bool {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		exports[key] = strings.Trim(value, "'")
		return line == "# ready"
	}, nil, program, "serve", "--config", file)
	if err != nil {
		return nil, err
	}
	o := options{
		name: name, endpoint: exports["AWS_ENDPOINT_URL"], bucket: bucket, accessKey: l.access, secretKey: l.secret,
		region: proxyRegion, ca: l.cert,
		session: session, admin: exports["SEALFRONT_ADMIN"], processes: append([]int{p.Process.Pid}, b.extra...),
	}
	switch b.kind {
	case "s3":
		behind, err := l.store("store", b.endpoint, bucket)
		if err != nil {
			return nil, err
		}
		o.sealed = behind.read
	case "embedded":
		o.sealed = func(_ context.Context, key string) ([]byte, error) {
			return os.ReadFile(filepath.Join(dir, "data", "store", "objects", bucket, key))
		}
	}
	t, err := newTarget(o)
	if err == nil && b.kind == "s3" {
		err = t.makeDirectoryBucket(ctx, filepath.Join(dir, "data", "data.json"))
	}
	return t, err
}

// makeDirectoryBucket makes the target's bucket with SSE-KMS under the key that the embedded key service has made.
func (t *target) makeDirectoryBucket(ctx context.Context, dataFile string) error {
	text, err := os.ReadFile(dataFile)
	if err != nil {
		return err
	}
	var data struct {
		Key string `json:"bucketKmsKey"`
	}
	if err := json.Unmarshal(text, &data); err != nil {
		return err
	}
	return t.makeEncrypted(ctx, data.Key)
}

// makeEncrypted makes the target's bucket with SSE-KMS under a KMS key.
func (t *target) makeEncrypted(ctx context.Context, kmsKey string) error {
	err := t.makeBucket(
		ctx,
		`<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Location><Name>local-az1</Name>`+
			`<Type>AvailabilityZone</Type></Location>`+
			`<Bucket><DataRedundancy>SingleAvailabilityZone</DataRedundancy><Type>Directory</Type></Bucket>`+
			`</CreateBucketConfiguration>`)
	if err != nil {
		return err
	}
	c := newClient(t)
	defer c.close()
	a, err := c.do(ctx, &request{
		method: "PUT", path: "/" + t.bucket, query: "encryption=", longTerm: true,
		payload: document(
			`<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>` +
				`<ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>` +
				`<KMSMasterKeyID>` + kmsKey +
				`</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled>` +
				`</Rule></ServerSideEncryptionConfiguration>`),
	})
	if err != nil {
		return err
	}
	return a.failed("PutBucketEncryption")
}

// read gets an object as it is.
func (t *target) read(ctx context.Context, key string) ([]byte, error) {
	c := newClient(t)
	defer c.close()
	var body bytes.Buffer
	a, err := c.do(ctx, &request{method: "GET", path: "/" + t.bucket + "/" + key, into: &body})
	if err == nil {
		err = a.failed("GetObject")
	}
	return body.Bytes(), err
}

// sealedText is what must not be found in the store: it can't be taken for sealed bytes.
var sealedText = []byte(strings.Repeat("this line is a secret of the client's\n", 4000))

const sealedKey = keyPrefix + "sealed"

// minEntropy is what sealed bytes have at least, in bits a byte; the text above has less than four.
const minEntropy = 7.9

// checkSealed writes a text, reads it back, and looks at what lies in the store. checked is false where that can't be
// seen.
func (t *target) checkSealed(ctx context.Context) (checked bool, err error) {
	c := newClient(t)
	defer c.close()
	p := document(string(sealedText))
	path := "/" + t.bucket + "/" + sealedKey
	a, err := c.do(ctx, &request{method: "PUT", path: path, payload: p})
	if err == nil {
		err = a.failed("PutObject")
	}
	var back bytes.Buffer
	if err == nil {
		a, err = c.do(ctx, &request{method: "GET", path: path, into: &back})
	}
	if err == nil {
		err = a.failed("GetObject")
	}
	switch {
	case err != nil:
		return false, err
	case !bytes.Equal(back.Bytes(), sealedText):
		return false, fmt.Errorf("%s gave other bytes back", t.name)
	case t.sealed == nil:
		return false, nil
	}
	stored, err := t.sealed(ctx, sealedKey)
	if err != nil {
		return false, fmt.Errorf("look into the store: %w", err)
	}
	if bytes.Contains(stored, sealedText[:16]) || len(stored) < len(sealedText) ||
		entropy(stored[:len(sealedText)]) < minEntropy {
		return false, fmt.Errorf("what %s keeps in the store is not sealed: %d bytes, %.2f bits a byte", t.name,
			len(stored), entropy(stored))
	}
	return true, nil
}

// entropy is Shannon's, in bits a byte, of the frequencies of bytes.
func entropy(b []byte) (bits float64) {
	var counts [256]float64
	for _, x := range b {
		counts[x]++
	}
	for _, n := range counts {
		if n > 0 {
			p := n / float64(len(b))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// makeBucketPatiently tries again while a store that has just begun to listen isn't ready.
func (t *target) makeBucketPatiently(ctx context.Context) error {
	var err error
	for range 100 {
		if err = t.makeBucket(ctx, ""); err == nil || ctx.Err() != nil {
			return err
		}
		wait(ctx, 100*time.Millisecond)
	}
	return err
}

const sealfrontName = "sealfront"
