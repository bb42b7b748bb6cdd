package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// A journey is what a client is asked to do, with one client object where it has such a thing: make a directory bucket
// and set its encryption (REG-1 to REG-4), put, head, list and get objects of each size, delete them and the bucket,
// and be refused with another secret.
type journey struct {
	p      *proxytest.Program
	bucket string
	dir    string // files named by their size hold the bodies
	sizes  []int
}

// clients make the journey, each in its own way.
var clients = []struct {
	name string
	make func(t *testing.T, j *journey)
}{
	{"awscli", journeyOfAWSCLI},
	{"boto3", journeyOfBoto3},
	{"js", journeyOfJS},
	{"gosdk", journeyOfGoSDK},
}

// TestUnmodifiedClients lets every client make the journey on every installation.
func TestUnmodifiedClients(t *testing.T) {
	if testing.Short() {
		t.Skip("the clients take most of a minute")
	}
	dir := t.TempDir()
	sizes := []int{0, 1, 65536, 65537, 5 << 20}
	large := 200 << 20
	for _, n := range append(sizes, large) {
		if n == large && os.Getenv("SEALFRONT_E2E") != "require" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), proxytest.RandomBytes(n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, in := range installations {
		t.Run(in.name, func(t *testing.T) {
			t.Parallel()
			p := in.start(t)
			for _, c := range clients {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					j := &journey{p: p, bucket: c.name + "--usw2-az1--x-s3", dir: dir, sizes: sizes}
					if i == 0 && os.Getenv("SEALFRONT_E2E") == "require" {
						j.sizes = append(j.sizes[:len(j.sizes):len(j.sizes)], large)
					}
					c.make(t, j)
				})
			}
		})
	}
}

// file is the body of n bytes.
func (j *journey) file(n int) string { return filepath.Join(j.dir, strconv.Itoa(n)) }

func key(n int) string { return "dir/object-" + strconv.Itoa(n) }

// command runs a program with the environment that an eval of the exports gives, and no other AWS settings.
func (j *journey) command(t *testing.T, env []string, path string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "AWS_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(cmd.Env, "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=")
	for name, value := range j.p.Env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Env = append(cmd.Env, env...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// scripts are the clients' own programs. The path is absolute from the start: the embedded store, where a test runs it
// in this process, changes the working directory.
var scripts, _ = filepath.Abs(filepath.Join("testdata", "e2e"))

// script runs a client that makes the whole journey by itself and says "ok" at its end.
func (j *journey) script(t *testing.T, env []string, path, file string) {
	t.Helper()
	sizes := make([]string, len(j.sizes))
	for i, n := range j.sizes {
		sizes[i] = strconv.Itoa(n)
	}
	env = append(env, "JOURNEY_BUCKET="+j.bucket, "JOURNEY_DIR="+j.dir, "JOURNEY_SIZES="+strings.Join(sizes, ","))
	out, errs, err := j.command(t, env, path, filepath.Join(scripts, file))
	if err != nil || strings.TrimSpace(out) != "ok" {
		t.Fatalf("%s: %v\n%s\n%s", file, err, out, errs)
	}
}
