package crypto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/crypto"
)

// vector is a file of testdata/vectors; FORMAT.md, "Vectors", describes the fields.
type vector struct {
	About     string  `json:"about"`
	Expect    string  `json:"expect"`
	BucketKey hexText `json:"bucket_key"`
	BucketARN string  `json:"bucket_arn"`
	Key       string  `json:"key"`
	Envelope  string  `json:"envelope"`

	Stored  []byte   `json:"stored,omitempty"`
	Base    string   `json:"base,omitempty"`
	Edits   []edit   `json:"edits,omitempty"`
	Rebuild *rebuild `json:"rebuild,omitempty"`

	StoredSHA256    hexText `json:"stored_sha256"`
	PlaintextLength int64   `json:"plaintext_length"`
	PlaintextSHA256 hexText `json:"plaintext_sha256,omitempty"`

	DataKey     hexText      `json:"data_key,omitempty"`
	ObjectID    hexText      `json:"object_id,omitempty"`
	WrapSalt    hexText      `json:"wrap_salt,omitempty"`
	TrailerSalt hexText      `json:"trailer_salt,omitempty"`
	Parts       []vectorPart `json:"parts,omitempty"`

	rebuilt []byte // kept, so that those with this base needn't seal again
}

type vectorPart struct {
	Length int64   `json:"length"`
	Salt   hexText `json:"salt"`
}

type rebuild struct {
	Parts []vectorPart `json:"parts"`
	End   []byte       `json:"end"`
}

type edit struct {
	Op  string  `json:"op"`
	At  int     `json:"at,omitempty"`
	To  int     `json:"to,omitempty"`
	N   int     `json:"n,omitempty"`
	Hex hexText `json:"hex,omitempty"`
}

type hexText []byte

func (h hexText) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

func (h *hexText) UnmarshalText(text []byte) (err error) {
	*h, err = hex.AppendDecode(nil, text)
	return err
}

// vectorBody is the plaintext of every vector, which nobody may change.
func vectorBody(n int64) []byte {
	for i := uint64(len(vectorBlocks)) / sha256.Size; int64(len(vectorBlocks)) < n; i++ {
		block := sha256.Sum256(binary.BigEndian.AppendUint64(nil, i))
		vectorBlocks = append(vectorBlocks, block[:]...)
	}
	return vectorBlocks[:n:n]
}

var vectorBlocks []byte

func (e edit) apply(b []byte) []byte {
	switch e.Op {
	case "cut":
		return b[:e.N]
	case "append":
		return append(b, e.Hex...)
	case "insert":
		return bytes.Join([][]byte{b[:e.At], e.Hex, b[e.At:]}, nil)
	case "xor":
		for i, x := range e.Hex {
			b[e.At+i] ^= x
		}
		return b
	case "swap":
		for i := range e.N {
			b[e.At+i], b[e.To+i] = b[e.To+i], b[e.At+i]
		}
		return b
	case "drop":
		return append(b[:e.At], b[e.At+e.N:]...)
	case "double":
		return bytes.Join([][]byte{b[:e.At+e.N], b[e.At:]}, nil)
	}
	panic("unknown edit " + e.Op)
}

// stored makes the object's bytes, with the naive writer where they must be rebuilt.
func (v *vector) stored(t *testing.T, all map[string]*vector) []byte {
	t.Helper()
	b := bytes.Clone(v.Stored)
	switch {
	case v.Base != "":
		b = all[v.Base].stored(t, all)
	case v.rebuilt != nil:
		b = bytes.Clone(v.rebuilt)
	case v.Rebuild != nil:
		var total int64
		for _, part := range v.Rebuild.Parts {
			total += part.Length
		}
		plain := vectorBody(total)
		for _, part := range v.Rebuild.Parts {
			b = append(b, naiveSealPart(v.DataKey, part.Salt, plain[:part.Length])...)
			plain = plain[part.Length:]
		}
		b = append(b, make([]byte, naiveStoredLength(int(total))-len(b)-len(v.Rebuild.End))...)
		b = append(b, v.Rebuild.End...)
		v.rebuilt = bytes.Clone(b)
	}
	for _, e := range v.Edits {
		b = e.apply(b)
	}
	return b
}

func loadVectors(t testing.TB) map[string]*vector {
	t.Helper()
	paths, err := filepath.Glob("testdata/vectors/*.json")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d vectors, %v", len(paths), err)
	}
	all := map[string]*vector{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := new(vector)
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(v); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[strings.TrimSuffix(filepath.Base(path), ".json")] = v
	}
	return all
}

// faults has FORMAT.md's word for each error.
var faults = map[error]string{
	crypto.ErrNotSealed: "not sealed", crypto.ErrVersion: "version", crypto.ErrFormat: "format",
	crypto.ErrDamaged:  "damaged",
	crypto.ErrTampered: "tampered", crypto.ErrPartition: "partition", crypto.ErrZeroKey: "zero key",
}

func faultOf(err error) string {
	if err == nil {
		return "ok"
	}
	for fault, word := range faults {
		if errors.Is(err, fault) {
			return word
		}
	}
	return err.Error()
}

// root is the working vector that a chain of bases ends with.
func (v *vector) root(all map[string]*vector) *vector {
	for v.Base != "" {
		v = all[v.Base]
	}
	return v
}

