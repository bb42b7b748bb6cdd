package deploy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/proxytest"

	"go.yaml.in/yaml/v3"
)

// resources are the API server's paths of the kinds that it has without operators: the rest are known to
// sealfront-manifests.
var resources = map[string]string{
	"v1/ConfigMap":                           "/api/v1/namespaces/prod/configmaps",
	"v1/Namespace":                           "/api/v1/namespaces",
	"v1/Pod":                                 "/api/v1/namespaces/prod/pods",
	"v1/Service":                             "/api/v1/namespaces/prod/services",
	"v1/ServiceAccount":                      "/api/v1/namespaces/prod/serviceaccounts",
	"apps/v1/Deployment":                     "/apis/apps/v1/namespaces/prod/deployments",
	"autoscaling/v2/HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/prod/horizontalpodautoscalers",
	"batch/v1/Job":                           "/apis/batch/v1/namespaces/prod/jobs",
	"networking.k8s.io/v1/NetworkPolicy":     "/apis/networking.k8s.io/v1/namespaces/prod/networkpolicies",
	"policy/v1/PodDisruptionBudget":          "/apis/policy/v1/namespaces/prod/poddisruptionbudgets",
}

// An apiServer is Kubernetes' own, over an etcd, for one test.
type apiServer struct {
	url    string
	client *http.Client
}

// startAPIServer starts etcd and kube-apiserver on loopback ports.
func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	server, etcd, dir := toolPath(t, "kube-apiserver"), toolPath(t, "etcd"), t.TempDir()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	write(t, filepath.Join(dir, "account.key"), string(pem.EncodeToMemory(block)))
	write(t, filepath.Join(dir, "tokens.csv"), "token,operator,1\n")
	store := "http://127.0.0.1:" + freePort(t)
	run(t, etcd, "--data-dir", filepath.Join(dir, "etcd"), "--listen-client-urls", store, "--advertise-client-urls", store,
		"--listen-peer-urls", "http://127.0.0.1:0", "--unsafe-no-fsync")
	port := freePort(t)
	run(t, server, "--etcd-servers", store, "--bind-address", "127.0.0.1", "--secure-port", port,
		"--cert-dir", filepath.Join(dir, "certificates"), "--token-auth-file", filepath.Join(dir, "tokens.csv"),
		"--authorization-mode", "AlwaysAllow", "--service-account-issuer", "https://kubernetes.default.svc",
		"--service-account-key-file", filepath.Join(dir, "account.key"),
		"--service-account-signing-key-file", filepath.Join(dir, "account.key"),
		"--service-cluster-ip-range", "10.0.0.0/24", "--disable-admission-plugins", "ServiceAccount")
	a := &apiServer{
		"https://127.0.0.1:" + port,
		&http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // it makes its certificate itself, on the loopback address
		}}},
	}
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		status, text, _ := a.do(t, http.MethodGet, "/readyz", "", nil)
		if status == http.StatusOK {
			return a
		}
		if time.Now().After(end) {
			t.Fatalf("the API server is not ready: %d %s", status, text)
		}
	}
}

// freePort is a port on which nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(proxytest.Loopback(t))
	return port
}

// run runs a program until the test ends.
func run(t *testing.T, program string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, args...)
	log, err := os.Create(filepath.Join(t.TempDir(), filepath.Base(program)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if text, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s: %s", filepath.Base(program), text[max(0, len(text)-3000):])
		}
		_ = log.Close()
	})
}

// do sends a request; its status is 0 without an answer.
func (a *apiServer) do(
	t *testing.T, method, path, kind string, body []byte,
) (status int, text string, warnings []string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	r.Header.Set("Content-Type", kind)
	answer, err := a.client.Do(r)
	if err != nil {
		return 0, err.Error(), nil
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err.Error(), nil
	}
	return answer.StatusCode, string(said), answer.Header["Warning"]
}

// apply applies a manifest, as "kubectl apply --server-side" does; a dry one is not stored.
func (a *apiServer) apply(t *testing.T, o object, dry bool) error {
	t.Helper()
	kind := fmt.Sprint(o["apiVersion"], "/", o["kind"])
	path, ok := resources[kind]
	if !ok {
		return fmt.Errorf("%s has no path", kind)
	}
	body, err := yaml.Marshal(o)
	if err != nil {
		return err
	}
	query := url.Values{"fieldManager": {"test"}, "fieldValidation": {"Strict"}}
	if dry {
		query.Set("dryRun", "All")
	}
	path += "/" + at(o, "metadata", "name").(string) + "?" + query.Encode()
	status, text, warnings := a.do(t, http.MethodPatch, path, "application/apply-patch+yaml", body)
	warnings = slices.DeleteFunc(warnings, func(w string) bool { // about a default of the server's own
		return strings.Contains(w, "spec.SessionAffinity is ignored for headless services")
	})
	if status != http.StatusOK && status != http.StatusCreated || len(warnings) > 0 {
		return fmt.Errorf("%d %s %q", status, text, warnings)
	}
	return nil
}

// TestTheAPIServerTakesEveryManifest has Kubernetes' own API server read what is in this directory and what the chart
// renders, as if it were applied, into a namespace that enforces the restricted pod security standard, and warns.
func TestTheAPIServerTakesEveryManifest(t *testing.T) {
	a := startAPIServer(t)
	namespace := object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "prod", "labels": object{
		"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted",
	}}}
	if err := a.apply(t, namespace, false); err != nil {
		t.Fatal(err)
	}
	texts := make(map[string]string)
	for _, name := range []string{"kubernetes/gateway.yaml", "kubernetes/sidecar.yaml", "kubernetes/kms.yaml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(text)
	}
	values, err := filepath.Glob("testdata/helm/*.yaml")
	if err != nil || len(values) < 3 {
		t.Fatal(values, err)
	}
	for _, name := range values {
		text, err := render(t, filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = text
	}
	for _, values := range []string{"values.yaml", "least.yaml"} {
		text, err := renderChart(t, kmsChart, values)
		if err != nil {
			t.Fatal(err)
		}
		texts[kmsChart+" "+values] = text
	}
	for where, text := range texts {
		applied := 0
		for name, o := range objects(t, text) {
			if group, _, _ := strings.Cut(o["apiVersion"].(string), "/"); strings.HasSuffix(group, "cert-manager.io") ||
				group == "monitoring.coreos.com" {
				continue
			}
			applied++
			if meta := o["metadata"].(object); meta["namespace"] != nil && o["kind"] != "Namespace" {
				meta["namespace"] = "prod"
			}
			if err := a.apply(t, o, true); err != nil {
				t.Errorf("%s: %s: %v", where, name, err)
			}
		}
		if applied < 2 {
			t.Errorf("%s: %d manifests", where, applied)
		}
	}
	// It isn't blind.
	service := object{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "s"}, "spec": object{
		"ports": []any{object{"port": 70000}},
	}}
	if err := a.apply(t, service, true); err == nil || !strings.Contains(err.Error(), "between 1 and 65535") {
		t.Errorf("a service with port 70000: %v", err)
	}
}
