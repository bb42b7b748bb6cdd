package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

func jobOfAWSCLI(t *testing.T, j *job, aws string) {
	// Older ones don't read AWS_ENDPOINT_URL, and version 1 signs URLs with Signature Version 2 unless told otherwise.
	settings := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(settings, []byte("[default]\ns3 =\n  signature_version = s3v4\n  addressing_style = path\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"AWS_CONFIG_FILE=" + settings}
	run := func(args ...string) string {
		t.Helper()
		return j.run(t, env, aws, append([]string{"--endpoint-url", j.p.Env["AWS_ENDPOINT_URL"]}, args...)...)
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
	if out := run("s3api", "delete-objects", "--output", "json", "--bucket", j.bucket, "--delete",
		string(document)); strings.Contains(out, `"Errors"`) {
		t.Errorf("delete-objects: %s", out)
	}
	run("s3", "rm", "--recursive", remote) // the one that is left
	j.mustBeEmpty(t)
}

// jobOfOldAWSCLI is for an AWS CLI older than directory buckets. It sends Content-MD5 with every upload, which
// directory buckets refuse, Amazon's own, too: what is to be seen there is that refusal.
func jobOfOldAWSCLI(t *testing.T, j *job) {
	if !j.directory {
		jobOfAWSCLI(t, j, debian(t, "aws"))
		return
	}
	cmd := exec.CommandContext(t.Context(), debian(t, "aws"), "--endpoint-url", j.p.Env["AWS_ENDPOINT_URL"], "s3", "cp",
		filepath.Join(j.tree, "dir", "segment"), "s3://"+j.bucket+"/segment")
	cmd.Env = append(os.Environ(), toolEnv(j.p)...)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "does not support the Content-Md5 header") {
		t.Errorf("an upload with Content-MD5: %v %s", err, out)
	}
	j.mustBeEmpty(t)
	j.cell = "501: sends Content-MD5"
}

// jobOfOldRclone is for an rclone older than directory buckets, which sends x-amz-acl and Content-MD5 with every
// upload.
func jobOfOldRclone(t *testing.T, j *job) {
	if !j.directory {
		jobOfRclone(t, j, debian(t, "rclone"), false)
		return
	}
	cmd := exec.CommandContext(t.Context(), debian(t, "rclone"), "copy", "--retries=1", "--low-level-retries=1",
		filepath.Join(j.tree, "dir", "segment"), ":s3:"+j.bucket+"/dir")
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
		"RCLONE_CONFIG=/dev/null", "RCLONE_S3_PROVIDER=" + provider, "AWS_CA_BUNDLE=",
		"RCLONE_S3_ENDPOINT=" + j.p.Env["AWS_ENDPOINT_URL"],
		"RCLONE_S3_REGION=" + j.p.Env["AWS_REGION"], "RCLONE_CA_CERT=" + j.p.Env["AWS_CA_BUNDLE"],
		"RCLONE_S3_UPLOAD_CUTOFF=5M", "RCLONE_S3_CHUNK_SIZE=5M",
		fmt.Sprint("RCLONE_S3_DIRECTORY_BUCKET=", express), "RCLONE_S3_NO_CHECK_BUCKET=true",
		"RCLONE_S3_FORCE_PATH_STYLE=true",
		"RCLONE_S3_ACCESS_KEY_ID=" + j.p.Env["AWS_ACCESS_KEY_ID"],
		"RCLONE_S3_SECRET_ACCESS_KEY=" + j.p.Env["AWS_SECRET_ACCESS_KEY"],
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
	j.mustBeTheRange(t,
		[]byte(run("cat", "--offset", fmt.Sprint(matrixFrom), "--count", fmt.Sprint(matrixRangeLen), remote+"/"+matrixBig)))
	j.mustServe(t, run("link", remote+"/"+matrixBig))
	run("delete", remote)
	j.mustBeEmpty(t)
}

func jobOfMC(t *testing.T, j *job) {
	mc := proxytest.ProgramPath(t, "mc")
	config := t.TempDir()
	env := []string{"SSL_CERT_FILE=" + j.p.Env["AWS_CA_BUNDLE"], "MC_REGION=us-west-2"}
	run := func(args ...string) string {
		t.Helper()
		return j.run(t, env, mc, append([]string{"--config-dir", config, "--quiet"}, args...)...)
	}
	run("alias", "set", "--api", "S3v4", "--path", "on", "x", j.p.Env["AWS_ENDPOINT_URL"], j.p.Env["AWS_ACCESS_KEY_ID"],
		j.p.Env["AWS_SECRET_ACCESS_KEY"])
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
	s3cmd := proxytest.ProgramPath(t, "s3cmd")
	host := strings.TrimPrefix(j.p.Env["AWS_ENDPOINT_URL"], "https://")
	class := map[bool]string{true: "EXPRESS_ONEZONE", false: "STANDARD"}[j.directory] // it always names one
	run := func(args ...string) string {
		t.Helper()
		return j.run(t, nil, s3cmd, append([]string{
			"--config=/dev/null", "--access_key=" + j.p.Env["AWS_ACCESS_KEY_ID"],
			"--secret_key=" + j.p.Env["AWS_SECRET_ACCESS_KEY"], "--host=" + host,
			"--host-bucket=" + host, "--ca-certs=" + j.p.Env["AWS_CA_BUNDLE"], "--region=us-west-2", "--no-progress",
			"--multipart-chunk-size-mb=5", "--storage-class=" + class,
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
	if err := os.WriteFile(secret, []byte(j.p.Env["AWS_ACCESS_KEY_ID"]+":"+j.p.Env["AWS_SECRET_ACCESS_KEY"]),
		0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"CURL_CA_BUNDLE=" + j.p.Env["AWS_CA_BUNDLE"]}
	options := "use_path_request_style,sigv4,multipart_size=5,passwd_file=" + secret + ",url=" +
		j.p.Env["AWS_ENDPOINT_URL"] + ",endpoint=us-west-2"
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
	if a := j.p.Do(&proxytest.Request{Method: "PUT", Path: "/" + j.bucket + "/folder/"}); a.StatusCode != http.StatusOK {
		// s3fs keeps directories as objects whose keys end in a slash.
		if a.StatusCode != http.StatusBadRequest || a.Code() != "InvalidURI" {
			t.Errorf("a key that ends in a slash: %d %s", a.StatusCode, a.Text)
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
