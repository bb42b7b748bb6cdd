package conformance

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"html"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sealfront/sigv4"
)

// The states of a bucket, section 2.4.
const (
	stateNone = "none" // (S3, none)
	stateKMS  = "kms"  // (KMS, K)
	stateBack = "back" // (S3, K)
)

// createBucket is the request that makes a directory bucket in the target's zone.
func (x *target) createBucket(bucket string) *request {
	kind, redundancy := "AvailabilityZone", "SingleAvailabilityZone"
	if strings.Count(x.zone, "-") > 1 && !strings.HasPrefix(x.zone, "local") { // usw2-lax1-az1
		kind, redundancy = "LocalZone", "SingleLocalZone"
	}
	return &request{
		method: "PUT", bucket: bucket, regional: true,
		body: `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Location><Name>` + x.zone +
			`</Name><Type>` + kind +
			`</Type></Location><Bucket><DataRedundancy>` + redundancy +
			`</DataRedundancy><Type>Directory</Type></Bucket></CreateBucketConfiguration>`,
	}
}

// putEncryption is PutBucketEncryption of a configuration's inner XML.
func putEncryption(bucket, inner string) *request {
	body := `<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">` + inner +
		`</ServerSideEncryptionConfiguration>`
	return withCRC32(&request{method: "PUT", bucket: bucket, query: "encryption=", body: body, regional: true})
}

// encryptionRule is the XML of one rule. more is XML behind its default encryption.
func encryptionRule(algorithm, key, more string) string {
	xml := "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>" + html.EscapeString(algorithm) + "</SSEAlgorithm>"
	if key != "" {
		xml += "<KMSMasterKeyID>" + html.EscapeString(key) + "</KMSMasterKeyID>"
	}
	return xml + "</ApplyServerSideEncryptionByDefault>" + more + "</Rule>"
}

func withCRC32(r *request) *request {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(r.body)))
	r.raw = append(r.raw, "x-amz-checksum-crc32: "+base64.StdEncoding.EncodeToString(sum))
	return r
}

// makeBucket makes a bucket in a state and has it removed at the end of the run. key is what it is bound to.
func (x *target) makeBucket(ctx context.Context, what, state, key string) (string, error) {
	bucket := x.bucketName(what)
	x.willBe(bucket)
	if err := x.must(ctx, x.createBucket(bucket)); err != nil {
		return "", fmt.Errorf("make the bucket: %w", err)
	}
	if state != stateNone {
		if err := x.must(ctx, putEncryption(bucket, encryptionRule("aws:kms", key, ""))); err != nil {
			return "", fmt.Errorf("set its default encryption to SSE-KMS: %w", err)
		}
	}
	if state == stateBack {
		if err := x.must(ctx, putEncryption(bucket, encryptionRule("AES256", "", ""))); err != nil {
			return "", fmt.Errorf("set its default encryption back to SSE-S3: %w", err)
		}
	}
	return bucket, x.settled(ctx)
}

// willBe notes a bucket that has to be removed, once it has been made.
func (x *target) willBe(bucket string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.made = append(x.made, bucket)
}

