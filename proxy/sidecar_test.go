package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.yaml.in/yaml/v3"
)

type podContainer struct {
	Args []string
	Env  []struct {
		Name, Value string
		ValueFrom   struct {
			SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
		} `yaml:"valueFrom"`
	}
	VolumeMounts []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// podManifest is what the test needs of deploy/kubernetes/sidecar.yaml.
type podManifest struct {
	Kind string
	Data map[string]string
	Spec struct {
		Template struct {
			Spec struct {
				InitContainers []podContainer `yaml:"initContainers"`
				Containers     []podContainer
				Volumes        []struct {
					Name   string
					Secret struct {
						SecretName string `yaml:"secretName"`
					}
					Projected map[string]any
				}
			}
		}
	}
}

// mount lays files out as the kubelet does: the files are links into a directory that is exchanged as a whole.
func mount(t *testing.T, dir, generation string, files map[string]string) {
	t.Helper()
	hidden := filepath.Join(dir, ".."+generation)
	faults := []error{os.MkdirAll(hidden, 0o700)}
	for name, text := range files {
		faults = append(faults, os.WriteFile(filepath.Join(hidden, name), []byte(text), 0o600))
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); !errors.Is(err, os.ErrExist) {
			faults = append(faults, err)
		}
	}
	next := filepath.Join(dir, "..data_tmp")
	if err := errors.Join(append(faults, os.Symlink(".."+generation, next),
		os.Rename(next, filepath.Join(dir, "..data")))...); err != nil {
		t.Fatal(err)
	}
}

