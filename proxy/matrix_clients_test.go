package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// matrixClients are who does the job, each with the programs of its own.
var matrixClients = []struct {
	name string
	inGo bool // needs no program
	do   func(t *testing.T, j *job)
}{
	{"aws-sdk-go-v2", true, jobOfGoSDK},
	{"minio-go", true, jobOfMinIOGo},
	{"boto3", false, func(t *testing.T, j *job) { j.script(t, programPath(t, "python3"), "boto3_job.py") }},
	{"@aws-sdk/client-s3", false, func(t *testing.T, j *job) { nodeModules(t); j.script(t, programPath(t, "node"), "js_job.cjs") }},
	{"aws-cli 1", false, func(t *testing.T, j *job) { jobOfAWSCLI(t, j, programPath(t, "aws")) }},
	{"aws-cli 2.9", false, jobOfOldAWSCLI},
	{"rclone 1.76", false, func(t *testing.T, j *job) { jobOfRclone(t, j, programPath(t, "rclone"), j.directory) }},
	{"rclone 1.60", false, jobOfOldRclone},
	{"mc", false, jobOfMC},
	{"s3cmd", false, jobOfS3cmd},
	{"s3fs", false, jobOfS3fs},
}

// debian is a program of Debian's own packages, which another one of its name in PATH may hide.
func debian(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("/usr/bin", name)
	if _, err := os.Stat(path); err != nil {
		missing(t, "Debian's package of "+name+" isn't installed")
	}
	return path
}

// nodeModules skips the test where there are none.
func nodeModules(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(os.Getenv("SEALFRONT_TOOLS"), "node_modules", "@aws-sdk", "client-s3")); err != nil {
		missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
	}
}

// run runs a program with the settings that an operator would give to this client, and returns what it said.
func (j *job) run(t *testing.T, env []string, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
	cmd.Env = append(append(cmd.Env, j.p.toolEnv()...), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(path), strings.Join(args, " "), err, tail(out.String()), tail(errs.String()))
	}
	return out.String()
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// script runs a client's program that does the whole job, and says "ok".
func (j *job) script(t *testing.T, path, file string) {
	t.Helper()
	env := []string{
		"JOB_BUCKET=" + j.bucket, "JOB_TREE=" + j.tree, "JOB_BIG=" + matrixBig, "JOB_RANGE=" + matrixRange,
		fmt.Sprint("JOB_FROM=", matrixFrom), fmt.Sprint("JOB_LENGTH=", matrixRangeLen), "NODE_EXTRA_CA_CERTS=" + j.p.env["AWS_CA_BUNDLE"],
	}
	if out := j.run(t, env, path, filepath.Join(scripts, file)); strings.TrimSpace(out) != "ok" {
		t.Errorf("%s: %s", file, out)
	}
	j.mustBeEmpty(t)
}

// big is the file that goes in parts.
func (j *job) big(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(j.tree, matrixBig))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func (j *job) mustBeTheRange(t *testing.T, got []byte) {
	t.Helper()
	if want := j.big(t)[matrixFrom : matrixFrom+matrixRangeLen]; !bytes.Equal(got, want) {
		t.Errorf("the range is %x, want %x", got, want)
	}
}

// mustBeTheTree compares a directory with the tree.
func (j *job) mustBeTheTree(t *testing.T, back string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "diff", "-r", j.tree, back).CombinedOutput(); err != nil {
		t.Errorf("what came back differs: %v\n%s", err, tail(string(out)))
	}
}

// mustServe fetches a presigned URL as anybody could.
func (j *job) mustServe(t *testing.T, presigned string) {
	t.Helper()
	resp, err := j.p.httpClient(t).Get(strings.TrimSpace(presigned))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !bytes.Equal(body, j.big(t)) {
		t.Errorf("the presigned URL gives %d, %d bytes, %v", resp.StatusCode, len(body), err)
	}
}

// mustHaveParts sees that the client did send the big file in parts.
func (j *job) mustHaveParts(t *testing.T, key string) {
	t.Helper()
	head, err := j.p.client(t).HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &j.bucket, Key: &key, PartNumber: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToInt32(head.PartsCount) < 2 {
		t.Errorf("%s has %d parts", key, aws.ToInt32(head.PartsCount))
	}
}

