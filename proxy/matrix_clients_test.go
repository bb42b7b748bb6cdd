package main

import (
	"bytes"
	"context"
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

	"sealfront/proxy/proxytest"

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
	{"boto3", false, func(t *testing.T, j *job) { j.script(t, proxytest.ProgramPath(t, "python3"), "boto3_job.py") }},
	{"@aws-sdk/client-s3", false, func(t *testing.T, j *job) {
		nodeModules(t)
		j.script(t, proxytest.ProgramPath(t, "node"), "js_job.cjs")
	}},
	{"aws-cli 1", false, func(t *testing.T, j *job) { jobOfAWSCLI(t, j, proxytest.ProgramPath(t, "aws")) }},
	{"aws-cli 2.9", false, jobOfOldAWSCLI},
	{"rclone 1.76", false, func(t *testing.T, j *job) {
		jobOfRclone(t, j, proxytest.ProgramPath(t, "rclone"),
			j.directory)
	}},
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
		proxytest.Missing(t, "Debian's package of "+name+" isn't installed")
	}
	return path
}

// nodeModules skips the test where there are none.
func nodeModules(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(os.Getenv("SEALFRONT_TOOLS"), "node_modules", "@aws-sdk",
		"client-s3")); err != nil {
		proxytest.Missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
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
	cmd.Env = append(cmd.Env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
	cmd.Env = append(append(cmd.Env, toolEnv(j.p)...), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(path), strings.Join(args, " "), err, tail(out.String()),
			tail(errs.String()))
	}
	return out.String()
}

func tail(s string) string { return s[max(0, len(s)-2000):] }

// script runs a client's program that does the whole job, and says "ok".
func (j *job) script(t *testing.T, path, file string) {
	t.Helper()
	env := []string{
		"JOB_BUCKET=" + j.bucket, "JOB_TREE=" + j.tree, "JOB_BIG=" + matrixBig, "JOB_RANGE=" + matrixRange,
		fmt.Sprint("JOB_FROM=", matrixFrom), fmt.Sprint("JOB_LENGTH=", matrixRangeLen),
		"NODE_EXTRA_CA_CERTS=" + j.p.Env["AWS_CA_BUNDLE"],
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
	resp, err := j.p.HTTPClient(t).Get(strings.TrimSpace(presigned))
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
	head, err := j.p.Client(t).HeadObject(t.Context(),
		&s3.HeadObjectInput{Bucket: &j.bucket, Key: &key, PartNumber: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToInt32(head.PartsCount) < 2 {
		t.Errorf("%s has %d parts", key, aws.ToInt32(head.PartsCount))
	}
}

func (j *job) mustBeEmpty(t *testing.T) {
	t.Helper()
	list, err := j.p.Client(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &j.bucket})
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
	ctx, client, bucket := t.Context(), j.p.Client(t), &j.bucket
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
			u := proxytest.NewUploader(t, client, *bucket, "tree/"+name)
			content := j.big(t)
			for n := int32(1); len(content) > 0; n++ {
				size := min(len(content), 5<<20)
				u.Part(n, content[:size])
				content = content[size:]
			}
			_, err := u.Complete(1, 2, 3)
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
	got, err := client.GetObject(ctx,
		&s3.GetObjectInput{Bucket: bucket, Key: aws.String("tree/" + matrixBig), Range: aws.String(matrixRange)})
	must(err)
	part, err := io.ReadAll(got.Body)
	must(err)
	j.mustBeTheRange(t, part)
	presigned, err := s3.NewPresignClient(client).PresignGetObject(ctx,
		&s3.GetObjectInput{Bucket: bucket, Key: aws.String("tree/" + matrixBig)})
	must(err)
	j.mustServe(t, presigned.URL)
	deleted, err := client.DeleteObjects(ctx,
		&s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: objects}})
	must(err)
	if len(deleted.Errors) > 0 || len(deleted.Deleted) != len(objects) {
		t.Errorf("DeleteObjects: %+v", deleted.Errors)
	}
	j.mustBeEmpty(t)
}

func jobOfMinIOGo(t *testing.T, j *job) {
	ctx := t.Context()
	_, host, _ := strings.Cut(j.p.Env["AWS_ENDPOINT_URL"], "://")
	client, err := minio.New(host, &minio.Options{
		Creds: credentials.NewStaticV4(j.p.Env["AWS_ACCESS_KEY_ID"], j.p.Env["AWS_SECRET_ACCESS_KEY"], ""), Secure: true,
		Region: "us-west-2", Transport: j.p.HTTPClient(t).Transport, BucketLookup: minio.BucketLookupPath, MaxRetries: 1,
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
		must(client.FGetObject(ctx, j.bucket, o.Key, filepath.Join(back, strings.TrimPrefix(o.Key, "tree/")),
			minio.GetObjectOptions{}))
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