// TestSidecarAsTheManifestSays starts the program with the arguments and files of the sidecar's manifest and lets
// clients work that are told no more than the application's container there: addresses and credentials differ, nothing
// else.
func TestSidecarAsTheManifestSays(t *testing.T) {
	t.Parallel()
	store, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := os.Open("../deploy/kubernetes/sidecar.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = manifest.Close() }()
	var text string
	var pod podManifest
	for d := yaml.NewDecoder(manifest); ; {
		var m podManifest
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		switch m.Kind {
		case "ConfigMap":
			text = m.Data["sealfront.yaml"]
		case "Deployment":
			pod = m
		}
	}
	// The cluster is an issuer of the test's.
	issuer := proxytest.NewIssuer(t)
	_, host, _ := strings.Cut(issuer.URL, "://")
	const cluster = "kubernetes.default.svc.cluster.local"
	text = strings.NewReplacer("https://"+cluster, issuer.URL, cluster, host).Replace(text)
	text = strings.Replace(text, ", ca: ../cluster/ca.crt, token_file: ../cluster/token", "", 1)
	var c map[string]any
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	c["listen"] = map[string]any{"https": "127.0.0.1:0", "admin": "127.0.0.1:0"}
	settings := c["store"].(map[string]any)
	settings["endpoint"], settings["access_key"], settings["state_bucket"] = store, "storekey", "sidecar-state"
	c["kms"] = map[string]any{"kind": "embedded"}
	c["data"], c["reload_every"] = t.TempDir(), "50ms"
	patched, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}

	authority := proxytest.NewAuthority(t)
	ca, err := os.ReadFile(authority.File)
	if err != nil {
		t.Fatal(err)
	}
	certificate := func(name string) map[string]string {
		authority.Server(t, name, "localhost")
		files := map[string]string{"ca.crt": string(ca)}
		for _, end := range []string{"crt", "key"} {
			text, err := os.ReadFile(authority.Path(name + "." + end))
			if err != nil {
				t.Fatal(err)
			}
			files["tls."+end] = string(text)
		}
		return files
	}
	secrets := map[string]map[string]string{
		"sealfront-tls": certificate("first"), "sealfront-secrets": {"store": "storesecret"},
	}
	tokens := map[string]string{"token": issuer.Token("system:serviceaccount:default:app", "sealfront", nil)}
	root, spec := t.TempDir(), pod.Spec.Template.Spec
	var tlsMount string
	for _, container := range append(spec.InitContainers, spec.Containers...) {
		for _, m := range container.VolumeMounts {
			files := map[string]string{"sealfront.yaml": string(patched)}
			for _, v := range spec.Volumes {
				if v.Name == m.Name && v.Secret.SecretName != "" {
					files = secrets[v.Secret.SecretName]
				}
				if v.Name == m.Name && v.Projected != nil {
					files = tokens
				}
			}
			mount(t, filepath.Join(root, m.MountPath), "1", files)
			if m.Name == "tls" {
				tlsMount = filepath.Join(root, m.MountPath)
			}
		}
	}

	var args []string
	for _, arg := range spec.InitContainers[0].Args {
		if strings.HasPrefix(arg, "/") {
			arg = root + arg
		}
		args = append(args, arg)
	}
	p := proxytest.Start(t, args...)
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true"}
	told := map[string]string{}
	for _, e := range spec.Containers[0].Env {
		value := e.Value
		switch {
		case e.Name == "AWS_ENDPOINT_URL", e.Name == "AWS_ENDPOINT_URL_STS":
			value = p.Env["AWS_ENDPOINT_URL"]
		case e.Name == "AWS_CA_BUNDLE", e.Name == "AWS_WEB_IDENTITY_TOKEN_FILE":
			value = root + value
		case e.ValueFrom.SecretKeyRef.Key != "":
			value = secrets[e.ValueFrom.SecretKeyRef.Name][e.ValueFrom.SecretKeyRef.Key]
		}
		told[e.Name] = value
		env = append(env, e.Name+"="+value)
	}

	t.Run("Go", func(t *testing.T) {
		// The SDK's own reading of AWS_CA_BUNDLE and AWS_ENDPOINT_URL, in a process of its own.
		cmd := exec.Command(os.Args[0], "-test.run", "^TestSidecarGoClient$", "-test.v")
		// TestMain unsets both
		cmd.Env = append(env, "SEALFRONT_TEST_SIDECAR="+told["AWS_ENDPOINT_URL"]+" "+told["AWS_CA_BUNDLE"])
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	t.Run("boto3", func(t *testing.T) {
		python := proxytest.ProgramPath(t, "python3")
		if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
			proxytest.MissingPython(t, "python3 has no boto3")
		}
		cmd := exec.Command(python, "-c", `
import boto3
s3 = boto3.client("s3")
for bucket, more in (("sidecar-boto3", {"LocationConstraint": "us-west-2"}),
        ("boto3--usw2-az1--x-s3", {"Location": {"Type": "AvailabilityZone", "Name": "usw2-az1"}, "Bucket": {"Type": "Directory", "DataRedundancy": "SingleAvailabilityZone"}})):
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=more)
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hello"
`)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	})
	t.Run("aws", func(t *testing.T) {
		path := proxytest.ProgramPath(t, "aws")
		for _, command := range []string{
			"s3 mb s3://sidecar-aws", "s3 cp sidecar_test.go s3://sidecar-aws/", "s3 ls s3://sidecar-aws/sidecar_test.go",
		} {
			cmd := exec.Command(path, strings.Fields(command)...)
			cmd.Env = env
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("aws %s: %v\n%s", command, err, out)
			}
		}
	})
	t.Run("renewed certificate", func(t *testing.T) {
		address, err := url.Parse(told["AWS_ENDPOINT_URL"])
		if err != nil {
			t.Fatal(err)
		}
		mount(t, tlsMount, "2", certificate("second"))
		proxytest.Eventually(t, "the renewed certificate", func() bool {
			c, err := tls.Dial("tcp", address.Host, &tls.Config{RootCAs: authority.Pool()})
			if err != nil {
				return false
			}
			defer func() { _ = c.Close() }()
			return c.ConnectionState().PeerCertificates[0].Subject.CommonName == "second"
		})
	})
}

// TestSidecarGoClient is the application of TestSidecarAsTheManifestSays.
func TestSidecarGoClient(t *testing.T) {
	endpoint, bundle, ok := strings.Cut(os.Getenv("SEALFRONT_TEST_SIDECAR"), " ")
	if !ok {
		t.Skip("started by TestSidecarAsTheManifestSays")
	}
	t.Setenv("AWS_ENDPOINT_URL", endpoint)
	t.Setenv("AWS_CA_BUNDLE", bundle)
	ctx := context.Background()
	c, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client := s3.NewFromConfig(c)
	bucket := aws.String("go--usw2-az1--x-s3")
	if _, err := client.CreateBucket(ctx,
		&s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: aws.String("usw2-az1")},
			Bucket: &types.BucketInfo{
				Type: types.BucketTypeDirectory, DataRedundancy: types.DataRedundancySingleAvailabilityZone,
			},
		}}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.PutObject(ctx,
		&s3.PutObjectInput{Bucket: bucket, Key: aws.String("k"), Body: strings.NewReader("hello")}); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("k")})
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(got.Body); err != nil || string(body) != "hello" {
		t.Fatalf("%q, %v", body, err)
	}
}
