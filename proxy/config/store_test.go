package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/config"
)

// load reads a configuration that is right but for lines.
func load(t *testing.T, lines string) (*config.Config, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sealfront.yaml")
	text := "listen: {https: \"\", http: \"127.0.0.1:0\"}\n" +
		"kms: {service_key: \"arn:aws:kms:us-west-2:123456789012:key/k\"}\n" +
		"identities: [{name: app, access_key: A, secret_key: s}]\n" + lines
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Load(file)
}

func TestNamesDependOnTheKindOfStore(t *testing.T) {
	for name, c := range map[string]struct{ lines, bucket, header string }{
		"s3": {"store: {endpoint: http://store}", "sealfront-state", "x-amz-meta-sealfront"},
		"directory, of a zone": {
			"zones: [usw2-az1, usw2-az2]\nstore: {kind: directory, endpoint: http://store}",
			"sealfront-state--usw2-az1--x-s3", "x-amz-meta-sealfront-outer",
		},
		"directory, with names set": {
			"store: {kind: directory, endpoint: http://store, control_endpoint: http://control, " +
				"state_bucket: mine--az--x-s3, metadata_header: x-amz-meta-sealfront}", "mine--az--x-s3", "x-amz-meta-sealfront",
		},
	} {
		got, err := load(t, c.lines)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Store.StateBucket != c.bucket || got.Store.MetadataHeader != c.header {
			t.Errorf("%s: state bucket %q, header %q; want %q, %q", name, got.Store.StateBucket,
				got.Store.MetadataHeader, c.bucket, c.header)
		}
	}
}

func TestFaultsOfStoreAndLimits(t *testing.T) {
	for lines, path := range map[string]string{
		"store: {kind: directory, endpoint: http://store}":                                "store.state_bucket",
		"store: {kind: directory, endpoint: http://store, state_bucket: plain-name}":      "store.state_bucket",
		"store: {endpoint: http://store, state_bucket: Not_A_Name}":                       "store.state_bucket",
		"store: {endpoint: http://store, control_endpoint: http://control}":               "store.control_endpoint",
		"store: {endpoint: http://store}\nlimits: {failed_logins: {rate: -1}}":            "limits.failed_logins",
		"store: {endpoint: http://store}\nlimits: {failed_logins: {burst: many}}":         "limits.failed_logins.burst",
		"zones: [z]\nstore: {kind: directory, endpoint: http://s, control_endpoint: nil}": "store.control_endpoint",
		"store: {kind: memory, memory: {max_bytes: 1MiB}}":                                "store.memory.max_bytes",
		"store: {kind: memory, memory: {max_bytes: lots}}":                                "store.memory.max_bytes",
		"store: {kind: memory, memory: {latency: {p99: 1s}}}":                             "store.memory.latency.p50",
		"store: {kind: memory, memory: {latency: {p50: 2s, p99: 1s}}}":                    "store.memory.latency.p99",
		"store: {kind: memory, memory: {latency: {p50: -2s}}}":                            "store.memory.latency.p50",
		"store: {kind: memory, memory: {error_rate: 1.5}}":                                "store.memory.error_rate",
		"store: {kind: memory, memory: {error_rate: .nan}}":                               "store.memory.error_rate",
		"store: {kind: memory, memory: {throttle: -1}}":                                   "store.memory.throttle",
	} {
		_, err := load(t, lines)
		if err == nil || !strings.HasPrefix(err.Error(), path+": ") {
			t.Errorf("%s: %v, want a fault of %s", lines, err, path)
		}
	}
}

func TestFailedLoginsHaveALimitByDefault(t *testing.T) {
	got, err := load(t, "store: {endpoint: http://store}\nlimits: {failed_logins: {burst: 7}}\n"+
		"compat: {post_object: true}")
	if err != nil {
		t.Fatal(err)
	}
	if l := got.Limits.FailedLogins; l.Rate <= 0 || l.Burst != 7 || l.Entries <= 0 {
		t.Errorf("%+v", l)
	}
}

func TestTheMemoryStoreIsConfigured(t *testing.T) {
	got, err := load(t, "store: {kind: memory, memory: {max_bytes: 2GiB, latency: {p50: 4ms, p99: 20ms}, "+
		"error_rate: 0.01, throttle: 5000}}")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Memory{
		MaxBytes: 2 << 30,
		Latency:  config.Latency{P50: 4 * time.Millisecond, P99: 20 * time.Millisecond}, ErrorRate: 0.01,
		Throttle: 5000,
	}
	if got.Store.Memory != want {
		t.Errorf("%+v", got.Store.Memory)
	}
	if got, err = load(t, "store: {kind: memory}"); err != nil ||
		got.Store.Memory != (config.Memory{MaxBytes: 1 << 30}) {
		t.Errorf("by default: %+v, %v", got.Store.Memory, err)
	}
}
