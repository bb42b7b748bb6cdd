package tools_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/tools"
)

func TestReceiptsAreAChain(t *testing.T) {
	dir := t.TempDir()
	file, key := filepath.Join(dir, "receipts"), filepath.Join(dir, "key")
	for n := range 3 {
		l, err := tools.OpenLedger(file, key)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // by one ledger and by one opened again
			if err := l.Append(&tools.Receipt{KMSKey: `arn:"receipt":`, Unproven: []string{`,"signature":"`}}); err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(file)
		if err != nil || strings.Count(string(text), "\n") != 2*(n+1) {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the signing key: %v, %v", info.Mode(), err)
	}
	shown, err := os.ReadFile(key + ".pub")
	if err := errors.Join(err, os.Remove(key+".pub")); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{"", "another key's"} {
		if err := os.WriteFile(key+".pub", []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tools.OpenLedger(file, key); err != nil {
			t.Fatal(err)
		}
		if again, err := os.ReadFile(key + ".pub"); err != nil || len(shown) == 0 || !bytes.Equal(again, shown) {
			t.Errorf("the public key, %q and made again: %v\n%s", left, err, again)
		}
	}
	// One that can't be written keeps nobody from signing.
	if err := errors.Join(os.Remove(key+".pub"), os.Mkdir(key+".pub", 0o700)); err != nil {
		t.Fatal(err)
	}
	if _, err := tools.OpenLedger(file, key); err != nil {
		t.Errorf("without a public key: %v", err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(text)
	first, rest, _ := strings.Cut(whole, "\n")
	for what, altered := range map[string]string{
		"a changed word":     strings.Replace(whole, "arn:", "arm:", 1),
		"the first left out": rest,
		"one twice":          first + "\n" + whole,
		"cut off":            whole[:len(whole)-1],
		"no receipt":         whole + "{}\n",
		"no base64":          strings.Replace(whole, `"}`+"\n", `?"}`+"\n", 1),
	} {
		if err := os.WriteFile(file, []byte(altered), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := tools.OpenLedger(file, key); err == nil || l != nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := tools.OpenLedger(file, filepath.Join(dir, "another key")); err == nil || l != nil {
		t.Error("continued by another key")
	}
	for what, content := range map[string]string{
		"no PEM":    "key",
		"no PKCS 8": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	} {
		if err := os.WriteFile(key, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if l, err := tools.OpenLedger(file, key); err == nil || l != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if l, err := tools.OpenLedger(filepath.Join(dir, "none", "receipts"), filepath.Join(dir, "new")); err == nil ||
		l != nil {
		t.Error("in a folder that doesn't exist")
	}
}
