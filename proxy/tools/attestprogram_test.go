package tools_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/attestation"
	"sealfront/proxy/audit"
	"sealfront/proxy/proxytest"
)

// publicKey is the key of statements as the admin address shows it, with its whole answer.
func publicKey(t *testing.T, p *proxytest.Program) (ed25519.PublicKey, string) {
	t.Helper()
	text := ofAdmin(t, p, "/attestation")
	var shown struct{ Kind, PublicKey string }
	if err := json.Unmarshal([]byte(text), &shown); err != nil || shown.Kind != attestation.Kind {
		t.Fatalf("%v %s", err, text)
	}
	key, err := base64.StdEncoding.DecodeString(shown.PublicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		t.Fatalf("%v %s", err, text)
	}
	return key, text
}

func ofAdmin(t *testing.T, p *proxytest.Program, path string) string {
	t.Helper()
	resp, err := http.Get(p.Env["SEALFRONT_ADMIN"] + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %d %v", path, resp.StatusCode, err)
	}
	return string(text)
}

// A statement of the command is chained into the audit log of the replica that runs: it names where the chain stood,
// and the chain goes on with its SHA-256. The admin address shows the key that verifies it; what isn't a statement of
// the installation is not noted. With KMS away the command says that nothing opened.
func TestTheCommandsStatementIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	k := proxytest.NewFaultyKMS(t)
	key := k.MakeKey(t)
	dir, prefix := t.TempDir(), fmt.Sprintf("attest%d-", time.Now().UnixNano())
	ca := proxytest.WriteCertificates(t, dir)
	log := filepath.Join(dir, "audit.log")
	p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: %s/server.pem, key: %s/server.key}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: aws, endpoint: %q, access_key: %q, secret_key: %q, service_key: %q}
