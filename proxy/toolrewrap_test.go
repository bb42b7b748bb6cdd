package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// After a rewrap no object depends on an older bucket key, and everything that clients see but date and ETag is as it was.
func TestRewrapKeepsObjectsAndReplacesBucketKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	proxytest.MakeBucket(t, client, "general")
	kmsKey := p.Env["SEALFRONT_KMS_KEY"]
	bodies := map[string][]byte{"a": proxytest.RandomBytes(10), "dir/b": proxytest.RandomBytes(200_000), "empty": {}, "own": proxytest.RandomBytes(11)}
	for _, b := range []string{bucket, "general"} {
		for key, body := range bodies {
			in := &s3.PutObjectInput{
				Bucket: &b, Key: &key, Body: bytes.NewReader(body), ContentType: aws.String("text/x-" + b[:4]), CacheControl: aws.String("no-store"),
				ContentEncoding: aws.String("gzip"), Metadata: map[string]string{"name": "välue"},
			}
			if b == "general" {
				in.Tagging, in.WebsiteRedirectLocation = aws.String("a=1&b=2"), aws.String("/elsewhere")
				if key == "own" {
					in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = types.ServerSideEncryptionAwsKms, &kmsKey, aws.Bool(false)
				}
			}
			if _, err := client.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		p.FullUpload(client, b, "parts", proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(70_000))
	}
	bodies["parts"] = bytes.Join([][]byte{proxytest.RandomBytes(5 * proxytest.MiB), proxytest.RandomBytes(70_000)}, nil)
	proxytest.StoredMetadata(t, proxytest.StoredFile(dir, bucket, "a")) // or skip
	type seen struct{ head, tags string }
	look := func(b, key string) seen {
		out := proxytest.MustRead(t, client, b, key, bodies[key])
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
		s := seen{head: fmt.Sprint(fields)}
		if b == "general" {
			tagging, err := client.GetObjectTagging(t.Context(), &s3.GetObjectTaggingInput{Bucket: &b, Key: &key})
			if err != nil {
				t.Fatal(err)
			}
			tags := map[string]string{} // in no order
			for _, tag := range tagging.TagSet {
				tags[*tag.Key] = *tag.Value
			}
			s.tags = fmt.Sprint(tags)
		}
		return s
	}
	for _, b := range []string{bucket, "general"} {
		d := &proxytest.Damager{T: t, Dir: dir, Bucket: b}
		before, blobs := map[string]seen{}, map[string]bool{}
		for key := range bodies {
			before[key] = look(b, key)
			blobs[d.Blob(key)] = true
		}
		out, errs, status := proxytest.Subcommand(t, "rewrap", "--data", dir, "s3://"+b)
		var r tools.Rewrapped
		if err := json.Unmarshal([]byte(out), &r); err != nil || status != command.StatusOK || r.Rewrapped != int64(len(bodies)) || r.Objects != r.Rewrapped || len(r.Left) > 0 {
			t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
		}
		if b == bucket && (r.Keys[kmsKey] != int64(len(bodies)) || len(r.Other) > 0) || b == "general" && (len(r.Other) != 1 || r.Other[0] != kmsKey) {
			t.Errorf("%s: keys %v, other %v", b, r.Keys, r.Other)
		}
		for key := range bodies {
			if now := look(b, key); now != before[key] {
				t.Errorf("%s/%s is\n%+v, was\n%+v", b, key, now, before[key])
			}
			if blobs[d.Blob(key)] {
				t.Errorf("%s/%s depends on an older bucket key", b, key)
			}
		}
		if out, errs, status := proxytest.Subcommand(t, "verify", "--data", dir, "s3://"+b); status != command.StatusOK {
			t.Errorf("%s: status %d %s%s", b, status, out, errs)
		}
	}

	// What can't be rewrapped is left as it is, and named.
	d := &proxytest.Damager{T: t, Dir: dir, Bucket: bucket}
	d.Bytes("a", proxytest.FlipAt(-40))
	was := d.EnvelopeText("a")
	out, _, status := proxytest.Subcommand(t, "rewrap", "--data", dir, "s3://"+bucket+"/a")
	var r tools.Rewrapped
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != command.StatusError || len(r.Left) != 1 || r.Left[0].URI != "s3://"+bucket+"/a" || d.EnvelopeText("a") != was {
		t.Errorf("a damaged object: status %d %s", status, out)
	}
}

