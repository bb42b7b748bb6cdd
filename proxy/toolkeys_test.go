package main

import (
	"encoding/json"
	"net/http"
	"testing"

	"sealfront/proxy/admin"
	"sealfront/proxy/command"
	"sealfront/proxy/proxytest"
)

// An operator sees which bucket keys a replica holds, nothing of their bytes, and can make it forget them.
func TestKeysShowsAndDropsWhatAReplicaHolds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartWith(t, `
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
kms: {kind: embedded}
admin: {token: secret}
data: `+dir+"\n")
	config := p.ConfigFile()
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + proxytest.DemoBucket + "/key", Body: "body",
	}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	held := func() (list []admin.HeldKey) {
		t.Helper()
		out, errs, status := proxytest.Subcommand(t, "keys", "--config", config, "--admin", p.Env["SEALFRONT_ADMIN"])
		if err := json.Unmarshal([]byte(out), &list); err != nil || status != command.StatusOK {
			t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
		}
		return list
	}
	list := held()
	if len(list) != 1 || list[0].Bucket != "arn:aws:s3express:us-west-2:123456789012:bucket/"+proxytest.DemoBucket ||
		list[0].KMSKey == "" || list[0].Uses < 1 || list[0].Expires <= 0 {
		t.Fatalf("%+v", list)
	}
	drop := func(args ...string) {
		t.Helper()
		if _, errs, status := proxytest.Subcommand(t,
			append([]string{"keys", "drop", "--config", config, "--admin", p.Env["SEALFRONT_ADMIN"]},
				args...)...); status != command.StatusOK {
			t.Errorf("status %d: %s", status, errs)
		}
	}
	if drop("--kms-key", "arn:aws:kms:us-west-2:123456789012:key/another"); len(held()) != 1 {
		t.Error("another key's drop has dropped it")
	}
	if drop("--kms-key", list[0].KMSKey); len(held()) != 0 {
		t.Error("it is held after the drop")
	}
	resp, err := http.Get(p.Env["SEALFRONT_ADMIN"] + "/keys")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the token: %d", resp.StatusCode)
	}
	if _, _, status := proxytest.Subcommand(t, "keys", "--config", config); status != command.StatusUsage {
		t.Errorf("a port that the configuration doesn't tell: status %d", status)
	}
	if _, _, status := proxytest.Subcommand(t, "keys", "--config", config, "--kms-key",
		"x"); status != command.StatusUsage {
		t.Errorf("a key without drop: status %d", status)
	}
}
