package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/audit"
)

// What is noted is a link of the chain: the log verifies with it, and not when it is changed.
func TestANoteIsALinkOfTheChain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "audit.log")
	l, err := audit.Open(name, audit.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l.Add(audit.Record{Operation: "GetObject"}, false)
	head, err := l.Head()
	if err != nil || head.Seq != 2 {
		t.Fatalf("%+v, %v", head, err)
	}
	noted, err := l.Note("attestation", audit.Field{Name: "statement", Value: "0123abcd"})
	if err != nil || noted.Seq != 3 {
		t.Fatalf("%+v, %v", noted, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{head.Hash, noted.Hash} {
		if _, err := audit.Verify(hash, name); err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(text), `"event":"attestation"`) {
		t.Fatalf("%s, %v", text, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), "0123abcd", "0123abce", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify("", name); err == nil {
		t.Error("a changed note isn't found")
	}
	if _, err := l.Note("attestation"); err == nil {
		t.Error("a closed log takes a note")
	}
}