// Killed in the middle a rewrap leaves every object readable, a second run goes on where it was, and a client's writes are
// never lost.
func TestRewrapKilledAndRaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	d := &proxytest.Damager{T: t, Dir: dir, Bucket: bucket}
	const n = 40
	key := func(i int) string { return fmt.Sprintf("%03d", i) }
	put := func(i int, body string) {
		t.Helper()
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: aws.String(key(i)), Body: strings.NewReader(body)}); err != nil {
			t.Error(err)
		}
	}
	for i := range n {
		put(i, fmt.Sprint("first ", i))
	}
	proxytest.StoredMetadata(t, d.File(key(0))) // or skip
	old := d.Blob(key(0))
	renewed := func() (count int) {
		for i := range n {
			if d.Blob(key(i)) != old {
				count++
			}
		}
		return count
	}
	resume := filepath.Join(t.TempDir(), "resume")
	args := []string{"rewrap", "--data", dir, "--resume", resume, "s3://" + bucket}
	cmd := proxytest.Command(append(args, "--rate", "20", "--concurrency", "2")...)
	var errs proxytest.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(resume); err == nil && renewed() > 4 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the rewrap didn't begin: %s", errs.String())
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if done := renewed(); done == n {
		t.Fatal("the rewrap was through before it was killed")
	}
	for i := range n {
		proxytest.MustRead(t, client, bucket, key(i), fmt.Append(nil, "first ", i))
	}

	// The second run goes on behind the position that the first one wrote down, and ends what that one began.
	var position struct{ After string }
	text, err := os.ReadFile(resume)
	if err := json.Unmarshal(text, &position); err != nil || position.After == "" {
		t.Fatalf("the resume file is %s: %v", text, err)
	}
	behind := map[string]string{}
	for i := range n {
		if key(i) <= position.After {
			behind[key(i)] = d.EnvelopeText(key(i))
		}
	}
	out, messages, status := proxytest.Subcommand(t, args...)
	var r tools.Rewrapped
	if failed := json.Unmarshal([]byte(out), &r); failed != nil || err != nil || status != command.StatusOK || r.Rewrapped != int64(n-len(behind)) || renewed() != n {
		t.Errorf("status %d, %v: %s%s; %d renewed", status, failed, out, messages, renewed())
	}
	for key, envelope := range behind {
		if d.EnvelopeText(key) != envelope {
			t.Errorf("%s was rewrapped a second time", key)
		}
	}
	if _, err := os.Stat(resume); err == nil {
		t.Error("the resume file outlives its walk")
	}
	for i := range n {
		proxytest.MustRead(t, client, bucket, key(i), fmt.Append(nil, "first ", i))
	}

	// Another run, while a client overwrites all objects again and again.
	last := make([]string, n)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for round := 0; ; round++ {
			for i := n - 1; i >= 0; i-- {
				select {
				case <-stop:
					return
				default:
				}
				last[i] = fmt.Sprint("round ", round, " of ", i)
				put(i, last[i])
			}
		}
	}()
	out, messages, status = proxytest.Subcommand(t, args...)
	close(stop)
	<-stopped
	r = tools.Rewrapped{}
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != command.StatusOK && len(r.Left) == 0 {
		t.Errorf("status %d, %v: %s%s", status, err, out, messages)
	}
	for i := range n {
		if last[i] == "" {
			last[i] = fmt.Sprint("first ", i)
		}
		proxytest.MustRead(t, client, bucket, key(i), []byte(last[i]))
	}
	// At rest a run leaves nothing behind.
	before := map[string]bool{}
	for i := range n {
		before[d.Blob(key(i))] = true
	}
	_ = os.Remove(resume)
	if out, messages, status := proxytest.Subcommand(t, args...); status != command.StatusOK {
		t.Errorf("status %d: %s%s", status, out, messages)
	}
	for i := range n {
		proxytest.MustRead(t, client, bucket, key(i), []byte(last[i]))
		if before[d.Blob(key(i))] {
			t.Errorf("%s depends on an older bucket key", key(i))
		}
	}
}

