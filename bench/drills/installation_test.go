package drills_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/proxytest"
)

// A storeKind is a store that the drills are played over.
type storeKind struct {
	name  string
	start func(t *testing.T, dir, address, access, secret string)
}

var stores = []storeKind{
	{"versitygw", func(t *testing.T, dir, address, access, secret string) {
		proxytest.StartServer(t, address, nil, proxytest.ProgramPath(t, "versitygw"), "--port", address, "--access",
			access, "--secret", secret, "--quiet", "posix", dir)
	}},
	{"MinIO", func(t *testing.T, dir, address, access, secret string) {
		proxytest.StartServer(t, address,
			[]string{"MINIO_ROOT_USER=" + access, "MINIO_ROOT_PASSWORD=" + secret, "MINIO_BROWSER=off"},
			proxytest.ProgramPath(t, "minio"), "server", "--quiet", "--address", address, dir)
	}},
}

// What the configuration of every installation says.
const (
	region      = "us-west-2"
	account     = "123456789012"
	accessKey   = "AKIAIOSFODNN7EXAMPLE"
	secretKey   = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	stateBucket = "sealfront-state"
	generalName = "drill"
	zonalName   = "drill--local-az1--x-s3"
)

// An installation is a store and a key service, which survive, and a proxy, which doesn't. The proxy's address is the
// name that clients know: a new one gets it, too.
type installation struct {
	t        *testing.T
	store    proxytest.Service
	storeDir string
	keys     *process
	key      string // ARN of the bucket's KMS key
	service  string // ARN of the service key
	bucket   string
	address  string
	dir      string // the proxy's disk
	proxy    *process
}

func newInstallation(t *testing.T, s storeKind) *installation {
	t.Helper()
	i := &installation{
		t: t, bucket: map[string]string{general: generalName, directory: zonalName}[*kindFlag],
		store:   proxytest.Service{AccessKey: "store", SecretKey: "store-secret"},
		address: proxytest.Loopback(t), storeDir: t.TempDir(),
	}
	address := proxytest.Loopback(t)
	i.store.Endpoint = "http://" + address
	s.start(t, i.storeDir, address, i.store.AccessKey, i.store.SecretKey)
	proxytest.Eventually(t, "the store answers", func() bool {
		_, err := i.store.Direct().ListBuckets(t.Context(), &s3.ListBucketsInput{})
		return err == nil
	})
	i.startKeys()
	i.setUp()
	i.makeBucket()
	return i
}

// startKeys starts a key service of its own folder, and makes the keys.
func (i *installation) startKeys() {
	t := i.t
	dir := t.TempDir()
	root := filepath.Join(dir, "root.key")
	mustRun(t, builtProgram(t), "kms", "root", root)
	file := write(t, dir, "kms.yaml", fmt.Sprintf(`
listen: {https: "", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
region: %s
account: %q
records: {dir: %q}
root: main
roots: [{name: main, kind: file, file: %q}]
identities:
  - {name: keys, access_key: AKIAKEYS, secret_key: keys-secret, policy: [{effect: Allow, action: "kms:*", resource: "*"}]}
`, region, account, filepath.Join(dir, "records"), root))
	i.keys = startProcess(t, "kms", "--config", file)
	keys := proxytest.Service{
		Endpoint: i.keys.env["SEALFRONT_KMS_ENDPOINT"], AccessKey: "AKIAKEYS", SecretKey: "keys-secret",
	}
	i.service, i.key = keys.CreateKey(t), keys.CreateKey(t)
}

// setUp starts a proxy from its configuration alone: in a new folder, with a certificate of a new authority.
func (i *installation) setUp() {
	i.prepare()
	i.start()
}

