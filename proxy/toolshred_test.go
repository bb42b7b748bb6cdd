package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// Three replicas hold a bucket key. One is cut off from the store, and so hears nothing: the receipt names it. The
// others confirm, and no read works any more. Once the third is back it drops the key, and a second receipt says so.
func TestShredNamesTheReplicaThatIsCutOff(t *testing.T) {
	t.Parallel()
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	k := proxytest.NewFaultyKMS(t)
	key := k.MakeKey(t)
	front := proxytest.NewStoreFront(t)
	dir, prefix := t.TempDir(), fmt.Sprintf("shred%d-", time.Now().UnixNano())
	ca := proxytest.WriteCertificates(t, dir)
	config := func(store string) string {
		return fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: %s/server.pem, key: %s/server.key}
store: {kind: s3, endpoint: %q, access_key: storekey, secret_key: storesecret, bucket_prefix: %s, state_bucket: %sstate}
kms: {kind: aws, endpoint: %q, access_key: %q, secret_key: %q, service_key: %q}
`, dir, dir, store, prefix, prefix, k.URL, proxytest.KMSAccessKey, proxytest.KMSSecretKey, k.ServiceKey)
	}
	start := func(store string) *proxytest.Program {
		return proxytest.StartWith(t, config(store), proxytest.RecordLife(100*time.Millisecond))
	}
	one, two, cut := start(endpoint), start(endpoint), start(front.URL)
	for _, p := range []*proxytest.Program{one, two, cut} {
		p.Env["AWS_CA_BUNDLE"] = ca
	}
	b := proxytest.NewKMSBucket(one, "shred--local-az1--x-s3", key)
	const n = 5
	for i := range n {
		b.Must(&proxytest.Request{Method: "PUT", Path: b.Path(fmt.Sprint("object", i)), Body: "body"})
	}
	get := &proxytest.Request{Method: "GET", Path: b.Path("object0")}
	for _, p := range []*proxytest.Program{one, two, cut} {
		if a := p.Do(get); a.StatusCode != 200 {
			t.Fatalf("%d %s", a.StatusCode, a.Text)
		}
	}
	// Requests make the replicas hear at once. Without them it is the next heartbeat, within thirty seconds.
	var clients sync.WaitGroup
	stop := make(chan struct{})
	defer clients.Wait()
	defer close(stop)
	for _, p := range []*proxytest.Program{one, two, cut} {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(50 * time.Millisecond):
					p.Do(get)
				}
			}
		})
	}
	receipts, signing := filepath.Join(dir, "receipts.jsonl"), filepath.Join(dir, "signing.pem")
	shred := func(more ...string) (stdout, stderr string, status int) {
		return proxytest.Subcommand(t, append([]string{
			"shred", "--kms-key", key, "--receipts", receipts, "--signing-key", signing, "--config", one.ConfigFile(),
		}, more...)...)
	}
	report := func(stdout string) (r tools.Receipt) {
		t.Helper()
		if err := json.Unmarshal([]byte(stdout), &r); err != nil {
			t.Fatalf("%v: %s", err, stdout)
		}
		return r
	}

	stdout, stderr, status := shred("--dry-run")
	if status != 0 || !strings.Contains(stdout, `"objects": 5`) || !strings.Contains(stdout, `"state": "Enabled"`) {
		t.Errorf("dry run: status %d\n%s%s", status, stdout, stderr)
	}
	if _, err := os.Stat(receipts); err == nil {
		t.Error("a dry run wrote a receipt")
	}

	front.Set(func(w http.ResponseWriter, r *http.Request) bool {
		proxytest.Reset(w, nil)
		return true
	}, nil)
	stdout, stderr, status = shred("--wait", "15s")
	r := report(stdout)
	confirmed := map[bool][]string{}
	for _, replica := range r.Replicas {
		confirmed[replica.Confirmed] = append(confirmed[replica.Confirmed], replica.ID+": "+replica.Why)
	}
	if status != 1 || len(confirmed[true]) != 2 || len(confirmed[false]) != 1 ||
		!strings.Contains(stderr, "has not confirmed") {
		t.Errorf("status %d, %v\n%s", status, confirmed, stderr)
	}
	if r.Key.Action != "disabled" || r.Key.State != "Disabled" || r.Number != 1 || r.Previous != "" {
		t.Errorf("%+v", r)
	}
	if len(r.Dependents) != 1 || r.Dependents[0].Objects != n || r.Dependents[0].Bytes < 4*n || !r.Dependents[0].Default {
		t.Errorf("dependents: %s", stdout)
	}
	if len(r.Reads) != 3 {
		t.Errorf("%d reads", len(r.Reads))
	}
	for _, read := range r.Reads {
		if !read.Failed || read.Answer != "DisabledException" {
			t.Errorf("%+v", read)
		}
	}
	for _, p := range []*proxytest.Program{one, two} {
		if a := p.Do(get); a.StatusCode != 400 || a.Code() != "KMS.DisabledException" {
			t.Errorf("a replica that has confirmed: %d %s", a.StatusCode, a.Text)
		}
	}

	front.Set(nil, nil)
	stdout, stderr, status = shred("--wait", "2m")
	if r = report(stdout); status != 0 || r.Number != 2 || len(r.Replicas) != 3 {
		t.Errorf("all are back: status %d\n%s%s", status, stdout, stderr)
	}
	if a := cut.Do(get); a.StatusCode != 400 {
		t.Errorf("the third one: %d %s", a.StatusCode, a.Text)
	}
	checkReceipts(t, signing+".pub", receipts, 2)
}

// An installation of --data has no records of replicas: the receipt and the exit status say so, instead of success.
func TestShredOfDataSaysThatNoReplicaIsKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	key := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	stdout, stderr, status := proxytest.Subcommand(t, "shred", "--kms-key", key, "--receipts",
		filepath.Join(dir, "receipts.jsonl"), "--signing-key", filepath.Join(dir, "signing.pem"), "--data", dir)
	if status != 1 || !strings.Contains(stderr, "keeps no records of replicas") ||
		!strings.Contains(stdout, "keeps no records of replicas") {
		t.Errorf("status %d\n%s%s", status, stdout, stderr)
	}
}

// checkReceipts has the independent checker look at receipts, and at each of them altered, left out and moved.
func checkReceipts(t *testing.T, public, receipts string, n int) {
	t.Helper()
	python := proxytest.ProgramPath(t, "python3")
	if err := exec.Command(python, "-c", "import cryptography").Run(); err != nil {
		proxytest.MissingPython(t, "python3 has no package cryptography")
	}
	check := func(file string) (string, error) {
		out, err := exec.Command(python, "../crypto/testdata/check_receipts.py", public, file).CombinedOutput()
		return string(out), err
	}
	out, err := check(receipts)
	if err != nil || !strings.Contains(out, fmt.Sprint(n, " receipts are right")) ||
		!strings.Contains(out, "NOT CONFIRMED") || !strings.Contains(out, "refused by KMS") {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(receipts)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	whole := string(text)
	file := filepath.Join(t.TempDir(), "altered.jsonl")
	for what, altered := range map[string]string{
		"a replica made to confirm": strings.Replace(whole, `"confirmed":false`, `"confirmed":true`, 1),
		"an object less":            strings.Replace(whole, `"objects":5`, `"objects":4`, 1),
		"the first left out":        lines[1],
		"exchanged":                 lines[1] + "\n" + lines[0],
		"one twice":                 lines[0] + whole,
		"cut off":                   whole[:len(whole)-10],
		"without a line feed":       strings.TrimSuffix(whole, "\n"),
		"a space more":              strings.Replace(whole, `{"receipt":{`, `{"receipt":{ `, 1),
		"something behind":          whole + "{}\n",
	} {
		if altered == whole {
			t.Errorf("%s: nothing was altered", what)
		}
		if err := os.WriteFile(file, []byte(altered), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := check(file); err == nil {
			t.Errorf("%s: accepted\n%s", what, out)
		}
	}
}
