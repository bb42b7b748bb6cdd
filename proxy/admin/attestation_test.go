package admin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"sealfront/proxy/admin"
	"sealfront/proxy/status"
)

// The public key of statements is shown, on the status page as well; a statement is handed on to be noted, and what is
// none is the request's fault.
func TestTheAdminAddressShowsTheKeyOfStatements(t *testing.T) {
	t.Parallel()
	o := options(t)
	o.Attestation = func() admin.Attestation { return admin.Attestation{Kind: "kind 1", PublicKey: "a2V5"} }
	var got string
	o.RecordAttestation = func(line []byte) (admin.Attestation, error) {
		got = string(line)
		switch got {
		case "forged":
			return admin.Attestation{}, admin.NewBadQuestion(errors.New("another installation made it"))
		case "full":
			return admin.Attestation{}, errors.New("the audit log can't be written")
		}
		return admin.Attestation{Statement: "00ff", AuditRecord: 7, AuditHash: "beef"}, nil
	}
	o.Situation = func() admin.Situation { return admin.Situation{Config: o.Config, AttestationKey: "a2V5"} }
	o.Buckets = func(context.Context, int) ([]status.Bucket, bool, error) { return nil, false, nil }
	a := serve(t, o)
	a.want("GET", "/attestation", 200, `"publicKey": "a2V5"`)
	a.want("GET", "/status", 200, "a2V5")
	for body, want := range map[string]string{
		"a statement": `200 "auditRecord": 7`, "forged": "400 another installation made it", "full": "503 the audit log",
	} {
		resp, err := http.Post(a.url+"/attestation", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || got != body || resp.Status[:3] != want[:3] || !strings.Contains(string(text), want[4:]) {
			t.Errorf("%s: %d %s, %v", body, resp.StatusCode, text, err)
		}
	}
	r, err := http.NewRequest("POST", a.url+"/attestation", strings.NewReader("a statement"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "http://elsewhere.example")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("a web page's: %d", resp.StatusCode)
	}
}
