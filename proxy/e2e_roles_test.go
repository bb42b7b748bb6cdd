package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"sealfront/proxy/proxytest"
)

// A workload is a client that has nothing but a role's name and a token file, which is replaced under it, and whose
// credentials expire while it works.
type workload struct {
	journey

	general, directory, tokens string
	seconds                    time.Duration
}

// environment is what a pod has: no secret.
func (w *workload) environment() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_ROLE_ARN=" + appRole, "AWS_ROLE_SESSION_NAME=pod-1",
		"AWS_WEB_IDENTITY_TOKEN_FILE=" + w.tokens, "AWS_ENDPOINT_URL_STS=" + w.p.Env["AWS_ENDPOINT_URL"],
		"AWS_REGION=us-west-2", "AWS_DEFAULT_REGION=us-west-2", "NODE_EXTRA_CA_CERTS=" + w.p.Env["AWS_CA_BUNDLE"],
		"WORKLOAD_GENERAL=" + w.general, "WORKLOAD_DIRECTORY=" + w.directory,
		fmt.Sprintf("WORKLOAD_SECONDS=%v", w.seconds.Seconds()),
	}
}

// withoutKeys are pairs without those that are empty: SDKs take an empty access key for one.
func withoutKeys(env map[string]string) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		delete(env, name)
	}
}

// Stock clients put, get and open sessions with a token file only. The file is replaced every second, and credentials
// are valid for ten seconds.
func TestWorkloadsHoldNoSecret(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("credentials expire while the clients work")
	}
	i := proxytest.NewIssuer(t)
	p := proxytest.StartWith(t, proxytest.EmbeddedWith(t, i.RolesConfig("app", "me", "us", everythingAllowed)),
		proxytest.RoleLife(10*time.Second))
	dir := t.TempDir()
	tokens := filepath.Join(dir, "token")
	issue := func() { i.WriteToken(tokens, i.Token("me", "us", nil)) }
	issue()
	w := &workload{
		journey: journey{p: p}, general: "workloads", directory: proxytest.DemoBucket, tokens: tokens,
		seconds: 12 * time.Second,
	}
	admin := p.Client(t)
	if _, err := admin.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &w.general}); err != nil {
		t.Fatal(err)
	}
	withoutKeys(p.Env)
	stop := make(chan struct{})
	var rotation sync.WaitGroup
	rotation.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Second):
				issue()
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		rotation.Wait()
	})
	for name, work := range map[string]func(t *testing.T, w *workload){
		"boto3": workOfBoto3, "awscli": workOfAWSCLI, "js": workOfJS, "gosdk": workOfGoSDK, "miniogo": workOfMinIOGo,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			work(t, w)
		})
	}
}

func (w *workload) script(t *testing.T, path, file string) {
	t.Helper()
	out, errs, err := w.command(t, withoutEmpty(w.environment()), path, filepath.Join(scripts, file))
	if err != nil || !strings.HasPrefix(out, "ok ") {
		t.Fatalf("%v\n%s\n%s", err, out, errs)
	}
	t.Logf("%s rounds", strings.TrimSpace(strings.TrimPrefix(out, "ok ")))
}

func withoutEmpty(env []string) (set []string) {
	for _, pair := range env {
		if !strings.HasSuffix(pair, "=") {
			set = append(set, pair)
		}
	}
	return set
}

func workOfBoto3(t *testing.T, w *workload) {
	python := proxytest.ProgramPath(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		proxytest.MissingPython(t, "python3 has no boto3")
	}
	w.script(t, python, "boto3_workload.py")
}

func workOfJS(t *testing.T, w *workload) {
	node := proxytest.ProgramPath(t, "node")
	tools := os.Getenv("SEALFRONT_TOOLS")
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "@aws-sdk", "client-s3")); tools == "" || err != nil {
		proxytest.Missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
	}
	w.script(t, node, "js_workload.cjs")
}

