package crypto_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"sealfront/crypto"
)

func TestAPartRecordIsBoundToItsNumberAndUpload(t *testing.T) {
	stateKey, prefix := fixed("state key"), "uploads/b/1234/parts/"
	record := crypto.PartRecord{
		Number: 7, StoreETag: `"d41d8cd98f00b204e9800998ecf8427e"`, Part: crypto.Part{Length: 5},
	}
	written, err := record.AppendName(nil, &stateKey, prefix)
	if err != nil {
		t.Fatal(err)
	}
	name := string(written)
	sealed := name[len(prefix)+6:]
	raw, _ := base64.RawURLEncoding.DecodeString(sealed)
	raw[20] ^= 1
	other := fixed("another state key")
	for what, c := range map[string]struct {
		key          [32]byte
		prefix, name string
	}{
		"another number":      {stateKey, prefix, prefix + "00008-" + sealed},
		"another upload":      {stateKey, "uploads/b/1235/parts/", "uploads/b/1235/parts/00007-" + sealed},
		"another state key":   {other, prefix, name},
		"changed":             {stateKey, prefix, prefix + "00007-" + base64.RawURLEncoding.EncodeToString(raw)},
		"number of a sign":    {stateKey, prefix, prefix + "+0007-" + sealed},
		"number 0":            {stateKey, prefix, prefix + "00000-" + sealed},
		"number 10,001":       {stateKey, prefix, prefix + "10001-" + sealed},
		"number of 4 digits":  {stateKey, prefix, prefix + "0007-" + sealed},
		"number ended by _":   {stateKey, prefix, prefix + "00007_" + sealed},
		"without its prefix":  {stateKey, prefix, "00007-" + sealed},
		"padded":              {stateKey, prefix, name + "="},
		"with a line end":     {stateKey, prefix, name[:len(name)-4] + "\n" + name[len(name)-4:]},
		"cut":                 {stateKey, prefix, name[:len(name)-4]},
		"nothing sealed":      {stateKey, prefix, prefix + "00007-"},
		"an upload's record":  {stateKey, prefix, prefix + "upload"},
		"longer than allowed": {stateKey, prefix, name + strings.Repeat("A", 200)},
	} {
		if r, err := crypto.ParsePartRecordName(&c.key, c.prefix, c.name); err == nil || r != nil {
			t.Errorf("%s: opened as %+v", what, r)
		}
	}
}

func TestTwoRacingAttemptsHaveTwoNames(t *testing.T) {
	stateKey := fixed("state key")
	record := crypto.PartRecord{Number: 7, StoreETag: `"e"`}
	one, _ := record.AppendName(nil, &stateKey, "p/")
	two, _ := record.AppendName(nil, &stateKey, "p/")
	if bytes.Equal(one, two) {
		t.Error("the second attempt overwrites the first one's record")
	}
}

func TestAStateRecordIsBoundToItsName(t *testing.T) {
	stateKey, other := fixed("state key"), fixed("another state key")
	sealed := crypto.SealRecord(&stateKey, "buckets/a", []byte("record"))
	if bytes.Contains(sealed, []byte("record")) || len(sealed) != 6+crypto.RecordOverhead {
		t.Fatalf("sealed to %x", sealed)
	}
	if got, err := crypto.OpenRecord(&stateKey, "buckets/a", sealed); err != nil || string(got) != "record" {
		t.Fatalf("%q, %v", got, err)
	}
	want := func(what, expect string, key *[32]byte, name string, sealed []byte) {
		if got, err := crypto.OpenRecord(key, name, sealed); faultOf(err) != expect || got != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	want("another name", "tampered", &stateKey, "buckets/b", sealed)
	want("another key", "tampered", &other, "buckets/a", sealed)
	want("too short", "format", &stateKey, "buckets/a", sealed[:crypto.RecordOverhead-1])
	want("cut", "tampered", &stateKey, "buckets/a", sealed[:len(sealed)-1])
	for at := range sealed {
		changed := bytes.Clone(sealed)
		changed[at] ^= 4
		if _, err := crypto.OpenRecord(&stateKey, "buckets/a", changed); err == nil {
			t.Errorf("byte %d isn't bound", at)
		}
	}
}
