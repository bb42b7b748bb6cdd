//go:build pkcs11

package roottest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/miekg/pkcs11"
)

// A Token is one of SoftHSM, in a folder of the test's own.
type Token struct {
	Module, Label, PIN string
	keys               atomic.Int32
}

// NewToken makes one. SoftHSM is the process's, so a test has one at a time and doesn't run in parallel. Where it is
// missing, see Tool.
func NewToken(t testing.TB) *Token {
	t.Helper()
	token := &Token{
		Module: Tool(t, "softhsm/usr/lib/softhsm/libsofthsm2.so"), Label: "sealfront", PIN: "1234-the-pin",
	}
	dir := t.TempDir()
	config, tokens := filepath.Join(dir, "softhsm2.conf"), filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "directories.tokendir = " + tokens + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", config)
	util := exec.Command(Tool(t, "softhsm/usr/bin/softhsm2-util"), "--module", token.Module, "--init-token", "--free",
		"--label", token.Label, "--so-pin", "security-officer", "--pin", token.PIN)
	if out, err := util.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return token
}

// NewKey makes an AES key of 256 bits in the token and returns its label.
func (k *Token) NewKey(t testing.TB) string {
	t.Helper()
	n := k.keys.Add(1)
	label := fmt.Sprintf("key-%d", n)
	if err := k.generate(label, binary.BigEndian.AppendUint32(nil, uint32(n))); err != nil {
		t.Fatal(err)
	}
	return label
}

func (k *Token) generate(label string, id []byte) (err error) {
	module := pkcs11.New(k.Module)
	defer module.Destroy()
	switch err := module.Initialize(); {
	case err == nil:
		defer func() { _ = module.Finalize() }()
	case !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)): // by a root that is open
		return err
	}
	slots, err := module.GetSlotList(true)
	if err != nil {
		return err
	}
	session, err := module.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, module.CloseSession(session)) }()
	if err := module.Login(session, pkcs11.CKU_USER, k.PIN); err != nil &&
		!errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
		return err
	}
	_, err = module.GenerateKey(session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)},
		[]*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, label), pkcs11.NewAttribute(pkcs11.CKA_ID, id),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true), pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
			pkcs11.NewAttribute(pkcs11.CKA_ENCRYPT, true), pkcs11.NewAttribute(pkcs11.CKA_DECRYPT, true),
		})
	return err
}
