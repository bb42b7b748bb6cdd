package keyserver_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/audit"
	"sealfront/proxy/proxytest"
)

// With audit_on_failure: refuse nothing is done that can't be recorded, of KMS's protocol and of STS's, the error is
// one that clients try again, and all works when there is room; what was answered before is in the log.
func TestWhatCannotBeRecordedIsRefused(t *testing.T) {
	dir := proxytest.SmallDisk(t)
	c := overStore(t, "http://"+memory(t).Address(), rootFile(t))
	c.Log.Audit, c.Log.AuditOnFailure = filepath.Join(dir, "audit.log"), "refuse"
	r := start(t, c)
	answered := 0
	list := func() string {
		_, err := r.ListKeys(t.Context(), &kms.ListKeysInput{})
		if err == nil {
			answered++
		}
		return code(err)
	}
	for range 10 {
		if got := list(); got != "" {
			t.Fatal(got)
		}
	}
	empty := proxytest.Fill(t, dir)
	proxytest.Eventually(t, "a refusal", func() bool { return list() == "KMSInternalException" })
	made, err := r.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if code(err) != "KMSInternalException" {
		t.Errorf("a key was made: %v, %v", made, err)
	}
	call, err := http.PostForm(*r.Options().BaseEndpoint, url.Values{"Action": {"GetCallerIdentity"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = call.Body.Close()
	if call.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a call of STS: %d", call.StatusCode)
	}
	proxytest.Eventually(t, "the health says so", func() bool {
		_, text := get(t, r.admin+"/readyz?verbose", "")
		return strings.Contains(text, "audit refusing") && strings.Contains(text, "meanwhile: no requests")
	})
	empty()
	proxytest.Eventually(t, "requests are answered again", func() bool { return list() == "" })
	keys, err := r.ListKeys(t.Context(), &kms.ListKeysInput{})
	if err != nil || len(keys.Keys) != 0 {
		t.Errorf("%+v, %v", keys, err)
	}
	answered++
	r.stop()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	r.done <- nil
	found, err := audit.Verify("", c.Log.Audit)
	if err != nil || found.Records < answered {
		t.Errorf("%d requests were answered, and the log has %+v, %v", answered, found, err)
	}
}