// On a store that copies an object onto itself in one step the bytes don't leave the store.
func TestRewrapByTheStoresOwnCopy(t *testing.T) {
	t.Parallel()
	p := proxytest.StartOn(t, proxytest.StartMinIO(t), proxytest.StartLocalKMS(t))
	client := p.Client(t)
	bucket := proxytest.MakeBucket(t, client, "general")
	config := p.ConfigFile()
	whole := append(proxytest.RandomBytes(10*proxytest.MiB), proxytest.RandomBytes(70_000)...)
	for key, body := range map[string][]byte{"a": proxytest.RandomBytes(100), "b+ü/c": proxytest.RandomBytes(200_000), "empty": nil} {
		if _, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), Tagging: aws.String("a=1"), Metadata: map[string]string{"name": "value"}, ContentType: aws.String("text/plain")}); err != nil {
			t.Fatal(err)
		}
	}
	p.FullUpload(client, bucket, "parts", whole[:5*proxytest.MiB], whole[5*proxytest.MiB:])
	out, errs, status := proxytest.Subcommand(t, "rewrap", "--config", config, "s3://"+bucket)
	var r tools.Rewrapped
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != command.StatusOK || r.Rewrapped != 4 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
	}
	// What is too large for one copy goes in pieces.
	cmd := proxytest.Command("rewrap", "--config", config, "s3://"+bucket+"/parts")
	proxytest.WithOptions(cmd, proxytest.CopyLimit(6*proxytest.MiB))
	text, err := cmd.Output()
	r = tools.Rewrapped{}
	if failed := json.Unmarshal(text, &r); failed != nil || err != nil || r.Rewrapped != 1 {
		t.Fatalf("%v, %v: %s", err, failed, text)
	}
	proxytest.MustRead(t, client, bucket, "parts", whole)
	proxytest.MustRead(t, client, bucket, "empty", nil)
	if got := proxytest.MustRead(t, client, bucket, "b+ü/c", proxytest.RandomBytes(200_000)); got.Metadata["name"] != "value" || *got.ContentType != "text/plain" || aws.ToInt32(got.TagCount) != 1 {
		t.Errorf("%v %s %d", got.Metadata, *got.ContentType, aws.ToInt32(got.TagCount))
	}
	if out, errs, status := proxytest.Subcommand(t, "verify", "--config", config, "s3://"+bucket); status != command.StatusOK {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// Under another KMS key nothing depends on the old one, which the report shows; what can't be moved is named, and where it is.
func TestRewrapUnderAnotherKMSKey(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, directory := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	bucket := proxytest.MakeBucket(t, client, "moved")
	old := p.Env["SEALFRONT_KMS_KEY"]
	fresh := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	kms := proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms")
	under, bucketKey := proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", old), proxytest.Field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")
	p.Put(bucket, "x/managed", "1")
	p.Put(bucket, "x/keyed", "2", kms, under, bucketKey)
	p.Put(bucket, "x/own", "3", kms, under)
	p.Put(bucket, "y/other", "4", kms, under, bucketKey)
	run := func(want int, args ...string) (r tools.Rewrapped) {
		t.Helper()
		out, errs, status := proxytest.Subcommand(t, append([]string{"rewrap", "--data", dir}, args...)...)
		if err := json.Unmarshal([]byte(out), &r); status != want || want == command.StatusOK && err != nil {
			t.Fatalf("%q: status %d, %s%s", args, status, out, errs)
		}
		return r
	}
	r := run(command.StatusOK, "s3://"+bucket+"/x/", "--kms-key", fresh)
	if len(r.Depends) != 1 || r.Depends[0].KMSKey != fresh || r.Depends[0].Objects != 3 || r.Depends[0].OwnBlobs != 1 || len(r.Depends[0].Blobs) != 1 || r.Keys[fresh] != 3 {
		t.Errorf("%+v", r.Depends)
	}
	for digest, n := range r.Depends[0].Blobs {
		out, errs, status := proxytest.Subcommand(t, "inspect", "--data", dir, "s3://"+bucket+"/x/managed")
		if n != 2 || status != command.StatusOK || !strings.Contains(out, `"blobDigest": "`+digest+`"`) || len(digest) != 16 {
			t.Errorf("%d objects depend on the blob %s; inspect: %s%s", n, digest, out, errs)
		}
	}
	p.KMS("DisableKey", map[string]any{"KeyId": old})
	p.DropKeys("")
	for key, want := range map[string][3]string{"x/managed": {"1", fresh, "true"}, "x/keyed": {"2", fresh, "true"}, "x/own": {"3", fresh, ""}} {
		a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/" + key})
		has := [3]string{a.Text, a.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"), a.Header.Get("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled")}
		if has != want {
			t.Errorf("%s: %q, want %q", key, has, want)
		}
	}
	r = run(command.StatusError, "s3://"+bucket, "--kms-key", fresh)
	depends := map[string]int64{}
	for _, d := range r.Depends {
		depends[d.KMSKey] = d.Objects
	}
	if len(r.Left) != 1 || !strings.HasSuffix(r.Left[0].URI, "/y/other") || depends[old] != 1 || depends[fresh] != 3 {
		t.Errorf("%+v, %v", r.Left, depends)
	}
	run(command.StatusError, "s3://"+directory, "--kms-key", fresh) // it has its own
	run(command.StatusUsage, "s3://"+bucket, "--kms-key", "alias/mine")
}
