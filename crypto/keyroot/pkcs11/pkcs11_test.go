//go:build pkcs11

package pkcs11_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	p11 "github.com/miekg/pkcs11"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/pkcs11"
	"sealfront/crypto/keyroot/roottest"
)

const pin = "1234-the-pin"

// newToken makes a SoftHSM token "sealfront" with the keys "root" and "other", and returns the settings of "root".
// SoftHSM is the process's, so these tests don't run in parallel.
func newToken(t *testing.T) pkcs11.Config {
	t.Helper()
	token := roottest.NewToken(t)
	c := pkcs11.Config{
		Module: token.Module, Token: token.Label, PIN: keyroot.Secret{Value: token.PIN}, Key: "root",
		Timeout: 30 * time.Second, // the machine may be loaded
	}
	root := open(t, c)
	newKey(t, root, "root", 32, true)
	newKey(t, root, "other", 32, true)
	return c
}

func open(t *testing.T, c pkcs11.Config) keyroot.Root {
	t.Helper()
	r, err := pkcs11.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// session opens a session of the test's own with the token of root's module, and closes it when the test ends.
func session(t *testing.T, root keyroot.Root) (*p11.Ctx, p11.SessionHandle, uint) {
	t.Helper()
	module := pkcs11.Module(root)
	slots, err := module.GetSlotList(true)
	if err != nil {
		t.Fatal(err)
	}
	s, err := module.OpenSession(slots[0], p11.CKF_SERIAL_SESSION|p11.CKF_RW_SESSION)
	if err != nil {
		t.Fatal(err)
	}
	if err := module.Login(s, p11.CKU_USER, pin); err != nil &&
		!errors.Is(err, p11.Error(p11.CKR_USER_ALREADY_LOGGED_IN)) {
		t.Fatal(err)
	}
	return module, s, slots[0]
}

func newKey(t *testing.T, root keyroot.Root, label string, size int, encrypts bool) {
	t.Helper()
	module, s, _ := session(t, root)
	defer func() { _ = module.CloseSession(s) }()
	_, err := module.GenerateKey(s, []*p11.Mechanism{p11.NewMechanism(p11.CKM_AES_KEY_GEN, nil)}, []*p11.Attribute{
		p11.NewAttribute(p11.CKA_LABEL, label), p11.NewAttribute(p11.CKA_ID, []byte{1, 2}),
		p11.NewAttribute(p11.CKA_TOKEN, true), p11.NewAttribute(p11.CKA_VALUE_LEN, size),
		p11.NewAttribute(p11.CKA_SENSITIVE, true), p11.NewAttribute(p11.CKA_EXTRACTABLE, false),
		p11.NewAttribute(p11.CKA_ENCRYPT, encrypts), p11.NewAttribute(p11.CKA_DECRYPT, encrypts),
		p11.NewAttribute(p11.CKA_WRAP, true), p11.NewAttribute(p11.CKA_UNWRAP, true),
	})
	if err != nil {
		t.Fatal(err)
	}
}

func deleteKey(t *testing.T, root keyroot.Root, label string) {
	t.Helper()
	module, s, _ := session(t, root)
	defer func() { _ = module.CloseSession(s) }()
	if err := module.FindObjectsInit(s, []*p11.Attribute{p11.NewAttribute(p11.CKA_LABEL, label)}); err != nil {
		t.Fatal(err)
	}
	keys, _, err := module.FindObjects(s, 10)
	_ = module.FindObjectsFinal(s)
	if err != nil || len(keys) == 0 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, key := range keys {
		if err := module.DestroyObject(s, key); err != nil {
			t.Fatal(err)
		}
	}
}

func wrapOne(t *testing.T, r keyroot.Root) []byte {
	t.Helper()
	wrapped, err := r.Wrap(t.Context(), "name", &[32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func unwrap(t *testing.T, r keyroot.Root, wrapped []byte) error {
	var got [32]byte
	err := r.Unwrap(t.Context(), "name", wrapped, &got)
	if err == nil && got != [32]byte{1} {
		t.Error("another key came back")
	}
	return err
}

func TestRootsOfSoftHSM(t *testing.T) {
	c := newToken(t)
	for _, mechanism := range []string{"", "gcm", "wrap"} {
		t.Run("mechanism "+mechanism, func(t *testing.T) {
			c := c
			c.Mechanism = mechanism
			other := c
			other.Key = "other"
			roottest.Run(t, open(t, c), open(t, other), open(t, c))
		})
	}
	gcm, wrap := c, c
	gcm.Mechanism, wrap.Mechanism = "gcm", "wrap"
	if err := unwrap(t, open(t, gcm), wrapOne(t, open(t, wrap))); err != nil {
		t.Errorf("wrapped by the other mechanism: %v", err)
	}
}

func TestAKeyThatOnlyWrapsIsARoot(t *testing.T) {
	c := newToken(t)
	newKey(t, open(t, c), "wraps", 32, false)
	c.Key = "wraps"
	r := open(t, c)
	if err := unwrap(t, r, wrapOne(t, r)); err != nil {
		t.Error(err)
	}
	c.Mechanism = "gcm"
	if err := open(t, c).Well(t.Context()); err == nil || !strings.Contains(err.Error(), "CKA_ENCRYPT") {
		t.Errorf("got %v", err)
	}
}

func TestAMissingKeyIsNeverMade(t *testing.T) {
	c := newToken(t)
	wrapped := wrapOne(t, open(t, c))
	c.Key = "typo"
	for range 2 { // the second finds no key of the first's
		r := open(t, c)
		for what, err := range map[string]error{"Unwrap": unwrap(t, r, wrapped), "Well": r.Well(t.Context())} {
			if err == nil || errors.Is(err, keyroot.ErrWrong) || !strings.Contains(err.Error(), "has no AES key typo") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

func TestWhatAnOperatorCanMendIsNoDamage(t *testing.T) {
	c := newToken(t)
	r := open(t, c)
	wrapped := wrapOne(t, r)
	newKey(t, r, "short", 16, true)
	newKey(t, r, "double", 32, true)
	newKey(t, r, "double", 32, true)
	for says, change := range map[string]func(*pkcs11.Config){
		"no token \"none\"; it has: ": func(c *pkcs11.Config) { c.Token = "none" },
		"128 bits, not 256":           func(c *pkcs11.Config) { c.Key = "short" },
		"more than one AES key":       func(c *pkcs11.Config) { c.Key = "double" },
		"with id 0A":                  func(c *pkcs11.Config) { c.KeyID = "0A" },
		"isn't set":                   func(c *pkcs11.Config) { c.PIN = keyroot.Secret{Env: "SEALFRONT_TEST_NONE"} },
	} {
		config := c
		change(&config)
		if err := unwrap(t, open(t, config), wrapped); err == nil || errors.Is(err, keyroot.ErrWrong) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
	byID := c
	byID.KeyID = "0102"
	if err := unwrap(t, open(t, byID), wrapped); err != nil {
		t.Errorf("by label and id: %v", err)
	}
	deleteKey(t, r, "root")
	if err := unwrap(t, r, wrapped); err == nil || errors.Is(err, keyroot.ErrWrong) ||
		!strings.Contains(err.Error(), "has no AES key root") {
		t.Errorf("deleted: %v", err)
	}
	newKey(t, r, "root", 32, true)
	time.Sleep(time.Second) // what is remembered of the failure
	if err := unwrap(t, r, wrapped); !errors.Is(err, keyroot.ErrWrong) {
		t.Errorf("another key of the same name: %v", err)
	}
}

func TestModulesThatAreNone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "module.so")
	if err := os.WriteFile(file, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{file: "can't be loaded", filepath.Join(dir, "none.so"): "no such file"} {
		r, err := pkcs11.Open(pkcs11.Config{Module: path, Token: "t", Key: "k", PIN: keyroot.Secret{Value: pin}})
		if err == nil || r != nil || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v", err)
		}
	}
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	c := newToken(t)
	file := filepath.Join(t.TempDir(), "pin")
	write := func(pin string) {
		if err := os.WriteFile(file, []byte(pin+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("wrong-pin")
	c.PIN = keyroot.Secret{File: file}
	r := open(t, c)
	says := "refuses the PIN"
	for range 3 {
		err := r.Well(t.Context())
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "wrong-pin") {
			t.Errorf("got %v", err)
		}
		time.Sleep(1100 * time.Millisecond) // longer than a failure is remembered
		says = "has refused the PIN"
	}
	write(pin)
	if err := r.Well(t.Context()); err != nil {
		t.Errorf("with the right PIN: %v", err)
	}
}

func TestLostSessionsAreOpenedAgain(t *testing.T) {
	c := newToken(t)
	r := open(t, c)
	wrapped := wrapOne(t, r)
	for what, lose := range map[string]func(){
		"all sessions closed": func() {
			module, _, slot := session(t, r)
			if err := module.CloseAllSessions(slot); err != nil {
				t.Error(err)
			}
		},
		"logged out": func() {
			module, s, _ := session(t, r)
			if err := module.Logout(s); err != nil {
				t.Error(err)
			}
			_ = module.CloseSession(s)
		},
		"finalized": func() {
			if err := pkcs11.Module(r).Finalize(); err != nil {
				t.Error(err)
			}
		},
	} {
		for range 3 {
			lose()
			if err := unwrap(t, r, wrapped); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	// Many calls find out at once. Sessions are closed between calls: SoftHSM frees them even while they are used.
	for range 10 {
		module, _, slot := session(t, r)
		if err := module.CloseAllSessions(slot); err != nil {
			t.Error(err)
		}
		var all sync.WaitGroup
		for range 16 {
			all.Go(func() {
				for range 4 {
					if err := unwrap(t, r, wrapped); err != nil {
						t.Errorf("many at once: %v", err)
					}
				}
			})
		}
		all.Wait()
	}
}

// A module in C, compiled here, in which calls hang.
func TestAModuleThatHangs(t *testing.T) {
	c := newToken(t)
	compiler, err := exec.LookPath("cc")
	if err != nil {
		t.Fatal("cgo needs a C compiler, but there is none")
	}
	headers, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	module, hang := filepath.Join(dir, "hang.so"), filepath.Join(dir, "hang")
	out, err := exec.Command(compiler, "-shared", "-fPIC", "-w", "-I", strings.TrimSpace(string(headers)), "-o", module,
		"testdata/hang.c", "-ldl").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("SEALFRONT_TEST_MODULE", c.Module)
	t.Setenv("SEALFRONT_TEST_HANG", hang)
	c.Module, c.Sessions = module, 2
	r := open(t, c)
	wrapped := wrapOne(t, r)
	if err := unwrap(t, r, wrapped); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		err := r.Unwrap(ctx, "name", wrapped, new([32]byte))
		cancel()
		says := "doesn't return in time"
		if i >= c.Sessions {
			says = "all 2 sessions are in use"
		}
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, keyroot.ErrWrong) ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	if err := unwrap(t, r, wrapped); err != nil {
		t.Errorf("after it: %v", err)
	}
}
