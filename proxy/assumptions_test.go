package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// What programs take for granted about Amazon S3 and about where a certificate comes from.

const kmsByDefault = "general_purpose: {default_encryption: \"aws:kms\"}\n"

func mustWrite(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Programs take the ETag of an AES256 object for its MD5, as S3's reference lets them, and that of an aws:kms object
// for what it is. So s3backer reads with If-Match.
func TestClientsThatTakeETagsForMD5s(t *testing.T) {
	t.Parallel()
	curl := proxytest.ProgramPath(t, "curl")
	for setting, works := range map[string]bool{"": false, kmsByDefault: true} {
		p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, setting))
		proxytest.MakeBucket(t, p.Client(t), "blocks")
		dir := t.TempDir()
		block := bytes.Repeat([]byte("a block of a disk\n"), 1000)
		mustWrite(t, filepath.Join(dir, "block"), block)
		call := func(args ...string) string {
			return runTool(t, nil, curl, append([]string{
				"-sS", "--cacert", p.Env["AWS_CA_BUNDLE"], "--aws-sigv4", "aws:amz:us-west-2:s3", "-u", "AKIATEST:testsecret",
				"-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD",
			}, args...)...)
		}
		where := p.Env["AWS_ENDPOINT_URL"] + "/blocks/0"
		header := http.Header{}
		for line := range strings.Lines(call("-T", filepath.Join(dir, "block"), "-D", "-", where)) {
			if name, value, ok := strings.Cut(line, ":"); ok {
				header.Set(name, strings.TrimSpace(value))
			}
		}
		sum := md5.Sum(block)
		known := `"` + hex.EncodeToString(sum[:]) + `"`
		if header.Get("x-amz-server-side-encryption") != "AES256" {
			known = header.Get("Etag")
		}
		status := call("-o", filepath.Join(dir, "back"), "-w", "%{http_code}", "-H", "If-Match: "+known, where)
		if got := status == "200"; got != works {
			t.Errorf("%q: a read of what was just written: %s, %v", setting, status, header)
		}
	}
}

// Debian's Libcloud compares the ETag with its own MD5, and calls the upload damaged.
func TestLibcloud(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // Debian's, which has Debian's packages
	if err := exec.CommandContext(t.Context(), python, "-c", "import libcloud").Run(); err != nil {
		proxytest.Missing(t, "Debian's package python3-libcloud is missing")
	}
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, kmsByDefault))
	proxytest.MakeBucket(t, p.Client(t), "general")
	u, err := url.Parse(p.Env["AWS_ENDPOINT_URL"])
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join(scripts, "apache_libcloud.py"), "AKIATEST", "testsecret",
		p.Env["AWS_CA_BUNDLE"], u.Port(), "general")
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "done") {
		t.Errorf("%v: %s", err, out)
	}
}

// The default of unconfigured buckets is for what is written from then on, and for nothing that says otherwise.
func TestBucketsWithoutAConfigurationCanHaveSSEKMS(t *testing.T) {
	t.Parallel()
	text := proxytest.EmbeddedWith(t, "")
	p := proxytest.StartWith(t, text)
	client, ctx := p.Client(t), t.Context()
	for _, bucket := range []string{"general", "configured"} {
		proxytest.MakeBucket(t, client, bucket)
		p.Put(bucket, "before", "before")
	}
	configure := func(rule types.ServerSideEncryptionByDefault) {
		t.Helper()
		if _, err := client.PutBucketEncryption(ctx, &s3.PutBucketEncryptionInput{
			Bucket: aws.String("configured"),
			ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{
				Rules: []types.ServerSideEncryptionRule{{ApplyServerSideEncryptionByDefault: &rule}},
			},
		}); err != nil {
			t.Fatal(err)
		}
	}
	says := func(bucket, want string, bucketKey bool) {
		t.Helper()
		out, err := client.GetBucketEncryption(ctx, &s3.GetBucketEncryptionInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		rule := out.ServerSideEncryptionConfiguration.Rules[0]
		if d := rule.ApplyServerSideEncryptionByDefault; string(d.SSEAlgorithm) != want || d.KMSMasterKeyID != nil ||
			aws.ToBool(rule.BucketKeyEnabled) != bucketKey {
			t.Errorf("GetBucketEncryption of %s: %s, %q, %t", bucket, d.SSEAlgorithm, aws.ToString(d.KMSMasterKeyID),
				aws.ToBool(rule.BucketKeyEnabled))
		}
	}
	configure(types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256})
	p.Stop()

	p = proxytest.StartWith(t, text+kmsByDefault)
	client = p.Client(t)
	says("general", "aws:kms", true)
	says("configured", "AES256", false)
	p.Put("general", "after", "after")
	p.Put("configured", "after", "after")
	p.FullUpload(client, "general", "parts", []byte("parts"))
	for name, want := range map[string]string{
		"general/before": "AES256", "general/after": "aws:kms", "general/parts": "aws:kms", "configured/after": "AES256",
	} {
		bucket, key, _ := strings.Cut(name, "/")
		head := p.HeadOf(bucket, key)
		if got := head.Header.Get("x-amz-server-side-encryption"); got != want ||
			(want == "aws:kms") != strings.HasPrefix(head.Header.Get("x-amz-server-side-encryption-aws-kms-key-id"),
				"arn:aws:kms:") {
			t.Errorf("%s: %q under %q, want %s", name, got, head.Header.Get("x-amz-server-side-encryption-aws-kms-key-id"), want)
		}
	}
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/general/plain", Body: "x", Plain: true,
	}); a.StatusCode/100 != 4 {
		t.Errorf("SSE-KMS over plain HTTP: %d", a.StatusCode)
	}
	// Without a key, as with Amazon's managed one; and back to what holds without a configuration.
	configure(types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAwsKms})
	says("configured", "aws:kms", false)
	configure(types.ServerSideEncryptionByDefault{SSEAlgorithm: types.ServerSideEncryptionAes256})
	if _, err := client.DeleteBucketEncryption(ctx,
		&s3.DeleteBucketEncryptionInput{Bucket: aws.String("configured")}); err != nil {
		t.Fatal(err)
	}
	says("configured", "aws:kms", true)
}

