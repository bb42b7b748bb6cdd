package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"
)

// Backup tools do what they are for: back up a tree twice, check it, and bring it back, with the program restarted in
// between. What they keep in the bucket is deduplicated and locked by names of their own, so listings, deletions and
// overwrites matter as much as bodies.
func TestBackupToolsBringBackWhatTheyTook(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("backups take a while")
	}
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	proxytest.MakeBucket(t, p.Client(t), "backups")
	tree := matrixTree(t)
	restart := func() {
		p.Stop()
		p = proxytest.StartEmbedded(t, dir)
	}
	// Directory buckets refuse the Content-MD5 that restic sends, Amazon's, too.
	t.Run("restic", func(t *testing.T) {
		path := debianOrPath(t, "restic")
		cache := t.TempDir()
		restic := func(args ...string) string {
			t.Helper()
			j := &job{p: p}
			return j.run(t, []string{
				"RESTIC_REPOSITORY=s3:" + p.Env["AWS_ENDPOINT_URL"] + "/backups/restic", "RESTIC_PASSWORD=of-the-repository",
				"RESTIC_CACHE_DIR=" + cache,
			}, path, append([]string{"--cacert", p.Env["AWS_CA_BUNDLE"]}, args...)...)
		}
		restic("init")
		restic("backup", tree)
		restart()
		if err := os.WriteFile(filepath.Join(tree, "later"), []byte("later"), 0o600); err != nil {
			t.Fatal(err)
		}
		restic("backup", tree)
		if out := restic("check", "--read-data"); !strings.Contains(out, "no errors were found") {
			t.Errorf("check: %s", out)
		}
		back := t.TempDir()
		restic("restore", "latest", "--target", back)
		(&job{tree: tree}).mustBeTheTree(t, filepath.Join(back, tree))
		restic("forget", "--keep-last", "1", "--prune")
		if out := restic("check", "--read-data"); !strings.Contains(out, "no errors were found") {
			t.Errorf("check after pruning: %s", out)
		}
	})
	t.Run("rclone of Debian", func(t *testing.T) {
		path := debianOrPath(t, "rclone")
		rclone := func(args ...string) string {
			t.Helper()
			j := &job{p: p}
			return j.run(t, j.rcloneSettings("Other", false), path, args...)
		}
		remote := ":s3:backups/rclone/now"
		rclone("sync", tree, remote)
		restart()
		if err := os.WriteFile(filepath.Join(tree, "dir", "segment"), []byte("changed"), 0o600); err != nil {
			t.Fatal(err)
		}
		rclone("sync", "--backup-dir", ":s3:backups/rclone/before", tree, remote) // moves by server-side copies
		rclone("check", tree, remote)
		if out := rclone("lsf", "-R", ":s3:backups/rclone/before"); !strings.Contains(out, "dir/segment\n") ||
			strings.Count(out, "\n") != 2 {
			t.Errorf("what was replaced: %s", out)
		}
		back := t.TempDir()
		rclone("copy", remote, back)
		(&job{tree: tree}).mustBeTheTree(t, back)
	})
}

// debianOrPath is a program of Debian's packages, or one in PATH.
func debianOrPath(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("/usr/bin", name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return proxytest.ProgramPath(t, name)
}
