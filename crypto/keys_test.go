package crypto_test

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"

	"sealfront/crypto"
)

// Keys are derived by HMAC alone, a block of HKDF at a time; the standard library's HKDF says what must come of it.
func TestDerivationIsHKDF(t *testing.T) {
	for i := range 200 {
		var secret, key [crypto.KeySize]byte
		var salt [crypto.SaltSize]byte
		rand.Read(secret[:])
		rand.Read(salt[:])
		first, second := salt[:i%17], secret[:i%5]
		want, err := hkdf.Expand(sha256.New, secret[:], "label"+string(first)+string(second), crypto.KeySize)
		if err != nil {
			t.Fatal(err)
		}
		if got := crypto.Expand(&secret, "label", first, second); !bytes.Equal(got[:], want) {
			t.Fatalf("Expand: %x, want %x", got, want)
		}
		if want, err = hkdf.Key(sha256.New, secret[:], salt[:], "sealfront/1 wrap", crypto.KeySize); err != nil {
			t.Fatal(err)
		}
		if err := crypto.DeriveWrapKey(&secret, &salt, &key); err != nil || !bytes.Equal(key[:], want) {
			t.Fatalf("DeriveWrapKey: %x, %v, want %x", key, err, want)
		}
	}
}

func TestAReleasedDerivationHoldsNothing(t *testing.T) {
	var secret [crypto.KeySize]byte
	rand.Read(secret[:])
	if unused, released := crypto.KeptByADerivation(&secret); released != unused {
		t.Errorf("something stayed:\n%s, without having served\n%s", released, unused)
	}
}

func TestADataKeyDerivesTheSameForAllAtTheSameTime(t *testing.T) {
	key := crypto.NewDataKey()
	salts := make([][crypto.SaltSize]byte, 20)
	want := make([][]byte, len(salts))
	for i := range salts {
		salts[i] = crypto.NewSalt()
		twin := crypto.DataKeyFrom(key.Secret()) // it derives nothing else
		want[i] = sealPart(&twin, &salts[i], []byte("plaintext"))
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			mine := key
			for i := range salts {
				if got := sealPart(&mine, &salts[i], []byte("plaintext")); !bytes.Equal(got, want[i]) {
					t.Errorf("salt %d: another key", i)
				}
			}
		})
	}
	all.Wait()
}

// What is drawn ahead with a new object serves once, whoever shares the data key or copied the envelope.
func TestSaltsDrawnAheadServeOnce(t *testing.T) {
	key, objectID, partSalt := crypto.NewObject()
	e := newEnvelope()
	e.ObjectID, e.PartSalt = objectID, partSalt
	seen := map[[crypto.SaltSize]byte]string{{}: "zeros", objectID: "object id", partSalt: "part salt"}
	once := func(salt [crypto.SaltSize]byte, name string) {
		t.Helper()
		if other, ok := seen[salt]; ok {
			t.Errorf("%s: the salt is that of %s", name, other)
		}
		seen[salt] = name
	}
	for range 3 {
		twin, copied := *e, key
		secrets := crypto.Secrets{DataKey: copied, HasLength: true, Length: 9}
		if err := twin.Wrap(testPlace, testKeyer, secrets); err != nil {
			t.Fatal(err)
		}
		once(twin.WrapSalt, "Wrap")
		text, err := e.AppendWrapped(nil, testPlace, testKeyer, secrets)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := crypto.ParseEnvelopeText(text)
		if err != nil {
			t.Fatal(err)
		}
		once(sent.WrapSalt, "AppendWrapped")
		end, err := copied.AppendTrailer(nil, &objectID, trailerOf([]int64{9}))
		if err != nil {
			t.Fatal(err)
		}
		once([crypto.SaltSize]byte(end[len(end)-crypto.SaltSize:]), "AppendTrailer")
	}
}

func TestASaltDrawnAheadIsSpentByAWrapThatFails(t *testing.T) {
	key, objectID, partSalt := crypto.NewObject()
	e := newEnvelope()
	e.ObjectID, e.PartSalt = objectID, partSalt
	secrets := crypto.Secrets{DataKey: key, HasLength: true, Length: 9}
	var salts [][crypto.SaltSize]byte
	for range 2 {
		failing := keyerFunc(func(salt *[crypto.SaltSize]byte) error {
			salts = append(salts, *salt)
			return crypto.ErrZeroKey
		})
		if _, err := e.AppendWrapped(nil, testPlace, failing, secrets); !errors.Is(err, crypto.ErrZeroKey) {
			t.Fatal(err)
		}
	}
	if salts[0] == salts[1] {
		t.Error("a salt was handed out twice")
	}
}

type keyerFunc func(salt *[crypto.SaltSize]byte) error

func (f keyerFunc) WrapKey(salt *[crypto.SaltSize]byte, _ *[crypto.KeySize]byte) error {
	return f(salt)
}