// fog-aws, aws-sdk-ruby and `aws s3 cp --sse aws:kms` name no key: on Amazon S3 that is the managed one, on which
// nobody needs a permission of his own.
func TestSSEKMSWithoutAKeyInGeneralPurposeBuckets(t *testing.T) {
	t.Parallel()
	p := proxytest.StartWithIdentities(t,
		`- {name: writer, access_key: AKIAOTHER, secret_key: othersecret, policy: [{effect: Allow, action: "s3:*", resource: "*"}]}
`)
	proxytest.MakeBucket(t, p.Client(t), "general")
	kms := proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms")
	a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/general/raw", Body: "text", Header: []sigv4.Field{kms},
		Credentials: proxytest.OtherCredentials,
	})
	if a.StatusCode != 200 || a.Header.Get("x-amz-server-side-encryption") != "aws:kms" ||
		!strings.HasPrefix(a.Header.Get("x-amz-server-side-encryption-aws-kms-key-id"), "arn:aws:kms:") {
		t.Fatalf("PUT: %d %v %s", a.StatusCode, a.Header, a.Text)
	}
	key := proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id",
		a.Header.Get("x-amz-server-side-encryption-aws-kms-key-id"))
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/general/named", Body: "text", Header: []sigv4.Field{kms, key},
		Credentials: proxytest.OtherCredentials,
	}); a.StatusCode != 200 {
		t.Errorf("PUT with the same key by name: %d %s", a.StatusCode, a.Text)
	}
	if a := p.Do(&proxytest.Request{
		Method: "GET", Path: "/general/raw", Credentials: proxytest.OtherCredentials,
	}); a.StatusCode != 200 || a.Text != "text" {
		t.Errorf("GET: %d %s", a.StatusCode, a.Text)
	}
	t.Run("aws s3 cp", func(t *testing.T) {
		cli, file := proxytest.ProgramPath(t, "aws"), filepath.Join(t.TempDir(), "file")
		mustWrite(t, file, []byte("by the AWS CLI"))
		runTool(t, toolEnv(p), cli, "s3", "cp", file, "s3://general/cli", "--sse", "aws:kms")
		if got := p.HeadOf("general", "cli").Header.Get("x-amz-server-side-encryption"); got != "aws:kms" {
			t.Errorf("it is %q", got)
		}
	})
}

