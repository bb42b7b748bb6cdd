package conformance

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealfront/sigv4"
)

// dependOnSources has go test run this anew, instead of showing a result from its cache, when the program has changed:
// it sees which files a test looks at, and not what "go build" reads.
func dependOnSources(t *testing.T) {
	t.Helper()
	for _, room := range []string{"proxy", "policy", "crypto", "sigv4"} {
		err := filepath.WalkDir(filepath.Join("..", "..", room), func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// startProgram builds the program and starts it over the store and the key service of the flags, with identities of its
// own. The embedded key service is that of a second one, which was started without a configuration and prints where it
// is.
func startProgram(t *testing.T) Settings {
	t.Helper()
	var store string
	switch *storeFlag {
	case "embedded":
		store = "{kind: embedded}"
	case "versitygw", "minio":
		store = startStore(t, *storeFlag)
	default:
		t.Fatalf("-store %q is none of embedded, versitygw, minio", *storeFlag)
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "sealfront")
	if out, err := exec.Command("go", "build", "-o", binary, "sealfront/proxy").CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	dependOnSources(t)
	quick := start(t, binary, nil, "--data", filepath.Join(dir, "quick"), "--listen", "127.0.0.1:0", "--admin",
		"127.0.0.1:0")
	s := Settings{
		Addressing: "path", Bucket: "conformance--local-az1--x-s3", Region: quick["AWS_REGION"],
		CA:          quick["AWS_CA_BUNDLE"],
		KMSEndpoint: quick["SEALFRONT_KMS_ENDPOINT"], Key: quick["SEALFRONT_KMS_KEY"],
		Credentials: sigv4.Credentials{
			AccessKeyID: quick["AWS_ACCESS_KEY_ID"], SecretAccessKey: quick["AWS_SECRET_ACCESS_KEY"],
		},
	}
	var known string
	known, s.Limited = Identities(s.Credentials)
	serviceKey := ""
	if *storeFlag == "minio" {
		s.Lacks = conditionalDelete
	} else {
		s.Lacks = "versioning"
	}
	switch *keysFlag {
	case "embedded":
		s.EmbeddedKeys = true
	case "moto":
		s.KMSEndpoint, s.StatelessKeys = startMoto(t), true
		s.Key = ""
	case "sealfront":
		s.KMSEndpoint, s.Key = startKeyService(t, binary, dir, &s.Credentials), ""
	default:
		t.Fatalf("-kms %q is none of embedded, moto, sealfront", *keysFlag)
	}
	for _, arn := range []*string{&serviceKey, &s.Key} {
		made, err := s.MakeKey()
		if err != nil {
			t.Fatal(err)
		}
		*arn = made
	}
	file := filepath.Join(dir, "sealfront.yaml")
	text := fmt.Sprintf(configuration, filepath.Join(dir, "configured"), store, s.KMSEndpoint, s.Region,
		s.Credentials.AccessKeyID, s.Credentials.SecretAccessKey, serviceKey, known)
	s.CA = filepath.Join(dir, "server.pem")
	writeCertificate(t, s.CA, filepath.Join(dir, "server.key"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	exports := start(t, binary, nil, "serve", "--config", file)
	s.Endpoint, s.HTTPEndpoint, s.Admin = exports["AWS_ENDPOINT_URL"], exports["SEALFRONT_HTTP_URL"],
		exports["SEALFRONT_ADMIN"]
	if given.Addressing == "virtual" { // and a control endpoint in path style beside it, as Amazon S3 has it
		local := strings.NewReplacer("127.0.0.1", "localhost")
		s.Addressing, s.ControlEndpoint, s.Endpoint, s.HTTPEndpoint = "virtual", s.Endpoint, local.Replace(s.Endpoint),
			local.Replace(s.HTTPEndpoint)
	}
	return s
}

const configuration = `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
domains: [localhost]
tls: {cert: server.pem, key: server.key}
data: %q
store: %s
kms: {endpoint: %q, region: %q, access_key: %q, secret_key: %q, service_key: %q}
%s`

// startKeyService starts the program's key service for production, by its own command, and returns its URL.
func startKeyService(t *testing.T, binary, dir string, operator *sigv4.Credentials) string {
	t.Helper()
	root, file := filepath.Join(dir, "root.key"), filepath.Join(dir, "kms.yaml")
	if out, err := exec.Command(binary, "kms", "root", root).CombinedOutput(); err != nil {
		t.Fatalf("make a root key: %v\n%s", err, out)
	}
	text := fmt.Sprintf(keyConfiguration, filepath.Join(dir, "records"), root, operator.AccessKeyID,
		operator.SecretAccessKey)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, binary, nil, "kms", "--config", file)["SEALFRONT_KMS_ENDPOINT"]
}

const keyConfiguration = `
listen: {https: "", http: "127.0.0.1:0"}
records: {dir: %q}
root: main
roots: [{name: main, kind: file, file: %q}]
identities:
  - {name: operator, access_key: %s, secret_key: %s, policy: [{effect: Allow, action: "kms:*", resource: "*"}]}
`

// start runs the program until the test ends, and returns what it exports once it is ready.
func start(t *testing.T, path string, env []string, args ...string) map[string]string {
	t.Helper()
	log := &lockedBuffer{}
	cmd := exec.Command(path, args...)
	cmd.Env = append(cleanEnvironment(), env...)
	cmd.Dir = t.TempDir()
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exports := make(map[string]string)
	ready, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if lines.Text() == "# ready" {
				close(ready)
				continue
			}
			name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
			exports[name] = strings.Trim(value, "'")
		}
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(time.Minute):
			_ = cmd.Process.Kill()
			t.Error("the program did not end in time")
		}
		if text := log.String(); t.Failed() {
			t.Logf("the program's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("%s ended before it was ready:\n%s", filepath.Base(path), log)
	case <-time.After(time.Minute):
		t.Fatalf("%s was not ready in time:\n%s", filepath.Base(path), log)
	}
	return exports
}

// cleanEnvironment is this process's without what clients of AWS read.
func cleanEnvironment() []string {
	var env []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "AWS_") {
			env = append(env, variable)
		}
	}
	return env
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