func workOfAWSCLI(t *testing.T, w *workload) {
	aws := proxytest.ProgramPath(t, "aws")
	body := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(body, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{w.general, w.directory} {
		for _, args := range [][]string{
			{"s3api", "put-object", "--bucket", bucket, "--key", "awscli", "--body", body},
			{"s3api", "get-object", "--bucket", bucket, "--key", "awscli", body + ".got"},
		} {
			if out, errs, err := w.command(t, withoutEmpty(w.environment()), aws, args...); err != nil {
				t.Fatalf("%v: %v\n%s\n%s", args, err, out, errs)
			}
		}
		if got, err := os.ReadFile(body + ".got"); err != nil || string(got) != "hello" {
			t.Errorf("%q, %v", got, err)
		}
	}
	out, errs, err := w.command(t, withoutEmpty(w.environment()), aws, "sts", "get-caller-identity")
	if err != nil || !strings.Contains(out, "assumed-role/app/pod-1") {
		t.Errorf("%v: %s%s", err, out, errs)
	}
}

// A roundTrip puts a body and gets it.
type roundTrip func(ctx context.Context, bucket, key string, body []byte) ([]byte, error)

// work makes round trips from several goroutines for as long as the workload is to take.
func (w *workload) work(t *testing.T, client string, trip roundTrip) {
	t.Helper()
	end := time.Now().Add(w.seconds)
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			for first := true; first || time.Now().Before(end); first = false {
				for _, bucket := range []string{w.general, w.directory} {
					body := proxytest.RandomBytes(1000)
					got, err := trip(t.Context(), bucket, fmt.Sprintf("%s/%d", client, n), body)
					if err != nil || !bytes.Equal(got, body) {
						t.Errorf("%s: %d bytes, %v", bucket, len(got), err)
						return
					}
				}
			}
		})
	}
	all.Wait()
}

// workOfGoSDK is the SDK's own chain, which reads the process's environment: parallel tests share that, so this program
// runs once more, with a pod's.
func workOfGoSDK(t *testing.T, w *workload) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append(withoutEmpty(w.environment()), "SSL_CERT_FILE="+w.p.Env["AWS_CA_BUNDLE"],
		"AWS_ENDPOINT_URL_S3="+w.p.Env["AWS_ENDPOINT_URL"]) // tests forget what is set for all of them
	out, errs, err := w.command(t, env, self, "-test.run=^TestWorkloadOfGoSDK$", "-test.v")
	if err != nil || !strings.Contains(out, "round trips by the chain") {
		t.Fatalf("%v\n%s\n%s", err, out, errs)
	}
}

// TestWorkloadOfGoSDK is the work itself, with the environment of a pod; without one there is none to do.
func TestWorkloadOfGoSDK(t *testing.T) {
	w := &workload{general: os.Getenv("WORKLOAD_GENERAL"), directory: os.Getenv("WORKLOAD_DIRECTORY")}
	if w.general == "" {
		return
	}
	var err error
	if w.seconds, err = time.ParseDuration(os.Getenv("WORKLOAD_SECONDS") + "s"); err != nil {
		t.Fatal(err)
	}
	c, err := config.LoadDefaultConfig(t.Context(), config.WithRetryMaxAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	w.work(t, "gosdk", func(ctx context.Context, bucket, key string, body []byte) ([]byte, error) {
		if _, err := client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &bucket, Key: &key, Body: bytes.NewReader(body),
		}); err != nil {
			return nil, err
		}
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(got.Body)
		return text, errors.Join(err, got.Body.Close())
	})
	t.Log("round trips by the chain")
}

func workOfMinIOGo(t *testing.T, w *workload) {
	host := strings.TrimPrefix(w.p.Env["AWS_ENDPOINT_URL"], "https://")
	transport := w.p.HTTPClient(t).Transport
	provider, err := credentials.NewSTSWebIdentity(w.p.Env["AWS_ENDPOINT_URL"],
		func() (*credentials.WebIdentityToken, error) {
			text, err := os.ReadFile(w.tokens)
			return &credentials.WebIdentityToken{Token: string(text)}, err
		}, func(i *credentials.STSWebIdentity) { i.RoleARN = appRole })
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(host, &minio.Options{
		Creds: provider, Secure: true, Transport: transport, Region: "us-west-2", MaxRetries: 1,
		BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.work(t, "miniogo", func(ctx context.Context, bucket, key string, body []byte) ([]byte, error) {
		if _, err := client.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(len(body)),
			minio.PutObjectOptions{}); err != nil {
			return nil, err
		}
		got, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
		if err != nil {
			return nil, err
		}
		text, err := io.ReadAll(got)
		return text, errors.Join(err, got.Close())
	})
}
