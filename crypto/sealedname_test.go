package crypto_test

import (
	"bytes"
	"errors"
	"testing"

	"sealfront/crypto"
)

func TestSealedNamesSayWhatWasSealed(t *testing.T) {
	key := [crypto.KeySize]byte{1}
	name := string(crypto.AppendSealedName(nil, &key, "open/b/", []byte("facts")))
	if again := string(crypto.AppendSealedName(nil, &key, "open/b/", []byte("facts"))); again != name {
		t.Errorf("the same facts have the names %q and %q", name, again)
	}
	if got, err := crypto.OpenSealedName(&key, "open/b/", name); err != nil || !bytes.Equal(got, []byte("facts")) {
		t.Errorf("opened %q, %v", got, err)
	}
	if n := len(name) - len("open/b/"); n != crypto.SealedNameLength(len("facts")) {
		t.Errorf("%d characters, and SealedNameLength says %d", n, crypto.SealedNameLength(len("facts")))
	}
	salt := func(prefix, plaintext string) string { // version and salt are the first 17 bytes: 22 characters and a bit
		return string(crypto.AppendSealedName(nil, &key, prefix, []byte(plaintext)))[len(prefix):][2:22]
	}
	other := [crypto.KeySize]byte{2}
	for what, distinct := range map[string]bool{
		"another text":   salt("open/b/", "facts") != salt("open/b/", "facet"),
		"another prefix": salt("open/b/", "facts") != salt("open/c/", "facts"),
		"a moved border": salt("open/b/f", "acts") != salt("open/b/", "facts"),
		"another key":    string(crypto.AppendSealedName(nil, &other, "open/b/", []byte("facts"))) != name,
	} {
		if !distinct {
			t.Errorf("%s has the same salt", what)
		}
	}
	changed := []byte(name)
	changed[30] = map[bool]byte{true: 'B', false: 'A'}[changed[30] == 'A']
	moved := "open/c/" + name[len("open/b/"):]
	for _, c := range []struct {
		key          *[crypto.KeySize]byte
		prefix, name string
		want         error
	}{
		{&key, "open/c/", moved, crypto.ErrTampered},
		{&other, "open/b/", name, crypto.ErrTampered},
		{&key, "open/b/", string(changed), crypto.ErrTampered},
		{&key, "open/b/", name + "\n", crypto.ErrFormat},
		{&key, "open/b/", name + "!", crypto.ErrFormat},
		{&key, "open/c/", name, crypto.ErrFormat},
		{&key, "open/b/", "open/b/", crypto.ErrFormat},
	} {
		if _, err := crypto.OpenSealedName(c.key, c.prefix, c.name); !errors.Is(err, c.want) {
			t.Errorf("%q for %q: %v, want %v", c.name, c.prefix, err, c.want)
		}
	}
}
