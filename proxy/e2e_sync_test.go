package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// makeTree writes a tree of n files of sizes around the format's edges, and returns its directory. They are a minute
// old: S3 tells dates in whole seconds, so what is uploaded in the second in which it was written looks newer than its
// object.
func makeTree(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	sizes := []int{0, 1, 100, 4096, 65535, 65536, 65537, 300_000}
	for i := range n {
		name := filepath.Join(dir, fmt.Sprintf("d%02d", i%20), fmt.Sprintf("sub%d", i%3), fmt.Sprintf("file %04d ü+&.bin", i))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		size := sizes[i%len(sizes)]
		if i%97 == 0 {
			size = 6<<20 + random.IntN(1000) // in parts with rclone's cut-off below
		}
		if err := os.WriteFile(name, proxytest.RandomBytes(size), 0o600); err != nil {
			t.Fatal(err)
		}
		written := time.Now().Add(-time.Minute)
		if err := os.Chtimes(name, written, written); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// treeSize is small by default and that of a real run in CI.
func treeSize() int {
	if os.Getenv("SEALFRONT_E2E") == "require" {
		return 2000
	}
	return 120
}

// unlike returns the lines without a text.
func unlike(lines, text string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		if !strings.Contains(line, text) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// runTool runs a program and returns what it said.
func runTool(t *testing.T, env []string, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(path), strings.Join(args, " "), err, out[max(0, len(out)-3000):])
	}
	return string(out)
}

func toolEnv(p *proxytest.Program) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + p.Env["AWS_ENDPOINT_URL"], "AWS_CA_BUNDLE=" + p.Env["AWS_CA_BUNDLE"],
		"AWS_ACCESS_KEY_ID=" + p.Env["AWS_ACCESS_KEY_ID"],
		"AWS_SECRET_ACCESS_KEY=" + p.Env["AWS_SECRET_ACCESS_KEY"], "AWS_REGION=" + p.Env["AWS_REGION"],
		"AWS_DEFAULT_REGION=" + p.Env["AWS_REGION"],
	}
}

