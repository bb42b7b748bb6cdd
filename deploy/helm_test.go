package deploy_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sealfront/proxy/config"
)

type object = map[string]any

// render is the chart, rendered by helm with the values of a file, and more of them.
func render(t *testing.T, values string, more ...string) (string, error) {
	t.Helper()
	args := []string{"template", "test", "helm/sealfront", "--namespace", "prod", "--kube-version", "1.30.0"}
	if values != "" {
		args = append(args, "--values", filepath.Join("testdata", "helm", values))
	}
	for _, set := range more {
		args = append(args, "--set", set)
	}
	cmd := exec.Command(toolPath(t, "helm"), args...)
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := cmd.Run(); err != nil {
		return "", errors.New(faults.String())
	}
	return out.String(), nil
}

// objects are the manifests of a text, by kind and name.
func objects(t *testing.T, text string) map[string]object {
	t.Helper()
	found := make(map[string]object)
	for d := yaml.NewDecoder(strings.NewReader(text)); ; {
		var o object
		switch err := d.Decode(&o); {
		case errors.Is(err, io.EOF):
			return found
		case err != nil:
			t.Fatal(err)
		case o != nil:
			found[at(o, "kind").(string)+" "+at(o, "metadata", "name").(string)] = o
		}
	}
}

// at follows a path of keys and indices.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(object)
			v = m[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func TestChart(t *testing.T) {
	for values, kinds := range map[string][]string{
		"gateway.yaml": {
			"Certificate test-sealfront", "ConfigMap test-sealfront", "Deployment test-sealfront",
			"HorizontalPodAutoscaler test-sealfront",
			"NetworkPolicy test-sealfront", "PodDisruptionBudget test-sealfront", "Service test-sealfront",
			"Service test-sealfront-metrics",
			"ServiceAccount test-sealfront", "ServiceMonitor test-sealfront",
		},
		"sidecar.yaml": {
			"Certificate test-sealfront", "ConfigMap test-sealfront", "Deployment test-sealfront",
			"NetworkPolicy test-sealfront",
			"PodMonitor test-sealfront", "ServiceAccount test-sealfront",
		},
	} {
		t.Run(values, func(t *testing.T) {
			t.Parallel()
			text, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			found := objects(t, text)
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, kinds) {
				t.Errorf("rendered %q, want %q", got, kinds)
			}
			pod := at(found["Deployment test-sealfront"], "spec", "template", "spec")
			where := "containers"
			if values == "sidecar.yaml" {
				where = "initContainers"
				told := map[any]any{}
				for _, e := range at(pod, "containers", 0, "env").([]any) {
					told[at(e, "name")] = at(e, "value")
				}
				if told["AWS_ENDPOINT_URL"] != "https://127.0.0.1:8443" || told["AWS_CA_BUNDLE"] != "/etc/sealfront-ca/ca.crt" ||
					told["AWS_REGION"] != "us-west-2" {
					t.Errorf("the application is told %v", told)
				}
			}
			holdPod(t, pod, at(pod, where, 0))
			loadInPod(t, pod, at(pod, where, 0), found)
			holdManifests(t, text)
		})
	}
}

// holdPod holds a pod and the program's container in it to what Kubernetes calls restricted, and some.
func holdPod(t *testing.T, pod, container any) {
	t.Helper()
	for _, want := range []struct {
		value any
		path  []any
	}{
		{true, []any{"runAsNonRoot"}},
		{true, []any{"readOnlyRootFilesystem"}},
		{false, []any{"allowPrivilegeEscalation"}},
		{"ALL", []any{"capabilities", "drop", 0}},
		{"RuntimeDefault", []any{"seccompProfile", "type"}},
	} {
		got := at(at(container, "securityContext"), want.path...)
		if got == nil {
			got = at(at(pod, "securityContext"), want.path...)
		}
		if got != want.value {
			t.Errorf("securityContext %v is %v", want.path, got)
		}
	}
	if at(pod, "automountServiceAccountToken") != false ||
		at(pod, "securityContext", "seccompProfile", "type") != "RuntimeDefault" {
		t.Error("the pod has a token of the cluster, or no seccomp profile")
	}
	ports := map[any]bool{}
	for _, p := range at(container, "ports").([]any) {
		ports[at(p, "name")] = true
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		if port := at(container, probe, "httpGet", "port"); !ports[port] {
			t.Errorf("%s asks port %v", probe, port)
		}
	}
	if at(container, "resources", "limits", "memory") == nil {
		t.Error("no memory limit, from which the program takes how much it may do at once")
	}
}