// settled waits until the endpoint may be expected to know of a change.
func (x *target) settled(ctx context.Context) error {
	if x.settle == 0 {
		return nil
	}
	timer := time.NewTimer(x.settle)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shared is the bucket of a state that all rows use which leave it as it is.
func (x *target) shared(ctx context.Context, state string) (string, error) {
	x.sharing.Lock()
	defer x.sharing.Unlock()
	if bucket := x.buckets[state]; bucket != "" {
		return bucket, nil
	}
	key, err := x.keys.named("$K")
	if err != nil {
		return "", err
	}
	bucket, err := x.makeBucket(ctx, state, state, key)
	if err == nil {
		x.buckets[state] = bucket
	}
	return bucket, err
}

// must sends a request that has to succeed.
func (x *target) must(ctx context.Context, r *request) error {
	c, err := x.signs(ctx, r)
	if err != nil {
		return err
	}
	a, err := x.send(ctx, r, c)
	if err == nil && a.status >= 300 {
		err = fmt.Errorf("%s %s?%s: %s", r.method, r.bucket, r.query, a)
	}
	return err
}

// signs finds who signs a request.
func (x *target) signs(ctx context.Context, r *request) (*credential, error) {
	switch {
	case r.as != nil:
		return r.as, nil
	case r.regional || r.bucket == "":
		return x.long, nil
	}
	return x.session(ctx, r.bucket, "")
}

// createSession is CreateSession, signed with the long-term key.
func (x *target) createSession(bucket, headers string) *request {
	return &request{method: "GET", bucket: bucket, query: "session=", headers: headers, as: x.long}
}

// sessionOf is the session in an answer.
func sessionOf(a *answer) *credential {
	return &credential{session: true, Credentials: sigv4.Credentials{
		AccessKeyID: a.element("AccessKeyId"), SecretAccessKey: a.element("SecretAccessKey"),
		SessionToken: a.element("SessionToken"),
	}}
}

// session returns a session of a bucket that is good for two more minutes at least.
func (x *target) session(ctx context.Context, bucket, headers string) (*credential, error) {
	name := bucket + " " + headers
	x.mu.Lock()
	known := x.sessions[name]
	x.mu.Unlock()
	if known != nil && time.Until(known.until) > 2*time.Minute {
		return known.credential, nil
	}
	a, err := x.send(ctx, x.createSession(bucket, headers), x.long)
	if err != nil {
		return nil, err
	}
	if a.status != 200 {
		return nil, fmt.Errorf("CreateSession %s with %q: %s", bucket, headers, a)
	}
	until, err := time.Parse(time.RFC3339, a.element("Expiration"))
	if err != nil {
		return nil, fmt.Errorf("CreateSession's Expiration: %w", err)
	}
	c := sessionOf(a)
	x.mu.Lock()
	x.sessions[name] = &leased{c, until}
	x.mu.Unlock()
	return c, nil
}

// forget drops the sessions of a bucket whose encryption has changed.
func (x *target) forget(bucket string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for name := range x.sessions {
		if strings.HasPrefix(name, bucket+" ") {
			delete(x.sessions, name)
		}
	}
}

// removeBucket deletes a bucket with its objects and uploads. One that is gone is no error.
func (x *target) removeBucket(ctx context.Context, bucket string) error {
	var failures []error
	do := func(r *request) *answer {
		r.bucket, r.as = bucket, x.long
		if !strings.HasSuffix(bucket, "--x-s3") {
			r.service, r.regional = "s3", true
		}
		a, err := x.send(ctx, r, x.long)
		if err != nil {
			failures = append(failures, err)
			return &answer{}
		}
		return a
	}
	listing := do(&request{method: "GET", query: "list-type=2&encoding-type=url"})
	for range 100 {
		if listing.status == 404 {
			return errors.Join(failures...)
		}
		for _, key := range elements(listing.body, "Key") {
			do(&request{method: "DELETE", key: strings.ReplaceAll(key, "+", "%20")})
		}
		if listing.element("IsTruncated") != "true" {
			break
		}
		token := url.QueryEscape(listing.element("NextContinuationToken"))
		listing = do(&request{method: "GET", query: "continuation-token=" + token + "&encoding-type=url&list-type=2"})
	}
	if versions := do(&request{method: "GET", query: "encoding-type=url&versions="}); versions.status == 200 {
		ids := elements(versions.body, "VersionId")
		for i, key := range elements(versions.body, "Key") {
			if i < len(ids) {
				do(&request{
					method: "DELETE", key: strings.ReplaceAll(key, "+", "%20"), query: "versionId=" +
						url.QueryEscape(ids[i]),
				})
			}
		}
	}
	uploads := do(&request{method: "GET", query: "encoding-type=url&uploads="})
	ids := elements(uploads.body, "UploadId")
	for i, key := range elements(uploads.body, "Key") {
		if i < len(ids) {
			do(&request{
				method: "DELETE", key: strings.ReplaceAll(key, "+", "%20"), query: "uploadId=" +
					url.QueryEscape(ids[i]),
			})
		}
	}
	if a := do(&request{method: "DELETE", regional: true}); a.status != 204 && a.status != 404 {
		failures = append(failures, errors.New("DeleteBucket: "+strconv.Itoa(a.status)+" "+a.code()))
	}
	return errors.Join(failures...)
}

// elements are the texts of all elements of a name.
func elements(xml, name string) []string {
	var texts []string
	for {
		_, rest, found := strings.Cut(xml, "<"+name+">")
		text, after, closed := strings.Cut(rest, "</"+name+">")
		if !found || !closed {
			return texts
		}
		texts, xml = append(texts, html.UnescapeString(text)), after
	}
}
