package state_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"sealfront/proxy/state"
)

// brokenKMS answers as it is told.
type brokenKMS struct {
	kms
	key           []byte
	generate, dec error
}

func (k *brokenKMS) GenerateDataKey(ctx context.Context, keyID string, c map[string]string) ([]byte, []byte, error) {
	if k.generate != nil {
		return nil, nil, k.generate
	}
	return k.kms.GenerateDataKey(ctx, keyID, c)
}

func (k *brokenKMS) Decrypt(ctx context.Context, keyID string, blob []byte, c map[string]string) ([]byte, error) {
	if k.dec != nil || k.key != nil {
		return k.key, k.dec
	}
	return k.kms.Decrypt(ctx, keyID, blob, c)
}

// Without its own state key nothing is opened, and no other one is made in its place.
func TestTheStateKeyIsOpenedOrNothingIs(t *testing.T) {
	denied := errors.New("AccessDeniedException")
	for name, c := range map[string]struct {
		record string // "": there is none yet; "ours": as an earlier start wrote it
		kms    *brokenKMS
		want   string
	}{
		"KMS doesn't make one": {
			"", &brokenKMS{generate: denied},
			"make a state key with the service key service: AccessDeniedException",
		},
		"KMS doesn't open it": {
			"ours", &brokenKMS{dec: denied},
			"open the state key with the service key service (it was made with service): AccessDeniedException",
		},
		"KMS returns another length":  {"ours", &brokenKMS{key: []byte("short")}, "KMS returned 5 bytes"},
		"an object of something else": {"<html>", &brokenKMS{}, "store.state_bucket"},
		"a later format":              {`{"format":2}`, &brokenKMS{}, "store.state_bucket"},
	} {
		b := newBucket()
		switch c.record {
		case "":
		case "ours":
			open(t, b, nil)
		default:
			if _, err := b.Put(t.Context(), "state-key", []byte(c.record), ""); err != nil {
				t.Fatal(err)
			}
		}
		before := b.objects()["state-key"].body
		_, err := state.Open(t.Context(), b, c.kms, state.Options{ServiceKey: "service"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if !bytes.Equal(b.objects()["state-key"].body, before) {
			t.Errorf("%s: the state key's object was changed", name)
		}
	}
}

// Whoever comes second takes the state key of who was first.
func TestTheStateKeyOfAnotherReplicaCounts(t *testing.T) {
	b := newBucket()
	second := &troubled{bucket: b}
	s := openTroubledBy(t, second, func() { create(t, open(t, b, nil), "b") })
	if got, err := s.FreshBucket(t.Context(), "b"); err != nil || got.Name != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}

// overtaken is a bucket in which something happens before its first PUT.
type overtaken struct {
	*troubled
	before func()
}

func (o *overtaken) Put(ctx context.Context, name string, body []byte, ifMatch string) (string, error) {
	if f := o.before; f != nil {
		o.before = nil
		f()
	}
	return o.troubled.Put(ctx, name, body, ifMatch)
}

func openTroubledBy(t *testing.T, store *troubled, before func()) *state.State {
	t.Helper()
	s, err := state.Open(t.Context(), &overtaken{store, before}, &kms{},
		state.Options{ServiceKey: "service", Now: store.Now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A check opens the state key as a start does, and makes none.
func TestCheckKeyMakesNone(t *testing.T) {
	b := newBucket()
	if err := state.CheckKey(t.Context(), b, &brokenKMS{}, "service"); err != nil {
		t.Errorf("there is none yet: %v", err)
	}
	if _, _, err := b.Get(t.Context(), "state-key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was made: %v", err)
	}
	open(t, b, nil)
	if err := state.CheckKey(t.Context(), b, &brokenKMS{}, "service"); err != nil {
		t.Error(err)
	}
	denied := errors.New("IncorrectKeyException")
	err := state.CheckKey(t.Context(), b, &brokenKMS{dec: denied}, "another")
	e, ok := errors.AsType[*state.ServiceKeyError](err)
	if !ok || e.MadeWith != "service" || e.ServiceKey != "another" || !errors.Is(err, denied) {
		t.Errorf("%v", err)
	}
}
