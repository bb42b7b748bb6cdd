package tools_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/crypto"
	"sealfront/proxy/attestation"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// checkStatement is found before the embedded store changes the working directory.
var checkStatement, _ = filepath.Abs("../../crypto/testdata/check_statement.py")

// A statementChecker is crypto/testdata/check_statement.py, which shares no code with this program.
type statementChecker struct {
	t              *testing.T
	python, public string
	access, secret string // of the store
}

func newStatementChecker(t *testing.T, key ed25519.PublicKey) *statementChecker {
	t.Helper()
	c := &statementChecker{
		t, proxytest.ProgramPath(t, "python3"), filepath.Join(t.TempDir(), "public key"), accessKey, secretKey,
	}
	if err := exec.Command(c.python, "-c", "import boto3, cryptography").Run(); err != nil {
		proxytest.MissingPython(t, "python3 has no packages boto3 and cryptography")
	}
	shown, err := json.Marshal(map[string]string{"publicKey": base64.StdEncoding.EncodeToString(key)})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.public, shown, 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *statementChecker) run(statement, list string, more ...string) (string, error) {
	command := exec.Command(c.python, slices.Concat([]string{
		checkStatement, c.public, statement, list,
	}, more)...)
	command.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+c.access, "AWS_SECRET_ACCESS_KEY="+c.secret,
		"AWS_DEFAULT_REGION="+region, "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1")
	out, err := command.CombinedOutput()
	return string(out), err
}

// wrong checks that a statement is refused for this reason.
func (c *statementChecker) wrong(what, reason, statement, list string, more ...string) {
	c.t.Helper()
	out, err := c.run(statement, list, more...)
	if err == nil || !strings.Contains(out, "WRONG: ") || !strings.Contains(out, reason) {
		c.t.Errorf("%s: %v %s", what, err, out)
	}
}