log: {audit: {file: %q}}
`, dir, dir, endpoint, prefix, prefix, k.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, k.ServiceKey, log))
	p.Env["AWS_CA_BUNDLE"] = ca
	b := proxytest.NewKMSBucket(p, "stated--local-az1--x-s3", key)
	for i := range 20 {
		b.Must(&proxytest.Request{Method: "PUT", Path: b.Path(fmt.Sprint("object", i)), Body: "body"})
	}
	attest := func(out string, more ...string) (stdout, stderr string, status int) {
		return proxytest.Subcommand(t, append([]string{
			"attest", "s3://stated--local-az1--x-s3", "--out", filepath.Join(dir, out), "--config", p.ConfigFile(),
			"--progress", "none",
		}, more...)...)
	}
	admin := []string{"--admin", p.Env["SEALFRONT_ADMIN"]}

	stdout, stderr, status := attest("one", append(admin, "--sample", "7", "--json")...)
	if status != 0 || !strings.Contains(stdout, `"verdict":"clean"`) ||
		!strings.Contains(stderr, "opened 0 of the 7 objects") {
		t.Fatalf("status %d\n%s\n%s", status, stdout, stderr)
	}
	public, shown := publicKey(t, p)
	file := filepath.Join(dir, "one", "statement.json")
	line, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	st, err := attestation.Open(line, public)
	if err != nil || st.Objects.Current != 20 || st.Audit.Hash == "" || st.Audit.Record == 0 {
		t.Fatalf("%v %+v", err, st)
	}
	if !strings.Contains(ofAdmin(t, p, "/status"), st.PublicKey) {
		t.Error("the status page doesn't show the public key")
	}
	if _, err := audit.Verify(st.Audit.Hash, log); err != nil {
		t.Errorf("the chain doesn't have the record that the statement names: %v", err)
	}
	noted := func() int {
		t.Helper()
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Count(string(text), `"event":"attestation"`)
	}
	text, err := os.ReadFile(log)
	if err != nil || noted() != 1 || !strings.Contains(string(text), `"statement":"`+attestation.Sum(line)+`"`) {
		t.Errorf("%v\n%s", err, text)
	}
	page, err := os.ReadFile(filepath.Join(dir, "one", "statement.html"))
	if err != nil || !strings.Contains(string(page), attestation.Sum(line)) {
		t.Errorf("%v\n%s", err, page)
	}
	checker := newStatementChecker(t, public)
	if err := os.WriteFile(checker.public, []byte(shown), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := checker.run(file, filepath.Join(dir, "one", "objects.jsonl")); err != nil {
		t.Errorf("%v %s", err, out)
	}

	// Again, a forged one, and one whose replica doesn't answer.
	record := func(file string, more ...string) (string, string, int) {
		return proxytest.Subcommand(t, append([]string{"attest", "record", file, "--config", p.ConfigFile()}, more...)...)
	}
	if stdout, stderr, status := record(file, admin...); status != 0 || !strings.Contains(stdout, attestation.Sum(line)) ||
		noted() != 2 {
		t.Errorf("status %d %s%s", status, stdout, stderr)
	}
	forged := filepath.Join(dir, "forged.json")
	if err := os.WriteFile(forged, bytes.Replace(line, []byte(`"current":20`), []byte(`"current":21`), 1),
		0o600); err != nil {
		t.Fatal(err)
	}
	if _, stderr, status := record(forged, admin...); status != 1 || !strings.Contains(stderr, "400") || noted() != 2 {
		t.Errorf("a forged one: status %d %s", status, stderr)
	}
	if _, stderr, status := record(filepath.Join(dir, "none"), admin...); status != 1 ||
		!strings.Contains(stderr, "read the statement") {
		t.Errorf("none: status %d %s", status, stderr)
	}
	stdout, stderr, status = attest("two", "--full", "--admin", "http://"+proxytest.Loopback(t))
	if status != 1 || !strings.Contains(stderr, "is not in the audit log") ||
		!strings.Contains(stderr, "sealfront attest record") {
		t.Errorf("nobody there: status %d %s%s", status, stdout, stderr)
	}
	if _, stderr, status := record(filepath.Join(dir, "two", "statement.json"), admin...); status != 0 || noted() != 3 {
		t.Errorf("status %d %s", status, stderr)
	}
	for _, bad := range [][]string{{"--full", "--sample", "3"}, {"--sample", "-1"}, {"--rate", "-1"}} {
		if _, stderr, status := attest("bad", append(admin, bad...)...); status != 2 {
			t.Errorf("%q: status %d %s", bad, status, stderr)
		}
	}
	if _, stderr, status := attest("two", admin...); status != 2 ||
		!strings.Contains(stderr, "holds a statement already") {
		t.Errorf("twice: status %d %s", status, stderr)
	}

	k.Set("", proxytest.KMSResets)
	stdout, stderr, status = attest("away", append(admin, "--sample", "5")...)
	if status != 1 || !strings.Contains(stderr, "KMS is away") ||
		!strings.Contains(stderr, "Nothing opened: of 20 objects") {
		t.Errorf("KMS is away: status %d\n%s\n%s", status, stdout, stderr)
	}
	away, err := os.ReadFile(filepath.Join(dir, "away", "statement.json"))
	if err != nil || !bytes.Contains(away, []byte(`"verdict":"nothing opened"`)) || noted() != 3 {
		t.Errorf("%v %s", err, away)
	}
	if _, err := attestation.Open(away, public); err == nil {
		t.Error("a statement without KMS verifies")
	}
}

// On real stores with versions: what lies there in the clear is named, an older version, too, and nothing else; and the
// independent verifier reads the same from the store.
func TestAttestOnRealStores(t *testing.T) {
	for name, start := range map[string]func(*testing.T) proxytest.Service{
		"versitygw": proxytest.StartVersioningVersitygw, "minio": proxytest.StartMinIO,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			place := start(t)
			p := proxytest.StartOn(t, place, proxytest.StartLocalKMS(t))
			client, raw, bucket := p.Client(t), place.Direct(), "stated"
			proxytest.MakeBucket(t, client, bucket)
			proxytest.EnableVersions(t, client, bucket)
			for i := range 60 {
				put(t, client, bucket, fmt.Sprintf("dir/%03d", i), random(i*331), awss3.PutObjectInput{})
			}
			upload(t, client, bucket, "parts", awss3.CreateMultipartUploadInput{}, random(5*mib), random(100))
			want := map[string]string{}
			text := []byte(strings.Repeat("in the clear, ", 100))
			put(t, raw, bucket, "overwritten", text, awss3.PutObjectInput{})
			put(t, client, bucket, "overwritten", []byte("sealed now"), awss3.PutObjectInput{})
			put(t, raw, bucket, "clear", text, awss3.PutObjectInput{})
			want["s3://stated/clear"] = attestation.InTheClear
			put(t, raw, bucket, "foreign", random(50_000), awss3.PutObjectInput{})
			want["s3://stated/foreign"] = attestation.Foreign
			remove(t, client, bucket, "dir/007")
			listed, err := raw.ListObjectVersions(t.Context(), &awss3.ListObjectVersionsInput{
				Bucket: &bucket, Prefix: aws.String("overwritten"),
			})
			if err != nil || len(listed.Versions) != 2 {
				t.Fatalf("%+v, %v", listed, err)
			}
			for _, v := range listed.Versions {
				if !aws.ToBool(v.IsLatest) {
					want["s3://stated/overwritten@"+aws.ToString(v.VersionId)] = attestation.InTheClear
				}
			}
			dir := filepath.Join(t.TempDir(), "scan")
			stdout, stderr, status := proxytest.Subcommand(t, "attest", "s3://stated", "--sample", "200", "--out", dir,
				"--config", p.ConfigFile())
			if status != 1 || strings.Count(stdout, "\n") != len(want) {
				t.Errorf("status %d\n%s\n%s", status, stdout, stderr)
			}
			line, err := os.ReadFile(filepath.Join(dir, "statement.json"))
			if err != nil {
				t.Fatal(err)
			}
			public, _ := publicKey(t, p)
			st, err := attestation.Open(line, public)
			if err != nil {
				t.Fatal(err)
			}
			got := kinds(st)
			for name, kind := range want {
				if got[name] != kind {
					t.Errorf("%s: %q, want %q", name, got[name], kind)
				}
			}
			if len(got) != len(want) || st.Objects.Current != 63 || st.Objects.Versions != 2 || st.Objects.Markers != 1 {
				t.Errorf("%v %+v", got, st.Objects)
			}
			c := newStatementChecker(t, public)
			c.access, c.secret = place.AccessKey, place.SecretKey
			out, err := c.run(filepath.Join(dir, "statement.json"), filepath.Join(dir, "objects.jsonl"), "--endpoint",
				place.Endpoint)
			if err != nil || !strings.Contains(out, "65 of the sample have the statement's bytes, 0 have changed since") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