func TestVectorsOpenOrFailAsTheySay(t *testing.T) {
	all := loadVectors(t)
	for name, v := range all {
		t.Run(name, func(t *testing.T) {
			stored := v.stored(t, all)
			if sum := sha256.Sum256(stored); !bytes.Equal(sum[:], v.StoredSHA256) {
				t.Fatal("the stored bytes are not those of the vector")
			}
			place := crypto.Place{BucketARN: v.BucketARN, Key: v.Key}
			readers := map[string]func() ([]byte, error){
				"package": func() ([]byte, error) {
					return openObject([]byte(v.Envelope), stored, place, bucketKey(v.BucketKey), 0, -1)
				},
				"naive": func() ([]byte, error) {
					return naiveOpen(v.Envelope, stored, v.BucketKey, v.BucketARN, v.Key)
				},
			}
			for reader, open := range readers {
				plain, err := open()
				fault := faultOf(err)
				if naive, ok := errors.AsType[naiveFault](err); ok {
					fault = string(naive)
				}
				if fault != v.Expect {
					t.Errorf("%s: %s, want %s", reader, fault, v.Expect)
				}
				if v.Expect != "ok" {
					if !bytes.HasPrefix(vectorBody(v.root(all).PlaintextLength), plain) {
						t.Errorf("%s released what isn't a prefix", reader)
					}
					continue
				}
				if sum := sha256.Sum256(plain); int64(len(plain)) != v.PlaintextLength ||
					!bytes.Equal(sum[:], v.PlaintextSHA256) {
					t.Errorf("%s opened %d other bytes", reader, len(plain))
				}
			}
		})
	}
}

func TestTheNaiveReaderSharesNoCode(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "naive_reader_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		if strings.Contains(path, "sealfront") {
			t.Errorf("it imports %s", path)
		}
		known[path[strings.LastIndex(path, "/")+1:]] = true
	}
	for _, name := range file.Unresolved {
		if !known[name.Name] && types.Universe.Lookup(name.Name) == nil {
			t.Errorf("it uses %s from another file", name.Name)
		}
	}
}

func TestLengthsAreThoseOfTheFile(t *testing.T) {
	var file struct {
		Pairs   [][2]int64 `json:"pairs"`
		Outside []int64    `json:"outside"`
	}
	readJSON(t, "testdata/lengths.json", &file)
	for _, pair := range file.Pairs {
		if got := crypto.StoredLength(pair[0]); got != pair[1] {
			t.Errorf("stored(%d) = %d, want %d", pair[0], got, pair[1])
		}
		if got, ok := crypto.PlainLength(pair[1]); !ok || got != pair[0] {
			t.Errorf("stored⁻¹(%d) = %d, %v, want %d", pair[1], got, ok, pair[0])
		}
		if pair[1] < 1<<40 && naiveStoredLength(int(pair[0])) != int(pair[1]) {
			t.Errorf("naive stored(%d)", pair[0])
		}
	}
	for _, size := range file.Outside {
		if plain, ok := crypto.PlainLength(size); ok {
			t.Errorf("stored⁻¹(%d) = %d, want none", size, plain)
		}
	}
}

// recordsFile is testdata/records.json.
type recordsFile struct {
	StateKey hexText        `json:"state_key"`
	Records  []recordVector `json:"records"`
	Parts    []partVector   `json:"parts"`
}

type recordVector struct {
	Name   string  `json:"name"`
	Salt   hexText `json:"salt"`
	Plain  string  `json:"plaintext"`
	Sealed hexText `json:"sealed"`
}

type partVector struct {
	Prefix    string  `json:"prefix"`
	Name      string  `json:"name"`
	Number    int     `json:"number"`
	Stashed   bool    `json:"stashed"`
	Length    int64   `json:"length"`
	Salt      hexText `json:"salt"`
	Algorithm int     `json:"algorithm"`
	Value     hexText `json:"value"`
	ETag      string  `json:"etag"`
}

func TestRecordsAreThoseOfTheFile(t *testing.T) {
	var file recordsFile
	readJSON(t, "testdata/records.json", &file)
	stateKey := (*[32]byte)(file.StateKey)
	for _, r := range file.Records {
		if got := crypto.SealRecordWithSalt(stateKey, r.Name, []byte(r.Plain), [16]byte(r.Salt)); !bytes.Equal(
			got, r.Sealed) {
			t.Errorf("%s: sealed %x", r.Name, got)
		}
		if got, err := crypto.OpenRecord(stateKey, r.Name, r.Sealed); err != nil || string(got) != r.Plain {
			t.Errorf("%s: opened %q, %v", r.Name, got, err)
		}
		aead := naiveAEAD(naiveExpand(file.StateKey, "sealfront/1 record", r.Sealed[1:17]))
		if got, err := aead.Open(nil, make([]byte, 12), r.Sealed[17:], []byte("\x01"+r.Name)); err != nil ||
			string(got) != r.Plain {
			t.Errorf("%s: naively opened %q, %v", r.Name, got, err)
		}
	}
	for _, p := range file.Parts {
		got, err := crypto.ParsePartRecordName(stateKey, p.Prefix, p.Name)
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
			continue
		}
		want := crypto.PartRecord{Number: p.Number, Stashed: p.Stashed, StoreETag: p.ETag}
		want.Length, want.Salt = p.Length, [16]byte(p.Salt)
		want.SetChecksum(crypto.Algorithm(p.Algorithm), p.Value)
		if *got != want {
			t.Errorf("%s: %+v, want %+v", p.Name, *got, want)
		}
	}
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func decodeText(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
