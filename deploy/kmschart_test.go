package deploy_test

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"sealfront/proxy/config"
)

const kmsChart = "sealfront-kms"

func TestTheKeyServicesChart(t *testing.T) {
	for values, kinds := range map[string][]string{
		"values.yaml": {
			"Certificate test-sealfront-kms", "ConfigMap test-sealfront-kms", "Deployment test-sealfront-kms",
			"NetworkPolicy test-sealfront-kms", "PodDisruptionBudget test-sealfront-kms", "PodMonitor test-sealfront-kms",
			"Service test-sealfront-kms", "ServiceAccount test-sealfront-kms",
		},
		"least.yaml": {
			"ConfigMap test-sealfront-kms", "Deployment test-sealfront-kms", "NetworkPolicy test-sealfront-kms",
			"PodDisruptionBudget test-sealfront-kms", "Service test-sealfront-kms", "ServiceAccount test-sealfront-kms",
		},
	} {
		t.Run(values, func(t *testing.T) {
			text, err := renderChart(t, kmsChart, values)
			if err != nil {
				t.Fatal(err)
			}
			found := objects(t, text)
			if got := slices.Sorted(maps.Keys(found)); !slices.Equal(got, kinds) {
				t.Errorf("rendered %q, want %q", got, kinds)
			}
			holdKeyService(t, found, "test-sealfront-kms")
			holdLabels(t, found, "test-sealfront-kms")
			holdManifests(t, text)
			if cost := at(found["Service test-sealfront-kms"], "metadata", "labels", "example.com/cost"); values ==
				"values.yaml" && cost != "42" {
				t.Errorf("commonLabels: %v", cost)
			}
		})
	}
}

// holdKeyService holds a Deployment of the key service to what the proxy's is held to, and loads its configuration.
func holdKeyService(t *testing.T, found map[string]object, name string) {
	t.Helper()
	pod := at(found["Deployment "+name], "spec", "template", "spec")
	container := at(pod, "containers", 0)
	holdPod(t, pod, container)
	holdProbes(t, container)
	c, err := config.LoadKeyService(layOut(t, pod, container, found))
	if err != nil {
		t.Fatal(err)
	}
	grace, _ := at(pod, "terminationGracePeriodSeconds").(int)
	if drain := c.Limits.DrainDelay + c.Limits.DrainTimeout; drain.Seconds() >= float64(grace) {
		t.Errorf("draining takes up to %v, longer than the pod's grace of %d s", drain, grace)
	}
}

func TestTheKeyServicesManifest(t *testing.T) {
	text, err := os.ReadFile("kubernetes/kms.yaml")
	if err != nil {
		t.Fatal(err)
	}
	holdKeyService(t, objects(t, string(text)), "sealfront-kms")
	holdManifests(t, string(text))
}

func TestTheKeyServicesChartRefuses(t *testing.T) {
	for set, why := range map[string]string{
		"config.records.dir=/keys":          "several replicas need a bucket",
		"config.records.store.secret_key=x": "put the secret into secrets.existingSecret",
		"config.identities[0].secret_key=x": "put the secret into secrets.existingSecret",
		"config.roots[0].kind=file":         "use transit or awskms",
		"config.roots[0].transit.token=x":   "put the secret into secrets.existingSecret",
		"config.listen.https=x":             "the chart sets the addresses",
		"config.admin.health_only=true":     "use the value admin",
		"admin.tokenSecret.name=":           "set admin.tokenSecret.name, or admin.healthOnly: true",
		"admin.readyNeeds[0]=store":         "value must be one of 'records', 'roots'",
		"tls.certManager.enabled=false":     "set tls.existingSecret",
		"tls.certManager.issuerRef.name=":   "issuerRef.name",
		"config.account=12":                 "got number, want string",
		"replicaCount=2":                    "replicaCount",
		"serviceAccount.annotations=x":      "'/serviceAccount/annotations'",
	} {
		if _, err := renderChart(t, kmsChart, "values.yaml", set); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("--set %s: %v, want %q", set, err, why)
		}
	}
}