func (j *job) mustBeEmpty(t *testing.T) {
	t.Helper()
	list, err := j.p.client(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &j.bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range list.Contents {
		t.Errorf("%s is still there", aws.ToString(o.Key))
	}
}

// files calls f for each file of the tree with its path below it.
func (j *job) files(t *testing.T, f func(name, file string)) {
	t.Helper()
	err := filepath.WalkDir(j.tree, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(j.tree, file)
			f(name, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func jobOfGoSDK(t *testing.T, j *job) {
	ctx, client, bucket := t.Context(), j.p.client(t), &j.bucket
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var objects []types.ObjectIdentifier
	j.files(t, func(name, file string) {
		objects = append(objects, types.ObjectIdentifier{Key: aws.String("tree/" + name)})
		if name == matrixBig {
			u := newUploader(t, client, *bucket, "tree/"+name)
			content := j.big(t)
			for n := int32(1); len(content) > 0; n++ {
				size := min(len(content), 5<<20)
				u.part(n, content[:size])
				content = content[size:]
			}
			_, err := u.complete(1, 2, 3)
			must(err)
			return
		}
		f, err := os.Open(file)
		must(err)
		_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("tree/" + name), Body: f})
		_ = f.Close()
		must(err)
	})
	back := t.TempDir()
	list, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("tree/")})
	must(err)
	for _, o := range list.Contents {
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: o.Key})
		must(err)
		file := filepath.Join(back, strings.TrimPrefix(*o.Key, "tree/"))
		must(os.MkdirAll(filepath.Dir(file), 0o700))
		f, err := os.Create(file)
		must(err)
		n, err := io.Copy(f, got.Body)
		must(err)
		must(f.Close())
		if n != aws.ToInt64(o.Size) {
			t.Errorf("%s: listed with %d bytes, has %d", *o.Key, aws.ToInt64(o.Size), n)
		}
	}
	j.mustBeTheTree(t, back)
	j.mustHaveParts(t, "tree/"+matrixBig)
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("tree/" + matrixBig), Range: aws.String(matrixRange)})
	must(err)
	part, err := io.ReadAll(got.Body)
	must(err)
	j.mustBeTheRange(t, part)
	presigned, err := s3.NewPresignClient(client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("tree/" + matrixBig)})
	must(err)
	j.mustServe(t, presigned.URL)
	deleted, err := client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}})
	must(err)
	if len(deleted.Errors) > 0 || len(deleted.Deleted) != len(objects) {
		t.Errorf("DeleteObjects: %+v", deleted.Errors)
	}
	j.mustBeEmpty(t)
}