// Traps 15 and 16: a tool that synchronises transfers nothing the second time, finds sizes and dates as it left them,
// and takes no ETag for an MD5.
func TestSynchronisingTwiceTransfersNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("synchronising takes a while")
	}
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	proxytest.MakeBucket(t, client, "general")
	tree := makeTree(t, treeSize())
	// As S3 in awscli's eyes: aws s3 sync refuses directory buckets by itself.
	t.Run("aws s3 sync into a general purpose bucket", func(t *testing.T) {
		aws := proxytest.ProgramPath(t, "aws")
		sync := func() string {
			return runTool(t, toolEnv(p), aws, "s3", "sync", tree, "s3://general/aws", "--no-progress")
		}
		if first := sync(); strings.Count(first, "upload:") != treeSize() {
			t.Errorf("the first run uploaded %d files of %d", strings.Count(first, "upload:"), treeSize())
		}
		if second := sync(); strings.TrimSpace(second) != "" {
			t.Errorf("the second run transferred something:\n%s", second[:min(len(second), 2000)])
		}
		back := t.TempDir()
		runTool(t, toolEnv(p), aws, "s3", "sync", "s3://general/aws", back, "--no-progress")
		runTool(t, nil, "diff", "-r", tree, back)
	})
	for _, bucket := range []string{"general", proxytest.DemoBucket} {
		t.Run("rclone sync into "+bucket, func(t *testing.T) {
			rclone := proxytest.ProgramPath(t, "rclone")
			// As provider AWS rclone would compare a multipart object's ETag with MD5s of its own, which fails on Amazon, too,
			// for buckets that are encrypted with SSE-KMS by default.
			provider := map[bool]string{true: "AWS", false: "Other"}[bucket == proxytest.DemoBucket]
			env := append(toolEnv(p), "RCLONE_CONFIG=/dev/null", "RCLONE_S3_PROVIDER="+provider, "RCLONE_S3_ENV_AUTH=true",
				"RCLONE_S3_ENDPOINT="+p.Env["AWS_ENDPOINT_URL"],
				"RCLONE_S3_REGION="+p.Env["AWS_REGION"], "RCLONE_CA_CERT="+p.Env["AWS_CA_BUNDLE"], "RCLONE_S3_UPLOAD_CUTOFF=5M",
				"RCLONE_S3_CHUNK_SIZE=5M",
				fmt.Sprint("RCLONE_S3_DIRECTORY_BUCKET=", bucket == proxytest.DemoBucket), "RCLONE_S3_NO_CHECK_BUCKET=true",
				"RCLONE_STATS_LOG_LEVEL=NOTICE")
			remote := ":s3:" + bucket + "/rclone"
			sync := func() string { return runTool(t, env, rclone, "sync", tree, remote, "-v", "--stats=0") }
			if first := sync(); strings.Count(first, "Copied (new)") != treeSize() {
				t.Errorf("the first run copied %d files of %d:\n%s", strings.Count(first, "Copied (new)"), treeSize(),
					unlike(first, "Copied (new)"))
			}
			if second := sync(); strings.Contains(second, ": Copied") || strings.Contains(second, "Updated modification") ||
				strings.Contains(second, "Deleted") {
				t.Errorf("the second run transferred something:\n%s", second[:min(len(second), 2000)])
			}
			if out := runTool(t, env, rclone, "check", tree, remote); !strings.Contains(out, "0 differences found") {
				t.Errorf("rclone check:\n%s", out)
			}
			if out := runTool(t, env, rclone, "check", "--download", tree, remote); !strings.Contains(out,
				"0 differences found") {
				t.Errorf("rclone check --download:\n%s", out)
			}
		})
	}
	t.Run("s3cmd with its MD5 check", func(t *testing.T) {
		s3cmd := proxytest.ProgramPath(t, "s3cmd")
		host := strings.TrimPrefix(p.Env["AWS_ENDPOINT_URL"], "https://")
		args := func(more ...string) []string {
			return append([]string{
				"--config=/dev/null", "--access_key=" + p.Env["AWS_ACCESS_KEY_ID"],
				"--secret_key=" + p.Env["AWS_SECRET_ACCESS_KEY"], "--host=" + host,
				"--host-bucket=" + host, "--ca-certs=" + p.Env["AWS_CA_BUNDLE"], "--region=" + p.Env["AWS_REGION"], "--check-md5",
				"--no-progress", "--multipart-chunk-size-mb=5",
			}, more...)
		}
		big := filepath.Join(tree, "d00", "sub0", "file 0000 ü+&.bin")
		for _, bucket := range []string{"general", proxytest.DemoBucket} {
			for _, source := range []string{big, filepath.Join(tree, "d02", "sub2", "file 0002 ü+&.bin")} {
				// s3cmd always names one
				class := map[bool]string{true: "EXPRESS_ONEZONE", false: "STANDARD"}[bucket == proxytest.DemoBucket]
				out := runTool(t, nil, s3cmd, args("--storage-class="+class, "put", source, "s3://"+bucket+"/s3cmd/file")...)
				if strings.Contains(out, "WARNING") || strings.Contains(out, "MD5") {
					t.Errorf("put into %s:\n%s", bucket, out)
				}
				back := filepath.Join(t.TempDir(), "back")
				if out := runTool(t, nil, s3cmd, args("get", "s3://"+bucket+"/s3cmd/file", back)...); strings.Contains(out,
					"WARNING") {
					t.Errorf("get from %s:\n%s", bucket, out)
				}
				runTool(t, nil, "cmp", source, back)
			}
		}
		small := filepath.Join(tree, "d03")
		sync := func() string { return runTool(t, nil, s3cmd, args("sync", small+"/", "s3://general/s3cmd-tree/")...) }
		if first := sync(); !strings.Contains(first, "upload:") {
			t.Errorf("the first run uploaded nothing:\n%s", first)
		}
		if second := sync(); strings.Contains(second, "upload:") {
			t.Errorf("the second run transferred something:\n%s", second)
		}
	})
}