// loadInPod lays the pod's files out as its mounts do and loads the configuration from where the program is told to.
func loadInPod(t *testing.T, pod, container any, found map[string]object) {
	t.Helper()
	root := t.TempDir()
	volumes := make(map[any]any)
	for _, v := range at(pod, "volumes").([]any) {
		volumes[at(v, "name")] = v
	}
	for _, m := range at(container, "volumeMounts").([]any) {
		v, dir := volumes[at(m, "name")], filepath.Join(root, at(m, "mountPath").(string))
		if at(m, "subPath") != nil || at(m, "readOnly") != true {
			t.Errorf("%v: a subPath is never updated, and nothing here is to be written", at(m, "name"))
		}
		if name, ok := at(v, "configMap", "name").(string); ok {
			for file, text := range at(found["ConfigMap "+name], "data").(object) {
				write(t, filepath.Join(dir, file), text.(string))
			}
			continue
		}
		if at(v, "secret", "secretName") == nil || at(v, "secret", "defaultMode") != 0o440 {
			t.Errorf("volume %v: %v", at(m, "name"), v)
		}
		items, _ := at(v, "secret", "items").([]any)
		for _, item := range items {
			write(t, filepath.Join(dir, at(item, "path").(string)), "secret\n")
		}
		if items == nil {
			for _, file := range []string{"store", "app", "tls.crt", "tls.key"} {
				write(t, filepath.Join(dir, file), "secret\n")
			}
		}
	}
	args := at(container, "args").([]any)
	c, err := config.Load(filepath.Join(root, args[len(args)-1].(string)))
	if err != nil {
		t.Fatal(err)
	}
	if drain := c.Limits.DrainDelay +
		c.Limits.DrainTimeout; drain.Seconds() >= float64(at(pod, "terminationGracePeriodSeconds").(int)) {
		t.Errorf("draining takes up to %v, longer than the pod's grace", drain)
	}
}

// holdManifests has every manifest of a text read by Kubernetes' own types.
func holdManifests(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command(toolPath(t, "sealfront-manifests"))
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestChartRefuses(t *testing.T) {
	if _, err := render(t, "gateway.yaml"); err != nil {
		t.Fatal(err)
	}
	for set, why := range map[string]string{
		"config.store.secret_key=x":         "/config/store",
		"config.identities[0].secret_key=x": "/config/identities/0",
		"config.listen.https=x":             "/config",
		"config.tls.cert=x":                 "/config/tls",
		"admin.tokenSecret.name=":           "/admin",
		"mode=daemon":                       "/mode",
		"mode=sidecar":                      "/app/container",
		"replicaCount=2":                    "replicaCount",
		"tls.certManager.enabled=false":     "set tls.existingSecret",
		"tls.certManager.issuerRef.name=":   "issuerRef.name",
		"config.account=12":                 "/config/account",
		"networkPolicy.ingress=x":           "/networkPolicy",
		"serviceAccount.annotations=x":      "/serviceAccount/annotations",
	} {
		_, err := render(t, "gateway.yaml", set)
		switch {
		case err == nil:
			t.Errorf("--set %s is accepted", set)
		case !strings.Contains(strings.ReplaceAll(err.Error(), ".", "/"), strings.ReplaceAll(why, ".", "/")):
			t.Errorf("--set %s: %v", set, err)
		}
	}
}
