//go:build pkcs11

package pkcs11

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"
)

// An attachment is a login to the token, with the key's handle and sessions. When the token loses it, another follows.
type attachment struct {
	library *library
	slot    uint
	key     pkcs11.ObjectHandle
	wraps   method // how new keys are wrapped

	mu   sync.Mutex
	idle []pkcs11.SessionHandle
	over bool // sessions that come back are closed
}

// attach finds the token, logs in and finds the key.
func (r *Root) attach() (*attachment, error) {
	slot, err := r.findSlot()
	if err != nil {
		return nil, err
	}
	session, err := r.library.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, fmt.Errorf("open a session with the token %s: %w", r.config.Token, err)
	}
	a := &attachment{library: r.library, slot: slot, idle: []pkcs11.SessionHandle{session}}
	if err := r.login(session); err != nil {
		a.end()
		return nil, err
	}
	if a.key, err = r.findKey(session); err != nil {
		a.end()
		return nil, err
	}
	if a.wraps, err = r.chooseMethod(a, session); err != nil {
		a.end()
		return nil, err
	}
	return a, nil
}

// findSlot returns the slot whose token has the label.
func (r *Root) findSlot() (uint, error) {
	slots, err := r.library.GetSlotList(true)
	if lost(err) {
		// Another user of the module has finalized it, or it forgot.
		if err = r.library.start(); err == nil {
			slots, err = r.library.GetSlotList(true)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("list the slots of %s: %w", r.config.Module, err)
	}
	var found []uint
	var labels []string
	for _, slot := range slots {
		info, err := r.library.GetTokenInfo(slot)
		if err != nil {
			continue // a token that is just leaving
		}
		label := strings.TrimRight(info.Label, " \x00")
		labels = append(labels, fmt.Sprintf("%q", label))
		if label != r.config.Token {
			continue
		}
		switch {
		case info.Flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
			return 0, fmt.Errorf("the PIN of the token %s is locked: unlock it as its security officer", r.config.Token)
		case info.Flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
			return 0, fmt.Errorf("the token %s leaves one try for its PIN, which isn't risked: log in by the HSM's own tool, "+
				"which resets its count", r.config.Token)
		}
		found = append(found, slot)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return 0, fmt.Errorf("%s has no token %q; it has: %s", r.config.Module, r.config.Token, strings.Join(labels, ", "))
	}
	return 0, fmt.Errorf("%s has %d tokens %q: a root needs a label of its own", r.config.Module, len(found),
		r.config.Token)
}

// login logs in with the PIN, unless the token has refused that PIN before.
func (r *Root) login(session pkcs11.SessionHandle) error {
	pin, err := r.config.PIN.Read()
	if err != nil {
		return fmt.Errorf("read the PIN of the token %s: %w", r.config.Token, err)
	}
	if pin == r.wrongPIN {
		return fmt.Errorf("the token %s has refused the PIN: it isn't tried again until it is another one",
			r.config.Token)
	}
	err = r.library.Login(session, pkcs11.CKU_USER, pin)
	switch code, _ := errors.AsType[pkcs11.Error](err); code {
	case pkcs11.CKR_USER_ALREADY_LOGGED_IN: // by another root on this token
		return nil
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE:
		r.wrongPIN = pin
		return fmt.Errorf("the token %s refuses the PIN, which isn't tried again: a token locks itself after a few tries: "+
			"%w", r.config.Token, err)
	}
	if err != nil {
		return fmt.Errorf("log in to the token %s: %w", r.config.Token, err)
	}
	r.wrongPIN = ""
	return nil
}

// findKey returns the one AES key of 256 bits with the label and id.
func (r *Root) findKey(session pkcs11.SessionHandle) (pkcs11.ObjectHandle, error) {
	like := []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_AES),
	}
	if r.config.Key != "" {
		like = append(like, pkcs11.NewAttribute(pkcs11.CKA_LABEL, r.config.Key))
	}
	if r.config.KeyID != "" {
		id, _ := hex.DecodeString(r.config.KeyID) // as Faults has checked
		like = append(like, pkcs11.NewAttribute(pkcs11.CKA_ID, id))
	}
	if err := r.library.FindObjectsInit(session, like); err != nil {
		return 0, fmt.Errorf("look for the key in the token %s: %w", r.config.Token, err)
	}
	keys, _, err := r.library.FindObjects(session, 2)
	if endErr := r.library.FindObjectsFinal(session); err == nil {
		err = endErr
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("look for the key in the token %s: %w", r.config.Token, err)
	case len(keys) == 0:
		return 0, fmt.Errorf("the token %s has no AES key %s: restore the token's backup, or, before anything was wrapped "+
			"by it, make the key by the HSM's own tool", r.config.Token, r.keyName())
	case len(keys) > 1:
		return 0, fmt.Errorf("the token %s has more than one AES key %s: set key_id", r.config.Token, r.keyName())
	}
	length, err := r.library.GetAttributeValue(session, keys[0],
		[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 0)})
	if err == nil && len(length) == 1 && len(length[0].Value) > 0 && length[0].Value[0] != keySize {
		return 0, fmt.Errorf("the key %s in the token %s has %d bits, not 256", r.keyName(), r.config.Token,
			8*int(length[0].Value[0]))
	}
	return keys[0], nil
}

func (r *Root) keyName() string {
	if r.config.KeyID == "" {
		return r.config.Key
	}
	return strings.TrimSpace(r.config.Key + " with id " + r.config.KeyID)
}

// take returns a session; give takes it back.
func (a *attachment) take() (pkcs11.SessionHandle, error) {
	a.mu.Lock()
	if n := len(a.idle); n > 0 {
		s := a.idle[n-1]
		a.idle = a.idle[:n-1]
		a.mu.Unlock()
		return s, nil
	}
	a.mu.Unlock()
	return a.library.OpenSession(a.slot, pkcs11.CKF_SERIAL_SESSION)
}

func (a *attachment) give(s pkcs11.SessionHandle, broken bool) {
	a.mu.Lock()
	keep := !a.over && !broken
	if keep {
		a.idle = append(a.idle, s)
	}
	a.mu.Unlock()
	if !keep {
		_ = a.library.CloseSession(s) // it may be lost already
	}
}

// end closes the sessions; those in use are closed when they come back.
func (a *attachment) end() {
	a.mu.Lock()
	idle := a.idle
	a.idle, a.over = nil, true
	a.mu.Unlock()
	for _, s := range idle {
		_ = a.library.CloseSession(s)
	}
}

// lost reports whether the token has lost sessions, login or key, so that another attachment may help.
func lost(err error) bool {
	code, ok := errors.AsType[pkcs11.Error](err)
	if !ok {
		return false
	}
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_TOKEN_NOT_PRESENT,
		pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID,
		pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED:
		return true
	}
	return false
}
