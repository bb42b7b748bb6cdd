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

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// Killed in the middle a rewrap leaves every object readable, a second run goes on where it was, and a client's writes
// are never lost.
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
		if _, err := client.PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: &bucket, Key: aws.String(key(i)), Body: strings.NewReader(body)}); err != nil {
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
	var r tools.RewrapReport
	if failed := json.Unmarshal([]byte(out), &r); failed != nil || err != nil || status != command.StatusOK ||
		r.Rewrapped != int64(n-len(behind)) || renewed() != n {
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
	r = tools.RewrapReport{}
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
	for key, body := range map[string][]byte{
		"a": proxytest.RandomBytes(100), "b+ü/c": proxytest.RandomBytes(200_000), "empty": nil,
	} {
		if _, err := client.PutObject(t.Context(),
			&s3.PutObjectInput{
				Bucket: &bucket, Key: &key, Body: bytes.NewReader(body), Tagging: aws.String("a=1"),
				Metadata: map[string]string{"name": "value"}, ContentType: aws.String("text/plain"),
			}); err != nil {
			t.Fatal(err)
		}
	}
	p.FullUpload(client, bucket, "parts", whole[:5*proxytest.MiB], whole[5*proxytest.MiB:])
	out, errs, status := proxytest.Subcommand(t, "rewrap", "--config", config, "s3://"+bucket)
	var r tools.RewrapReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != command.StatusOK || r.Rewrapped != 4 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
	}
	// What is too large for one copy goes in pieces.
	cmd := proxytest.Command("rewrap", "--config", config, "s3://"+bucket+"/parts")
	proxytest.WithOptions(cmd, proxytest.CopyLimit(6*proxytest.MiB))
	text, err := cmd.Output()
	r = tools.RewrapReport{}
	if failed := json.Unmarshal(text, &r); failed != nil || err != nil || r.Rewrapped != 1 {
		t.Fatalf("%v, %v: %s", err, failed, text)
	}
	proxytest.MustRead(t, client, bucket, "parts", whole)
	proxytest.MustRead(t, client, bucket, "empty", nil)
	if got := proxytest.MustRead(t, client, bucket, "b+ü/c",
		proxytest.RandomBytes(200_000)); got.Metadata["name"] != "value" || *got.ContentType != "text/plain" ||
		aws.ToInt32(got.TagCount) != 1 {
		t.Errorf("%v %s %d", got.Metadata, *got.ContentType, aws.ToInt32(got.TagCount))
	}
	if out, errs, status := proxytest.Subcommand(t, "verify", "--config", config,
		"s3://"+bucket); status != command.StatusOK {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
}

// The command moves objects to another KMS key, prints what depends on which, and tells by its status whether some are
// left.
func TestRewrapCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, directory := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	bucket := proxytest.MakeBucket(t, client, "moved")
	fresh := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	p.Put(bucket, "x/managed", "1")
	p.Put(bucket, "y/damaged", "2")
	run := func(want int, args ...string) (r tools.RewrapReport) {
		t.Helper()
		out, errs, status := proxytest.Subcommand(t, append([]string{"rewrap", "--data", dir}, args...)...)
		if err := json.Unmarshal([]byte(out), &r); status != want || want == command.StatusOK && err != nil {
			t.Fatalf("%q: status %d, %s%s", args, status, out, errs)
		}
		return r
	}
	r := run(command.StatusOK, "s3://"+bucket+"/x/", "--kms-key", fresh)
	if len(r.Depends) != 1 || r.Depends[0].KMSKey != fresh || r.Depends[0].Objects != 1 || len(r.Depends[0].Blobs) != 1 ||
		r.Keys[fresh] != 1 {
		t.Errorf("%+v", r.Depends)
	}
	for digest := range r.Depends[0].Blobs {
		out, errs, status := proxytest.Subcommand(t, "inspect", "--data", dir, "s3://"+bucket+"/x/managed")
		if status != command.StatusOK || !strings.Contains(out, `"blobDigest": "`+digest+`"`) {
			t.Errorf("the blob %s; inspect: %s%s", digest, out, errs)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/x/managed"}); a.Text != "1" ||
		a.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != fresh {
		t.Errorf("%q %v", a.Text, a.Header)
	}
	d := &proxytest.Damager{T: t, Dir: dir, Bucket: bucket}
	proxytest.StoredMetadata(t, d.File("y/damaged")) // or skip
	d.Bytes("y/damaged", proxytest.FlipAt(-40))
	if r := run(command.StatusError, "s3://"+bucket); len(r.Left) != 1 || r.Left[0].URI != "s3://"+bucket+"/y/damaged" ||
		r.Rewrapped != 1 {
		t.Errorf("%+v", r)
	}
	run(command.StatusError, "s3://"+directory, "--kms-key", fresh) // it has its own
	run(command.StatusUsage, "s3://"+bucket, "--kms-key", "alias/mine")
}
