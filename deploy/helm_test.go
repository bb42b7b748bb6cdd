package deploy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"sealfront/proxy/config"
)

type object = map[string]any

// render is the proxy's chart, rendered by helm with the values of a file, and more of them or flags.
func render(t *testing.T, values string, more ...string) (string, error) {
	t.Helper()
	return renderChart(t, "sealfront", values, more...)
}

// testValues are where the values for a chart's tests are.
var testValues = map[string]string{"sealfront": "helm", kmsChart: "helm-kms"}

func renderChart(t *testing.T, chart, values string, more ...string) (string, error) {
	t.Helper()
	args := []string{"template", "test", "helm/" + chart, "--namespace", "prod", "--kube-version", "1.30.0"}
	if values != "" {
		args = append(args, "--values", filepath.Join("testdata", testValues[chart], values))
	}
	for _, set := range more {
		if !strings.HasPrefix(set, "--") {
			args = append(args, "--set")
		}
		args = append(args, set)
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
	t.Setenv("APP_SECRET", "secret")
	for values, kinds := range map[string][]string{
		"gateway.yaml": {
			"Certificate test-sealfront", "ConfigMap test-sealfront", "ConfigMap test-sealfront-check",
			"Deployment test-sealfront", "HorizontalPodAutoscaler test-sealfront", "Job test-sealfront-check",
			"NetworkPolicy test-sealfront", "Pod test-sealfront-test", "PodDisruptionBudget test-sealfront",
			"Service test-sealfront", "Service test-sealfront-metrics",
			"ServiceAccount test-sealfront", "ServiceAccount test-sealfront-check", "ServiceMonitor test-sealfront",
		},
		"sidecar.yaml": {
			"Certificate test-sealfront", "ConfigMap test-sealfront", "ConfigMap test-sealfront-check",
			"Deployment test-sealfront", "Job test-sealfront-check", "NetworkPolicy test-sealfront",
			"PodMonitor test-sealfront", "ServiceAccount test-sealfront", "ServiceAccount test-sealfront-check",
		},
		"values.yaml": {
			"ConfigMap storage-s3", "ConfigMap storage-s3-check", "ConfigMap storage-s3-dashboard", "Deployment storage-s3",
			"Job storage-s3-check", "NetworkPolicy storage-s3", "Pod storage-s3-test", "PodDisruptionBudget storage-s3",
			"PrometheusRule storage-s3", "Service storage-s3", "Service storage-s3-metrics", "ServiceAccount storage-s3",
			"ServiceAccount storage-s3-check", "ServiceMonitor storage-s3",
		},
	} {
		t.Run(values, func(t *testing.T) {
			text, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			found := objects(t, text)
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, kinds) {
				t.Errorf("rendered %q, want %q", got, kinds)
			}
			name := "test-sealfront"
			if values == "values.yaml" {
				name = "storage-s3"
				holdValues(t, found)
			}
			pod := at(found["Deployment "+name], "spec", "template", "spec")
			where := "containers"
			if values == "sidecar.yaml" {
				where = "initContainers"
				told := map[any]any{}
				for _, e := range at(pod, "containers", 0, "env").([]any) {
					told[at(e, "name")] = at(e, "value")
				}
				if told["AWS_ENDPOINT_URL"] != "https://127.0.0.1:8443" || told["AWS_CA_BUNDLE"] != "/etc/sealfront-ca/ca.crt" ||
					told["AWS_REGION"] != "us-west-2" || told["AWS_ROLE_ARN"] != "arn:aws:iam::123456789012:role/app" ||
					told["AWS_WEB_IDENTITY_TOKEN_FILE"] != "/var/run/sealfront/token" {
					t.Errorf("the application is told %v", told)
				}
				if text := fmt.Sprint(at(pod, "volumes")); !strings.Contains(text,
					"audience:sealfront expirationSeconds:3600 path:token") {
					t.Errorf("no token of the application's: %s", text)
				}
			}
			holdPod(t, pod, at(pod, where, 0))
			holdProbes(t, at(pod, where, 0))
			loadInPod(t, pod, at(pod, where, 0), found)
			check := at(found["Job "+name+"-check"], "spec", "template", "spec")
			holdPod(t, check, at(check, "containers", 0))
			loadInPod(t, check, at(check, "containers", 0), found)
			if test := at(found["Pod "+name+"-test"], "spec"); test != nil {
				holdPod(t, test, at(test, "containers", 0))
			}
			holdLabels(t, found, name)
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
	if at(container, "resources", "limits", "memory") == nil {
		t.Error("no memory limit, from which the program takes how much it may do at once")
	}
}

// holdProbes holds a container's probes to its ports.
func holdProbes(t *testing.T, container any) {
	t.Helper()
	ports := map[any]bool{}
	for _, p := range at(container, "ports").([]any) {
		ports[at(p, "name")] = true
	}
	for _, probe := range []string{"startupProbe", "readinessProbe", "livenessProbe"} {
		if port := at(container, probe, "httpGet", "port"); !ports[port] {
			t.Errorf("%s asks port %v", probe, port)
		}
	}
}

// holdLabels holds the selectors to pods that serve: no client is sent to those of the check and of helm test.
func holdLabels(t *testing.T, found map[string]object, name string) {
	t.Helper()
	selects := at(found["Deployment "+name], "spec", "selector", "matchLabels").(object)
	matches := func(labels any) bool {
		for key, value := range selects {
			if at(labels, key) != value {
				return false
			}
		}
		return true
	}
	if !matches(at(found["Deployment "+name], "spec", "template", "metadata", "labels")) {
		t.Error("the Deployment doesn't select its own pods")
	}
	if service := found["Service "+name]; service != nil &&
		!reflect.DeepEqual(at(service, "spec", "selector"), any(selects)) {
		t.Errorf("the Service selects %v", at(service, "spec", "selector"))
	}
	for what, labels := range map[string]any{
		"check": at(found["Job "+name+"-check"], "spec", "template", "metadata", "labels"),
		"test":  at(found["Pod "+name+"-test"], "metadata", "labels"),
	} {
		if labels != nil && matches(labels) {
			t.Errorf("clients are sent to the pod of the %s", what)
		}
	}
}

// holdValues looks for what testdata/helm/values.yaml adds.
func holdValues(t *testing.T, found map[string]object) {
	t.Helper()
	deployment, service := found["Deployment storage-s3"], found["Service storage-s3"]
	container := at(deployment, "spec", "template", "spec", "containers", 0)
	for what, pair := range map[string][2]any{
		"the application": {at(deployment, "metadata", "labels", "app.kubernetes.io/name"), "s3"},
		"podLabels":       {at(deployment, "spec", "template", "metadata", "labels", "example.com/tier"), "front"},
		"no podLabels":    {at(deployment, "metadata", "labels", "example.com/tier"), nil},
		"revisions":       {at(deployment, "spec", "revisionHistoryLimit"), 2},
		"source ranges":   {at(service, "spec", "loadBalancerSourceRanges", 1), "fd00::/8"},
		"an environment":  {at(container, "envFrom", 0, "secretRef", "name"), "sealfront-env"},
		"the job's": {
			at(found["ServiceMonitor storage-s3"], "spec", "endpoints", 0, "relabelings", 0, "replacement"), "sealfront",
		},
		"Grafana's label": {at(found["ConfigMap storage-s3-dashboard"], "metadata", "labels", "grafana_dashboard"), "1"},
		"Grafana's folder": {
			at(found["ConfigMap storage-s3-dashboard"], "metadata", "annotations", "grafana_folder"), "Storage",
		},
		"the rules' label": {at(found["PrometheusRule storage-s3"], "metadata", "labels", "release"), "prometheus"},
		"status 2": {
			at(found["Job storage-s3-check"], "spec", "podFailurePolicy", "rules", 0, "onExitCodes", "values", 0), 2,
		},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	for name, o := range found {
		if at(o, "metadata", "labels", "example.com/cost") != "42" {
			t.Errorf("%s has no commonLabels", name)
		}
	}
	rules := documents(t, "alerts.yaml")[0]["groups"]
	for _, group := range rules.([]any) {
		for _, rule := range group.(map[string]any)["rules"].([]any) {
			if annotations, ok := rule.(map[string]any)["annotations"].(map[string]any); ok {
				annotations["runbook_url"] = "https://wiki.example.com/" + annotations["runbook_url"].(string)
			}
		}
	}
	if !reflect.DeepEqual(at(found["PrometheusRule storage-s3"], "spec", "groups"), rules) {
		t.Error("the PrometheusRule hasn't the rules of alerts.yaml")
	}
	dashboard, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if at(found["ConfigMap storage-s3-dashboard"], "data", "sealfront.json") != string(dashboard) {
		t.Error("the ConfigMap hasn't the text of dashboard.json")
	}
	text := at(found["ConfigMap storage-s3"], "data", "sealfront.yaml").(string)
	if !strings.Contains(text, "ready_needs:\n  - store\n") {
		t.Errorf("ready_needs isn't set:\n%s", text)
	}
}

// loadInPod lays the pod's files out as its mounts do and loads the configuration from where the program is told to.
func loadInPod(t *testing.T, pod, container any, found map[string]object) {
	t.Helper()
	c, err := config.Load(layOut(t, pod, container, found))
	if err != nil {
		t.Fatal(err)
	}
	grace, serves := at(pod, "terminationGracePeriodSeconds").(int)
	if !serves {
		return // a job
	}
	if drain := c.Limits.DrainDelay +
		c.Limits.DrainTimeout; drain.Seconds() >= float64(grace) {
		t.Errorf("draining takes up to %v, longer than the pod's grace", drain)
	}
}

// layOut lays the pod's files out as its mounts do, and returns where the configuration is that the program is told.
func layOut(t *testing.T, pod, container any, found map[string]object) string {
	t.Helper()
	root := t.TempDir()
	volumes := make(map[any]any)
	for _, v := range at(pod, "volumes").([]any) {
		volumes[at(v, "name")] = v
	}
	for _, m := range at(container, "volumeMounts").([]any) {
		v, dir := volumes[at(m, "name")], filepath.Join(root, at(m, "mountPath").(string))
		if at(m, "name") == "sealfront-audit" {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if at(m, "subPath") != nil || at(m, "subPathExpr") != nil || at(m, "readOnly") != true {
			t.Errorf("%v: a subPath is never updated, and nothing here is to be written", at(m, "name"))
		}
		if at(m, "name") == "authorities" {
			write(t, filepath.Join(dir, "store.pem"), "authority\n")
			continue
		}
		if name, ok := at(v, "configMap", "name").(string); ok {
			for file, text := range at(found["ConfigMap "+name], "data").(object) {
				write(t, filepath.Join(dir, file), text.(string))
			}
			continue
		}
		if at(v, "projected") != nil { // the cluster's authority, and a token
			if at(v, "projected", "defaultMode") != 0o440 {
				t.Errorf("volume %v: %v", at(m, "name"), v)
			}
			write(t, filepath.Join(dir, "ca.crt"), "authority\n")
			write(t, filepath.Join(dir, "token"), "token\n")
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
			for _, file := range []string{"store", "app", "admin", "vault-ca", "tls.crt", "tls.key"} {
				write(t, filepath.Join(dir, file), "secret\n")
			}
		}
	}
	args := at(container, "args").([]any)
	return filepath.Join(root, args[len(args)-1].(string))
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

// The check's account is one of its own before the first installation, when the pods' isn't there yet, and theirs
// later.
func TestTheAccountOfTheCheck(t *testing.T) {
	for what, c := range map[string]struct {
		set     []string
		upgrade bool
		account string
		made    bool
	}{
		"an installation":          {account: "test-sealfront-check", made: true},
		"an upgrade":               {upgrade: true, account: "test-sealfront"},
		"an account that is given": {set: []string{"check.serviceAccountName=checker"}, account: "checker"},
		"an account of others": {
			set: []string{"serviceAccount.create=false", "serviceAccount.name=own"}, account: "own",
		},
		"no check, and no test pod": {set: []string{"check.enabled=false", "tests.enabled=false"}},
	} {
		set := c.set
		if c.upgrade {
			set = append(set, "--is-upgrade")
		}
		text, err := render(t, "gateway.yaml", set...)
		if err != nil {
			t.Fatal(err)
		}
		found := objects(t, text)
		job, made := found["Job test-sealfront-check"], found["ServiceAccount test-sealfront-check"]
		if got, _ := at(job, "spec", "template", "spec", "serviceAccountName").(string); got != c.account ||
			(made != nil) != c.made {
			t.Errorf("%s: the account is %q, made for it: %t", what, got, made != nil)
		}
		if test := found["Pod test-sealfront-test"]; c.account == "" && test != nil {
			t.Errorf("%s: there is a test pod", what)
		}
	}
}

func TestChartRefuses(t *testing.T) {
	if _, err := render(t, "gateway.yaml"); err != nil {
		t.Fatal(err)
	}
	for set, why := range map[string]string{
		"config.store.secret_key=x":         "secrets.existingSecret and use secret_key_file: ../secrets/NAME",
		"config.identities[0].secret_key=x": "'/config/identities/0/secret_key': value must be 'left out: put the secret",
		"config.listen.https=x":             "'/config/listen': value must be 'left out: the chart sets the addresses'",
		"config.admin.health_only=true":     "use the value admin (healthOnly, tokenSecret, readyNeeds)",
		"config.tls.cert=x":                 "use the value tls.existingSecret or tls.certManager",
		"admin.tokenSecret.name=":           "set admin.tokenSecret.name, or admin.healthOnly: true",
		"admin.token=x":                     "use admin.tokenSecret.name",
		"admin.readyNeeds[0]=audit":         "value must be one of 'store', 'kms'",
		"mode=daemon":                       "'/mode': value must be one of 'gateway', 'sidecar'",
		"mode=sidecar":                      "'/app/container'",
		"replicaCount=2":                    "use replicas",
		"env[0].name=x":                     "use extraEnv or envFrom",
		"volumes[0].name=x":                 "use extraVolumes",
		"ingress.enabled=true":              "use service.type LoadBalancer",
		"audit.volume.name=x":               "the chart names the volume",
		"tls.certManager.enabled=false":     "set tls.existingSecret",
		"tls.certManager.issuerRef.name=":   "issuerRef.name",
		"config.account=12":                 "'/config/account': got number, want string",
		"networkPolicy.ingress=x":           "'/networkPolicy'",
		"serviceAccount.annotations=x":      "'/serviceAccount/annotations'",
		"serviceAccount.roleArn=x":          "use serviceAccount.annotations {eks.amazonaws.com/role-arn: ARN}",
	} {
		_, err := render(t, "gateway.yaml", set)
		switch {
		case err == nil:
			t.Errorf("--set %s is accepted", set)
		case !strings.Contains(err.Error(), why):
			t.Errorf("--set %s: %v, want %q", set, err, why)
		}
	}
}