// prepare writes the configuration of a proxy to a new disk.
func (i *installation) prepare() {
	t := i.t
	i.dir = t.TempDir()
	proxytest.WriteCertificates(t, i.dir)
	for _, name := range []string{filepath.Dir(i.dir), i.dir, filepath.Join(i.dir, "tls")} {
		if err := os.Chmod(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(i.ca(), 0o644); err != nil { // clients of other users read it
		t.Fatal(err)
	}
	write(t, i.dir, "sealfront.yaml", fmt.Sprintf(`
listen: {https: %q, admin: "127.0.0.1:0"}
tls: {cert: server.pem, key: server.key}
region: %s
account: %q
domains: [localhost, s3.localhost]
store: {endpoint: %q, access_key: %q, secret_key: %q, state_bucket: %s}
kms: {endpoint: %q, access_key: AKIAKEYS, secret_key: keys-secret, service_key: %q}
identities:
  - {name: app, access_key: %s, secret_key: %s, policy: [{effect: Allow, action: ["s3express:*", "s3:*", "kms:*"], resource: "*"}]}
`, i.address, region, account, i.store.Endpoint, i.store.AccessKey, i.store.SecretKey, stateBucket,
		i.keys.env["SEALFRONT_KMS_ENDPOINT"], i.service, accessKey, secretKey))
}

func (i *installation) config() string { return filepath.Join(i.dir, "sealfront.yaml") }

func (i *installation) ca() string { return filepath.Join(i.dir, "tls", "ca.pem") }

func (i *installation) start() {
	i.proxy = startProcess(i.t, "serve", "--config", i.config())
}

// makeBucket makes the bucket of the drill: an SSE-KMS default if it is a directory bucket, whose records are then
// bound to a key.
func (i *installation) makeBucket() {
	t := i.t
	in := &s3.CreateBucketInput{Bucket: &i.bucket}
	if i.bucket == zonalName {
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			Bucket: &types.BucketInfo{
				Type: types.BucketTypeDirectory, DataRedundancy: types.DataRedundancySingleAvailabilityZone,
			},
			Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: aws.String("local-az1")},
		}
	}
	if _, err := i.client().CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	_, err := i.client().PutBucketEncryption(t.Context(), &s3.PutBucketEncryptionInput{
		Bucket: &i.bucket, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
			Rules: []types.ServerSideEncryptionRule{{
				ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
					SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &i.key,
				}, BucketKeyEnabled: aws.Bool(true),
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// client is a client of the proxy.
func (i *installation) client() *s3.Client {
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: aws.String("https://" + i.address), UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{TLSClientConfig: trusting(i.t, i.ca())}},
		// A directory bucket's name isn't of Amazon's form of them here.
		DisableS3ExpressSessionAuth: aws.Bool(true),
	})
}

// destroy ends the proxy at once and removes its disk and its state bucket.
func (i *installation) destroy() {
	t := i.t
	i.proxy.kill()
	if err := os.RemoveAll(i.dir); err != nil {
		t.Fatal(err)
	}
	// From the store's disk: what a killed proxy left may not be listed, or still be written.
	if err := os.RemoveAll(filepath.Join(i.storeDir, stateBucket)); err != nil {
		t.Fatal(err)
	}
	_, err := i.store.Direct().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: aws.String(stateBucket)})
	if _, ok := errors.AsType[*types.NotFound](err); !ok {
		t.Fatalf("the state bucket is there after its removal: %v", err)
	}
}

// setUpAgain sets up a new proxy, as deploy/OPERATING.md says: the configuration, config
// check, adopt, serve.
func (i *installation) setUpAgain() {
	i.prepare()
	mustRun(i.t, builtProgram(i.t), "config", "check", i.config())
	mustRun(i.t, builtProgram(i.t), "adopt", "--all", "--config", i.config())
	i.start()
}

// verify reads everything that the program has written, as its last step.
func (i *installation) verify() {
	i.t.Helper()
	mustRun(i.t, builtProgram(i.t), "verify", "s3://"+i.bucket, "--config", i.config())
}

// process is the built program.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	env  map[string]string // what it exported
	log  *proxytest.Buffer
	done chan struct{}
}

// startProcess starts the built program and waits until it is ready. It ends with the test.
func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{
		t: t, cmd: exec.Command(builtProgram(t), args...), env: make(map[string]string), log: &proxytest.Buffer{},
		done: make(chan struct{}),
	}
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan bool, 1)
	go func() {
		defer close(p.done)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			name, value, found := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
			if found {
				p.env[name] = strings.Trim(value, "'")
			} else if lines.Text() == "# ready" {
				ready <- true
			}
		}
		_ = p.cmd.Wait()
		close(ready)
	}()
	t.Cleanup(func() {
		p.kill()
		if log := p.log.String(); t.Failed() {
			t.Logf("the log of sealfront %s:\n%s", args[0], log[max(0, len(log)-6000):])
		}
	})
	select {
	case ok := <-ready:
		if !ok {
			t.Fatalf("sealfront %s ended before it was ready:\n%s", args[0], p.log)
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("sealfront %s wasn't ready in time:\n%s", args[0], p.log)
	}
	return p
}

func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	<-p.done
}

var built struct {
	once sync.Once
	dir  string
	err  error
}

// builtProgram builds the program, once.
func builtProgram(t *testing.T) string {
	t.Helper()
	built.once.Do(func() { built.err = build() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	dependOnSources(t)
	return filepath.Join(built.dir, "sealfront")
}

func build() (err error) {
	if built.dir, err = os.MkdirTemp("", "sealfront-drills"); err != nil {
		return err
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "sealfront"),
		"sealfront/proxy").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

func removeProgram() {
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
}

// dependOnSources has go test run the drills anew, instead of showing a result from its cache, when the program has
// changed: it sees which files a test looks at, and not what "go build" reads.
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

func mustRun(t *testing.T, path string, args ...string) string {
	t.Helper()
	out, err := exec.Command(path, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(path), strings.Join(args, " "), err, out)
	}
	return string(out)
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	err := os.MkdirAll(filepath.Dir(file), 0o755)
	if err == nil {
		err = os.WriteFile(file, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}