// Clients verify a bucket in the name of a host each in their way, and programs of other users read the authority.
func TestTheMadeCertificate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	// As an earlier release left it.
	if err := os.Mkdir(filepath.Join(dir, "tls"), 0o700); err != nil {
		t.Fatal(err)
	}
	proxytest.WriteAuthority(t, filepath.Join(dir, "tls", "ca.pem"), filepath.Join(dir, "tls", "ca.key"))
	before, err := os.ReadFile(filepath.Join(dir, "tls", "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	p := proxytest.StartWith(t,
		strings.Replace(proxytest.EmbeddedWith(t, "domains: [s3.localhost, S3.example.com, 127.0.0.9]\n"), "data: ",
			"data: "+dir+"\n# ", 1))
	ca := p.Env["AWS_CA_BUNDLE"]
	if after, err := os.ReadFile(ca); err != nil || !bytes.Equal(after, before) {
		t.Errorf("the authority is another one: %v", err)
	}
	for name, want := range map[string]os.FileMode{
		"tls": 0o755, "tls/ca.pem": 0o644, "tls/ca.key": 0o600, "data.json": 0o600, "exports": 0o600,
	} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode().Perm(), err, want)
		}
	}
	proxytest.MakeBucket(t, p.Client(t), "general")
	p.Put("general", "key", "text")
	u, err := url.Parse(p.Env["AWS_ENDPOINT_URL"])
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"localhost", "s3.localhost", "general.s3.localhost", "s3.example.com", "general.s3.example.com"}
	t.Run("openssl", func(t *testing.T) {
		openssl := proxytest.ProgramPath(t, "openssl")
		for _, name := range names {
			runTool(t, nil, openssl, "s_client", "-connect", u.Host, "-CAfile", ca, "-verify_hostname", name,
				"-verify_return_error")
		}
		runTool(t, nil, openssl, "s_client", "-connect", u.Host, "-CAfile", ca, "-verify_ip", "127.0.0.9",
			"-verify_return_error")
	})
	t.Run("curl", func(t *testing.T) {
		curl := proxytest.ProgramPath(t, "curl")
		for _, name := range names {
			path := map[bool]string{true: "/key", false: "/general/key"}[strings.HasPrefix(name, "general.")]
			if name == "localhost" { // no domain of the configuration's
				continue
			}
			got := runTool(t, []string{"CURL_CA_BUNDLE=" + ca}, curl, "-sS", "--resolve", name+":"+u.Port()+":127.0.0.1",
				"--aws-sigv4", "aws:amz:us-west-2:s3",
				"-u", "AKIATEST:testsecret", "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "https://"+name+":"+u.Port()+path)
			if got != "text" {
				t.Errorf("%s answers %q", name, got)
			}
		}
	})
	t.Run("node", func(t *testing.T) {
		node := proxytest.ProgramPath(t, "node")
		const ask = `require("https").get({host: "127.0.0.1", port: process.argv[1], servername: process.argv[2], headers: {host: process.argv[2]}}, r => { console.log(r.statusCode); process.exit() })`
		for _, name := range names {
			if got := runTool(t, []string{"NODE_EXTRA_CA_CERTS=" + ca}, node, "-e", ask, u.Port(), name); !strings.Contains(got,
				"403") {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

// goClientVariable makes the test binary a client as docker-registry, litestream and rclone are: the SDK with an HTTP
// client of the program's own.
const goClientVariable = "SEALFRONT_TEST_CLIENT"

func goClient(ctx context.Context) error {
	c, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithHTTPClient(&http.Client{}))
	if err != nil {
		return err
	}
	out, err := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(ctx, &s3.ListBucketsInput{})
	if err == nil {
		fmt.Println(len(out.Buckets), "buckets")
	}
	return err
}

func TestExportsForEveryKindOfClient(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a folder")
	p := proxytest.StartEmbedded(t, dir)
	proxytest.MakeBucket(t, p.Client(t), "general")
	exports := func(args ...string) string {
		t.Helper()
		out, err := proxytest.Command(append([]string{"exports"}, args...)...).Output()
		if err != nil {
			t.Fatalf("exports %q: %v", args, err)
		}
		return string(out)
	}
	evaluated := func(lines, name string) string {
		t.Helper()
		return strings.TrimSuffix(runTool(t,
			[]string{"AWS_CA_BUNDLE" + "=", "SSL_CERT_FILE=", "NODE_EXTRA_CA_CERTS=", "CURL_CA_BUNDLE="}, "sh", "-c",
			lines+"\nprintf %s \"$"+name+"\""), "\n")
	}
	ca := filepath.Join(dir, "tls", "ca.pem")
	variables := map[string]string{
		"aws": "AWS_CA_BUNDLE", "go": "SSL_CERT_FILE", "node": "NODE_EXTRA_CA_CERTS", "curl": "CURL_CA_BUNDLE", "java": "",
		"system": "",
	}
	for kind, variable := range variables {
		lines := exports("--for", kind, "--data", dir)
		for name, value := range p.Env {
			if got := evaluated(lines, name); name != "AWS_CA_BUNDLE" && name != "SEALFRONT_PID" && got != value {
				t.Errorf("%s: %s is %q, want %q", kind, name, got, value)
			}
		}
		for _, other := range variables {
			want := ""
			if other == variable {
				want = ca
			}
			if other != "" && evaluated(lines, other) != want {
				t.Errorf("%s: %s is %q", kind, other, evaluated(lines, other))
			}
		}
	}
	if exports("--data", dir) != exports("--for", "aws", "--data", dir) {
		t.Error("aws isn't the default")
	}

	// The SDK can't give an authority to a client that isn't its own.
	client := func(lines string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", lines+"\nexec \"$0\"", os.Args[0])
		cmd.Env = append(os.Environ(), goClientVariable+"=1")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := client(exports("--data", dir)); err == nil ||
		!strings.Contains(out, "CustomCABundle") && !strings.Contains(out, "RootCAs") {
		t.Errorf("a program in Go with %s: %v, %s; this test has lost its cause", "AWS_CA_BUNDLE", err, out)
	}
	if out, err := client(exports("--for", "go", "--data", dir)); err != nil || out != "1 buckets\n" {
		t.Errorf("a program in Go: %v, %s", err, out)
	}

	// After its end, for whoever starts it again on the same ports; and where it never ran.
	before := exports("--data", dir)
	p.Stop()
	if exports("--data", dir) != before {
		t.Error("the exports of the last start are lost")
	}
	for name, c := range map[string]struct {
		args   []string
		status int
	}{
		"a folder that was never served from": {[]string{"--data", t.TempDir()}, command.StatusError},
		"an unknown kind":                     {[]string{"--for", "ruby", "--data", dir}, command.StatusUsage},
	} {
		cmd := proxytest.Command(append([]string{"exports"}, c.args...)...)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != c.status {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// What a configuration that embeds nothing says by itself.
func TestExportsOfAConfiguration(t *testing.T) {
	t.Parallel()
	file := proxytest.WriteConfig(t, `
listen: {http: "0.0.0.0:8080", https: "", admin: "127.0.0.1:0"}
region: eu-central-1
store: {endpoint: "http://127.0.0.1:9000"}
kms: {service_key: "arn:aws:kms:eu-central-1:123456789012:key/k"}
`+proxytest.Identity)
	got, problems, status := proxytest.Subcommand(t, "exports", "--config", file)
	if status != command.StatusOK || problems != "" {
		t.Fatalf("exports: %d %s", status, problems)
	}
	for _, want := range []string{
		"export AWS_ENDPOINT_URL=http://127.0.0.1:8080\n", "export AWS_REGION=eu-central-1\n", "# the certificate",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q isn't in\n%s", want, got)
		}
	}
	if strings.Contains(got, "SEALFRONT_ADMIN") || strings.Contains(got, "AWS_CA_BUNDLE") {
		t.Errorf("it says more than it knows:\n%s", got)
	}
}

// A region that changes is said; what there was keeps its own, and is served.
func TestTheRegionOfAnEmbeddedInstallation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := func(args ...string) *proxytest.Program {
		return proxytest.Start(t,
			append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, args...)...)
	}
	const said = "the region differs from that of the last start"
	p := start("--region", "eu-west-1")
	key := p.Env["SEALFRONT_KMS_KEY"]
	if p.Env["AWS_REGION"] != "eu-west-1" || !strings.HasPrefix(key, "arn:aws:kms:eu-west-1:") ||
		strings.Contains(p.Stderr.String(), said) {
		t.Errorf("the first start: %v", p.Env)
	}
	proxytest.MakeBucket(t, p.Client(t), "general")
	p.Put(proxytest.DemoBucket, "object", "text")
	p.Put("general", "object", "text")
	p.Stop()

	p = start("--region", "ap-south-1")
	if p.Env["AWS_REGION"] != "ap-south-1" || p.Env["SEALFRONT_KMS_KEY"] != key ||
		!strings.Contains(p.Stderr.String(), said) {
		t.Errorf("another region: %v", p.Env)
	}
	proxytest.MakeBucket(t, p.Client(t), "later")
	p.Put("later", "object", "text")
	for _, bucket := range []string{proxytest.DemoBucket, "general", "later"} {
		if a := p.Do(&proxytest.Request{Method: "GET", Path: "/" + bucket + "/object"}); a.Text != "text" {
			t.Errorf("%s: %d %s", bucket, a.StatusCode, a.Text)
		}
	}
	for bucket, want := range map[string]string{
		proxytest.DemoBucket: "eu-west-1", "general": "eu-west-1", "later": "ap-south-1",
	} {
		if got := p.Do(&proxytest.Request{
			Method: "HEAD", Path: "/" + bucket,
		}).Header.Get("x-amz-bucket-region"); got != want {
			t.Errorf("%s is in %q, want %q", bucket, got, want)
		}
	}
	out, err := proxytest.Command("verify", "s3://later", "--data", dir).CombinedOutput()
	if err != nil {
		t.Errorf("a tool beside it: %v, %s", err, out)
	}
	p.Stop()

	p = start()
	if p.Env["AWS_REGION"] != "ap-south-1" || strings.Contains(p.Stderr.String(), said) {
		t.Errorf("without --region it is that of the last start: %v", p.Env)
	}
}