// An independent verifier agrees with a statement over everything that can be wrong with a bucket, names the same
// findings, draws the same sample, and finds it in the store; and it refuses what was changed afterwards.
func TestThePythonVerifierAgrees(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	key := s.state.SigningKey(attestation.Purpose)
	c := newStatementChecker(t, key.Public().(ed25519.PublicKey))
	bucket, _ := s.directoryBucket("checked")
	s.putMany(bucket, 300)
	s.plant(bucket)
	dir := filepath.Join(t.TempDir(), "scan")
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 200}); !errors.Is(err, tools.ErrNotClean) {
		t.Fatal(err)
	}
	st := checkAttested(t, s, dir)
	statement, list := filepath.Join(dir, "statement.json"), filepath.Join(dir, "objects.jsonl")
	out, err := c.run(statement, list, "--endpoint", s.front.url)
	line, readErr := os.ReadFile(statement)
	if err != nil || readErr != nil || !strings.Contains(out, "the statement is right; its verdict is findings") ||
		!strings.Contains(out, attestation.Sum(line)) ||
		!strings.Contains(out, "200 of the sample have the statement's bytes, 0") {
		t.Fatalf("%v %v\n%s", err, readErr, out)
	}
	for _, f := range st.Findings {
		if !strings.Contains(out, fmt.Sprintf("finding: %s: %s ", f.Kind, f.URI)) {
			t.Errorf("it doesn't name %s %s", f.Kind, f.URI)
		}
	}
	if n := strings.Count(out, "finding: "); n != len(st.Findings) {
		t.Errorf("it names %d findings, not %d", n, len(st.Findings))
	}

	changed := filepath.Join(t.TempDir(), "changed.json")
	write := func(text []byte) string {
		t.Helper()
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return changed
	}
	for i := 14; i < len(line)-100; i += len(line) / 5 {
		flipped := bytes.Clone(line)
		flipped[i] ^= 1
		c.wrong(fmt.Sprint("byte ", i), "", write(flipped), list)
	}
	c.wrong("no statement", "no statement", write([]byte("{}\n")), list)
	forged, err := attestation.Sign(st, ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	c.wrong("forged", "signed by another key", write(forged), list)
	unsigned, err := attestation.Sign(st, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.wrong("unsigned", "isn't signed", write(unsigned), list)

	// Even the installation's own key can't sign what doesn't follow from the list.
	for what, change := range map[string]func(*attestation.Statement){
		"objects":         func(st *attestation.Statement) { st.Objects.Sealed++ },
		"findingsByKind":  func(st *attestation.Statement) { st.FindingsByKind = map[string]int64{} },
		"sample isn't":    func(st *attestation.Statement) { st.Sample[0], st.Sample[1] = st.Sample[1], st.Sample[0] },
		"sample's rows":   func(st *attestation.Statement) { st.Sample[0].SHA256 = strings.Repeat("0", 64) },
		"read":            func(st *attestation.Statement) { st.Read.WholeBytes++ },
		"what opened":     func(st *attestation.Statement) { st.Opening.Bodies++ },
		"another scan":    func(st *attestation.Statement) { st.Scope.Sample = 3 },
		"other runs":      func(st *attestation.Statement) { st.Runs = nil },
		"a finding isn't": func(st *attestation.Statement) { st.Findings[0].Why = "nothing" },
		"leaves out":      func(st *attestation.Statement) { st.Keys = []attestation.KeyUse{} },
		"made of":         func(st *attestation.Statement) { st.List.Bytes++ },
	} {
		other, err := attestation.Open(line, key.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		change(other)
		signed, err := attestation.Sign(other, key)
		if err != nil {
			t.Fatal(err)
		}
		c.wrong(what, what, write(signed), list)
	}
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	c.wrong("a changed list", "isn't the one", statement,
		write(bytes.Replace(text, []byte(`"opened":true`), []byte(`"opened":null`), 1)))

	// The store afterwards.
	const donor = "whole/small" // of another's envelope
	sampled := slices.IndexFunc(st.Sample, func(r attestation.Row) bool {
		return r.Opened && r.Stored > 300 && r.Key != donor
	})
	name := st.Sample[sampled].Key
	o := s.stored(bucket, name)
	before := s.front.before
	s.front.set(before, func(r *http.Response) {
		if r.Request.Method == http.MethodGet && strings.HasSuffix(r.Request.URL.Path, "/"+name) {
			r.Body = io.NopCloser(bytes.NewReader(bytes.Repeat([]byte("x"), len(o.body))))
		}
	})
	c.wrong("other bytes", "bytes aren't those of the statement", statement, list, "--endpoint", s.front.url, "--bucket",
		bucket)
	s.front.set(before, func(r *http.Response) {
		if strings.HasSuffix(r.Request.URL.Path, "/"+name) {
			r.Header.Set("x-amz-meta-sealfront", s.stored(bucket, donor).metadata[envelope])
		}
	})
	c.wrong("another envelope", "envelope isn't the one", statement, list, "--endpoint", s.front.url)
	s.front.set(before, nil)
	s.put(bucket, name, []byte("new"))
	if out, err := c.run(statement, list, "--endpoint", s.front.url); err != nil ||
		!strings.Contains(out, "1 have changed since") {
		t.Errorf("an overwritten object: %v %s", err, out)
	}
}

// A folder is enough to check the bytes of a sample, and a list is checked against the store.
func TestThePythonVerifierReadsAFolderAndTheListing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	c := newStatementChecker(t, s.state.SigningKey(attestation.Purpose).Public().(ed25519.PublicKey))
	bucket, _ := s.directoryBucket("folder")
	folder := t.TempDir()
	for _, name := range []string{"a", "b", "c"} {
		s.put(bucket, name, random(crypto.SegmentSize+77))
		if err := os.WriteFile(filepath.Join(folder, name), s.stored(bucket, name).body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dir := filepath.Join(t.TempDir(), "scan")
	tomorrow := func() time.Time { return time.Now().Add(24 * time.Hour) }
	if _, err := s.attest(bucket, tools.AttestOptions{Dir: dir, Sample: 3, Now: tomorrow}); err != nil {
		t.Fatal(err)
	}
	statement, list := filepath.Join(dir, "statement.json"), filepath.Join(dir, "objects.jsonl")
	if out, err := c.run(statement, list, "--folder", folder); err != nil ||
		!strings.Contains(out, "3 of the sample have") ||
		!strings.Contains(out, "its verdict is clean") {
		t.Errorf("%v %s", err, out)
	}
	c.wrong("another folder", "nothing of the sample", statement, list, "--folder", t.TempDir())
	if err := os.WriteFile(filepath.Join(folder, "a"), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.wrong("changed", "bytes aren't those", statement, list, "--folder", folder)
	// The scan's clock is a day ahead, so what is put now was there, by the store's word.
	s.put(bucket, "hidden", []byte("x"))
	c.wrong("not in the list", "'hidden' isn't in the list", statement, list, "--endpoint", s.front.url)
	if out, err := c.run(statement, list, "odd"); err == nil || !strings.Contains(out, "check_statement.py PUBLIC-KEY") {
		t.Errorf("%v %s", err, out)
	}
}