func jobOfMinIOGo(t *testing.T, j *job) {
	ctx := t.Context()
	_, host, _ := strings.Cut(j.p.env["AWS_ENDPOINT_URL"], "://")
	client, err := minio.New(host, &minio.Options{
		Creds: credentials.NewStaticV4(j.p.env["AWS_ACCESS_KEY_ID"], j.p.env["AWS_SECRET_ACCESS_KEY"], ""), Secure: true,
		Region: "us-west-2", Transport: j.p.httpClient(t).Transport, BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	j.files(t, func(name, file string) {
		_, err := client.FPutObject(ctx, j.bucket, "tree/"+name, file, minio.PutObjectOptions{PartSize: 5 << 20})
		must(err)
	})
	back := t.TempDir()
	var objects []minio.ObjectInfo
	for o := range client.ListObjects(ctx, j.bucket, minio.ListObjectsOptions{Prefix: "tree/", Recursive: true}) {
		must(o.Err)
		objects = append(objects, o)
		must(client.FGetObject(ctx, j.bucket, o.Key, filepath.Join(back, strings.TrimPrefix(o.Key, "tree/")), minio.GetObjectOptions{}))
	}
	j.mustBeTheTree(t, back)
	j.mustHaveParts(t, "tree/"+matrixBig)
	var options minio.GetObjectOptions
	must(options.SetRange(matrixFrom, matrixFrom+matrixRangeLen-1))
	got, err := client.GetObject(ctx, j.bucket, "tree/"+matrixBig, options)
	must(err)
	part, err := io.ReadAll(got)
	must(err)
	j.mustBeTheRange(t, part)
	presigned, err := client.PresignedGetObject(ctx, j.bucket, "tree/"+matrixBig, time.Minute, url.Values{})
	must(err)
	j.mustServe(t, presigned.String())
	removals := make(chan minio.ObjectInfo, len(objects))
	for _, o := range objects {
		removals <- o
	}
	close(removals)
	for e := range client.RemoveObjects(ctx, j.bucket, removals, minio.RemoveObjectsOptions{}) {
		t.Errorf("RemoveObjects: %s: %v", e.ObjectName, e.Err)
	}
	j.mustBeEmpty(t)
}

func jobOfAWSCLI(t *testing.T, j *job, aws string) {
	// Older ones don't read AWS_ENDPOINT_URL, and version 1 signs URLs with Signature Version 2 unless told otherwise.
	settings := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(settings, []byte("[default]\ns3 =\n  signature_version = s3v4\n  addressing_style = path\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"AWS_CONFIG_FILE=" + settings}
	run := func(args ...string) string {
		t.Helper()
		return j.run(t, env, aws, append([]string{"--endpoint-url", j.p.env["AWS_ENDPOINT_URL"]}, args...)...)
	}
	remote := "s3://" + j.bucket + "/tree/"
	run("s3", "cp", "--recursive", "--no-progress", j.tree, remote)
	back := t.TempDir()
	run("s3", "cp", "--recursive", "--no-progress", remote, back)
	j.mustBeTheTree(t, back)
	j.mustHaveParts(t, "tree/"+matrixBig)
	part := filepath.Join(t.TempDir(), "part")
	run("s3api", "get-object", "--bucket", j.bucket, "--key", "tree/"+matrixBig, "--range", matrixRange, part)
	content, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	j.mustBeTheRange(t, content)
	j.mustServe(t, run("s3", "presign", remote+matrixBig))
	var deletion struct {
		Objects []map[string]string
	}
	j.files(t, func(name, _ string) {
		if name != "empty" {
			deletion.Objects = append(deletion.Objects, map[string]string{"Key": "tree/" + name})
		}
	})
	document, err := json.Marshal(deletion)
	if err != nil {
		t.Fatal(err)
	}
	if out := run("s3api", "delete-objects", "--output", "json", "--bucket", j.bucket, "--delete", string(document)); strings.Contains(out, `"Errors"`) {
		t.Errorf("delete-objects: %s", out)
	}
	run("s3", "rm", "--recursive", remote) // the one that is left
	j.mustBeEmpty(t)
}

// jobOfOldAWSCLI is for the AWS CLI of before directory buckets. It sends Content-MD5 with every upload, which directory
// buckets refuse, Amazon's own, too: what is to be seen there is that refusal.
func jobOfOldAWSCLI(t *testing.T, j *job) {
	if !j.directory {
		jobOfAWSCLI(t, j, debian(t, "aws"))
		return
	}
	cmd := exec.CommandContext(t.Context(), debian(t, "aws"), "--endpoint-url", j.p.env["AWS_ENDPOINT_URL"], "s3", "cp", filepath.Join(j.tree, "dir", "segment"), "s3://"+j.bucket+"/segment")
	cmd.Env = append(os.Environ(), j.p.toolEnv()...)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "does not support the Content-Md5 header") {
		t.Errorf("an upload with Content-MD5: %v %s", err, out)
	}
	j.mustBeEmpty(t)
	j.cell = "501: sends Content-MD5"
}

// jobOfOldRclone is for the rclone of before directory buckets, which sends x-amz-acl and Content-MD5 with every upload.
func jobOfOldRclone(t *testing.T, j *job) {
	if !j.directory {
		jobOfRclone(t, j, debian(t, "rclone"), false)
		return
	}
	cmd := exec.CommandContext(t.Context(), debian(t, "rclone"), "copy", "--retries=1", "--low-level-retries=1", filepath.Join(j.tree, "dir", "segment"), ":s3:"+j.bucket+"/dir")
	cmd.Env = append(os.Environ(), j.rcloneSettings("Other", false)...)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "NotImplemented") {
		t.Errorf("an upload with x-amz-acl and Content-MD5: %v %s", err, out)
	}
	j.mustBeEmpty(t)
	j.cell = "501: sends x-amz-acl, Content-MD5"
}

func (j *job) rcloneSettings(provider string, express bool) []string {
	return []string{
		"RCLONE_CONFIG=/dev/null", "RCLONE_S3_PROVIDER=" + provider, "AWS_CA_BUNDLE=", "RCLONE_S3_ENDPOINT=" + j.p.env["AWS_ENDPOINT_URL"],
		"RCLONE_S3_REGION=" + j.p.env["AWS_REGION"], "RCLONE_CA_CERT=" + j.p.env["AWS_CA_BUNDLE"], "RCLONE_S3_UPLOAD_CUTOFF=5M", "RCLONE_S3_CHUNK_SIZE=5M",
		fmt.Sprint("RCLONE_S3_DIRECTORY_BUCKET=", express), "RCLONE_S3_NO_CHECK_BUCKET=true", "RCLONE_S3_FORCE_PATH_STYLE=true",
		"RCLONE_S3_ACCESS_KEY_ID=" + j.p.env["AWS_ACCESS_KEY_ID"], "RCLONE_S3_SECRET_ACCESS_KEY=" + j.p.env["AWS_SECRET_ACCESS_KEY"],
	}
}

// express says whether this rclone knows directory buckets.
func jobOfRclone(t *testing.T, j *job, rclone string, express bool) {
	provider := map[bool]string{true: "AWS", false: "Other"}[express]
	env := j.rcloneSettings(provider, express)
	run := func(args ...string) string { t.Helper(); return j.run(t, env, rclone, args...) }
	remote := ":s3:" + j.bucket + "/tree"
	run("sync", j.tree, remote)
	j.mustHaveParts(t, "tree/"+matrixBig)
	run("check", j.tree, remote)
	back := t.TempDir()
	run("copy", remote, back)
	j.mustBeTheTree(t, back)
	j.mustBeTheRange(t, []byte(run("cat", "--offset", fmt.Sprint(matrixFrom), "--count", fmt.Sprint(matrixRangeLen), remote+"/"+matrixBig)))
	j.mustServe(t, run("link", remote+"/"+matrixBig))
	run("delete", remote)
	j.mustBeEmpty(t)
}

func jobOfMC(t *testing.T, j *job) {
	mc := programPath(t, "mc")
	config := t.TempDir()
	env := []string{"SSL_CERT_FILE=" + j.p.env["AWS_CA_BUNDLE"], "MC_REGION=us-west-2"}
	run := func(args ...string) string {
		t.Helper()
		return j.run(t, env, mc, append([]string{"--config-dir", config, "--quiet"}, args...)...)
	}
	run("alias", "set", "--api", "S3v4", "--path", "on", "x", j.p.env["AWS_ENDPOINT_URL"], j.p.env["AWS_ACCESS_KEY_ID"], j.p.env["AWS_SECRET_ACCESS_KEY"])
	remote := "x/" + j.bucket + "/tree"
	run("mirror", j.tree, remote)
	back := t.TempDir()
	run("mirror", remote, back)
	j.mustBeTheTree(t, back)
	j.mustBeTheRange(t, []byte(run("cat", "--offset", fmt.Sprint(matrixFrom), remote+"/"+matrixBig))[:matrixRangeLen])
	var shared struct{ Share string }
	if err := json.Unmarshal([]byte(run("--json", "share", "download", remote+"/"+matrixBig)), &shared); err != nil {
		t.Fatal(err)
	}
	j.mustServe(t, shared.Share)
	run("rm", "--recursive", "--force", remote+"/")
	j.mustBeEmpty(t)
}

func jobOfS3cmd(t *testing.T, j *job) {
	s3cmd := programPath(t, "s3cmd")
	host := strings.TrimPrefix(j.p.env["AWS_ENDPOINT_URL"], "https://")
	class := map[bool]string{true: "EXPRESS_ONEZONE", false: "STANDARD"}[j.directory] // it always names one
	run := func(args ...string) string {
		t.Helper()
		return j.run(t, nil, s3cmd, append([]string{
			"--config=/dev/null", "--access_key=" + j.p.env["AWS_ACCESS_KEY_ID"], "--secret_key=" + j.p.env["AWS_SECRET_ACCESS_KEY"], "--host=" + host,
			"--host-bucket=" + host, "--ca-certs=" + j.p.env["AWS_CA_BUNDLE"], "--region=us-west-2", "--no-progress", "--multipart-chunk-size-mb=5", "--storage-class=" + class,
		}, args...)...)
	}
	remote := "s3://" + j.bucket + "/tree/"
	run("sync", j.tree+"/", remote)
	j.mustHaveParts(t, "tree/"+matrixBig)
	back := t.TempDir()
	run("sync", remote, back+"/")
	j.mustBeTheTree(t, back)
	file := filepath.Join(t.TempDir(), "part") // s3cmd reads ranges when it goes on with a file
	if err := os.WriteFile(file, j.big(t)[:matrixFrom], 0o600); err != nil {
		t.Fatal(err)
	}
	run("get", "--continue", remote+matrixBig, file)
	content, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(content, j.big(t)) {
		t.Errorf("a download that went on: %d bytes, %v", len(content), err)
	}
	run("del", "--recursive", "--force", remote)
	j.mustBeEmpty(t)
}

// s3fs mounts the bucket; where the machine has no FUSE it can't be tried.
func jobOfS3fs(t *testing.T, j *job) {
	s3fs := debian(t, "s3fs")
	if _, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		t.Skipf("FUSE can't be used here: %v", err)
	}
	dir := t.TempDir()
	mount, secret, cache := filepath.Join(dir, "mount"), filepath.Join(dir, "secret"), filepath.Join(dir, "cache")
	for _, d := range []string{mount, cache} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(secret, []byte(j.p.env["AWS_ACCESS_KEY_ID"]+":"+j.p.env["AWS_SECRET_ACCESS_KEY"]), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"CURL_CA_BUNDLE=" + j.p.env["AWS_CA_BUNDLE"]}
	options := "use_path_request_style,sigv4,multipart_size=5,passwd_file=" + secret + ",url=" + j.p.env["AWS_ENDPOINT_URL"] + ",endpoint=us-west-2"
	if j.directory {
		options += ",storage_class=express_onezone"
	}
	j.run(t, env, s3fs, j.bucket, mount, "-o", options)
	mounted := true
	unmount := func() {
		if mounted {
			mounted = false
			if out, err := exec.Command("fusermount", "-u", mount).CombinedOutput(); err != nil {
				t.Errorf("unmount: %v %s", err, out)
			}
		}
	}
	t.Cleanup(unmount)
	if a := j.p.do(&rawRequest{method: "PUT", path: "/" + j.bucket + "/folder/"}); a.StatusCode != http.StatusOK {
		// s3fs keeps directories as objects whose keys end in a slash.
		if a.StatusCode != http.StatusBadRequest || a.code() != "InvalidURI" {
			t.Errorf("a key that ends in a slash: %d %s", a.StatusCode, a.body)
		}
		j.mustBeEmpty(t)
		j.cell = "400: keys that end in a slash"
		return
	}
	runTool(t, nil, "rm", "-r", filepath.Join(mount, "folder"))
	runTool(t, nil, "cp", "-r", j.tree, filepath.Join(mount, "tree"))
	unmount()
	j.mustHaveParts(t, "tree/"+matrixBig)
	j.run(t, env, s3fs, j.bucket, mount, "-o", options) // a second mount has nothing cached
	mounted = true
	j.mustBeTheTree(t, filepath.Join(mount, "tree"))
	f, err := os.Open(filepath.Join(mount, "tree", matrixBig))
	if err != nil {
		t.Fatal(err)
	}
	part := make([]byte, matrixRangeLen)
	_, err = f.ReadAt(part, matrixFrom)
	_ = f.Close()
	if err != nil {
		t.Error(err)
	}
	j.mustBeTheRange(t, part)
	runTool(t, nil, "rm", "-r", filepath.Join(mount, "tree"))
	unmount()
	j.mustBeEmpty(t)
}
