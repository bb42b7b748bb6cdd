package crypto_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/crypto"
)

var update = flag.Bool("update", false, "write testdata's vectors anew")

// TestTheWriterMakesTheVectors makes every vector again, with the salts that are written here, and compares all bytes:
// whoever changes the format changes files, and sees which. With -update the files are written.
func TestTheWriterMakesTheVectors(t *testing.T) {
	m := maker{t: t, vectors: map[string]*vector{}}
	m.working()
	m.bustedEnvelopes()
	m.forgedEnvelopes()
	m.bustedBodies()
	m.bustedTrailers()
	for name, v := range m.vectors {
		sum := sha256.Sum256(v.stored(t, m.vectors))
		v.StoredSHA256 = sum[:]
		m.compare(filepath.Join("testdata/vectors", name+".json"), v)
	}
	files, _ := filepath.Glob("testdata/vectors/*.json")
	for _, file := range files {
		if m.vectors[strings.TrimSuffix(filepath.Base(file), ".json")] == nil {
			t.Errorf("%s is made by nobody", file)
		}
	}
	m.compare("testdata/lengths.json", lengthVectors())
	m.compare("testdata/records.json", m.records())
}

type maker struct {
	t       *testing.T
	vectors map[string]*vector
}

// compare makes names of part records an exception: their salts are random, so they are kept as they are.
func (m *maker) compare(path string, v any) {
	m.t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		m.t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			m.t.Fatal(err)
		}
		return
	}
	if kept, err := os.ReadFile(path); err != nil || !bytes.Equal(kept, text) {
		m.t.Errorf("%s differs from what the writer makes (%v)", path, err)
	}
}

// fixed is 32 bytes that look random, from a name.
func fixed(name string) [32]byte { return sha256.Sum256([]byte("sealfront vector: " + name)) }

func fixedSalt(name string) [16]byte {
	b := fixed(name)
	return [16]byte(b[:16])
}

// recipe is a working object; all secrets come from its name.
type recipe struct {
	name, about string
	lengths     []int64
	multipart   bool
	change      func(*crypto.Envelope)
	inEnvelope  *crypto.Checksum
	hideLength  bool // multipart only
	inTrailer   *crypto.Checksum
	partSums    crypto.Algorithm
	keep        bool // the stored bytes are in the file, not rebuilt
}

func (m *maker) working() {
	const segment, least = crypto.SegmentSize, crypto.MinPartSize
	for _, n := range []int64{0, 1, 15, 16, 17, 100, segment - 1, segment, segment + 1, 2*segment + 100} {
		m.seal(recipe{
			name: fmt.Sprintf("working_put_%d_bytes", n), about: fmt.Sprintf("an object of PutObject of %d bytes", n),
			lengths: []int64{n}, keep: true,
		})
	}
	m.seal(recipe{
		name:    "working_put_5_mib",
		about:   "one part of 5 MiB less a byte is granted one part's room, one of 5 MiB two parts'",
		lengths: []int64{least},
	})
	m.seal(recipe{
		name: "working_put_sse_s3", about: "SSE-S3: sealed under the service key", lengths: []int64{100}, keep: true,
		change: func(e *crypto.Envelope) {
			e.SSE, e.KeyARN = crypto.SSES3, "arn:aws:kms:us-west-2:123456789012:key/service"
		},
	})
	m.seal(recipe{
		name:    "working_put_context",
		about:   "a general purpose bucket: no bucket key, additional context pairs, also empty and beyond ASCII",
		lengths: []int64{100}, keep: true,
		change: func(e *crypto.Envelope) {
			e.BucketKey = false
			e.Context = []crypto.Pair{{Name: "team", Value: "red"}, {Name: "a", Value: ""}, {Name: "größe", Value: "Ω"}}
		},
	})
	for algorithm := crypto.CRC32; algorithm <= crypto.XXHASH128; algorithm++ {
		m.seal(recipe{
			name:    fmt.Sprintf("working_put_checksum_%d", int(algorithm)),
			about:   "the checksum is in the envelope, and in the trailer too",
			lengths: []int64{100}, inEnvelope: checksumOf(crypto.FullObject, algorithm),
			inTrailer: checksumOf(crypto.FullObject, algorithm), partSums: algorithm, keep: true,
		})
	}
	m.seal(recipe{
		name:    "working_multipart_one_small_part",
		about:   "an upload of one part of 100 bytes: the part's salt is in the trailer only",
		lengths: []int64{100}, multipart: true, hideLength: true, keep: true,
	})
	m.seal(recipe{
		name:    "working_multipart_composite",
		about:   "composite SHA-256, a SHA-256 for each part, the least padding there is a part",
		lengths: []int64{least, 1}, multipart: true, hideLength: true,
		inTrailer: checksumOf(crypto.Composite, crypto.SHA256), partSums: crypto.SHA256,
	})
	m.seal(recipe{
		name:    "working_multipart_composite_sha512",
		about:   "composite SHA-512, a SHA-512 for each part: the longest rows there are",
		lengths: []int64{least, least, 0}, multipart: true, hideLength: true,
		inTrailer: checksumOf(crypto.Composite, crypto.SHA512), partSums: crypto.SHA512,
	})
	m.seal(recipe{
		name: "working_multipart_odd_parts", about: "parts that aren't multiples of a segment",
		lengths: []int64{least + 1, least + segment - 1, 65537}, multipart: true, hideLength: true,
		partSums: crypto.CRC32,
	})
	m.seal(recipe{
		name: "working_multipart_empty_last_part", about: "the last part has 0 bytes: one empty segment",
		lengths: []int64{least, 0}, multipart: true, hideLength: true,
	})
	m.seal(recipe{
		name: "working_multipart_copied", about: "a copy of a multipart object: copy flag, length sealed",
		lengths: []int64{least, 100}, multipart: true,
		change: func(e *crypto.Envelope) {
			e.Copied = true
		}, inEnvelope: checksumOf(crypto.FullObject, crypto.CRC64NVME),
	})
}

func checksumOf(kind crypto.ChecksumType, algorithm crypto.Algorithm) *crypto.Checksum {
	value, more := fixed(fmt.Sprint("checksum ", int(algorithm))),
		fixed(fmt.Sprint("more of checksum ", int(algorithm)))
	return &crypto.Checksum{Type: kind, Algorithm: algorithm, Value: append(value[:], more[:]...)[:algorithm.Size()]}
}

func (m *maker) seal(r recipe) {
	m.t.Helper()
	envelope := newEnvelope()
	envelope.ObjectID, envelope.PartSalt = fixedSalt(r.name+" object id"), [16]byte{}
	envelope.Multipart = r.multipart
	if r.change != nil {
		r.change(envelope)
	}
	key := crypto.DataKeyFrom(fixed(r.name + " data key"))
	secret := key.Secret()
	bucketKeyBytes, wrapSalt, trailerSalt := fixed("bucket key"), fixedSalt(r.name+" wrap salt"),
		fixedSalt(r.name+" trailer salt")
	v := &vector{
		About: r.about, Expect: "ok", BucketKey: bucketKeyBytes[:], BucketARN: testPlace.BucketARN,
		Key:     "folder/Ünï/" + r.name,
		DataKey: secret[:], ObjectID: envelope.ObjectID[:], WrapSalt: wrapSalt[:],
	}
	trailer := crypto.Trailer{Checksum: r.inTrailer}
	for i, n := range r.lengths {
		part := crypto.Part{Length: n, Salt: fixedSalt(fmt.Sprint(r.name, " part ", i))}
		if r.partSums != 0 {
			part.SetChecksum(r.partSums, checksumOf(crypto.FullObject, r.partSums).Value)
		}
		if !r.multipart {
			envelope.PartSalt = part.Salt
		}
		trailer.Length += n
		trailer.Parts = append(trailer.Parts, part)
		v.Parts = append(v.Parts, vectorPart{n, bytes.Clone(part.Salt[:])})
	}
	plain := vectorBody(trailer.Length)
	sum := sha256.Sum256(plain)
	v.PlaintextLength, v.PlaintextSHA256 = trailer.Length, sum[:]

	secrets := crypto.Secrets{DataKey: key, HasLength: !r.hideLength, Checksum: r.inEnvelope}
	if secrets.HasLength {
		secrets.Length = trailer.Length
	}
	place := crypto.Place{BucketARN: v.BucketARN, Key: v.Key}
	if err := envelope.WrapWithSalt(place, bucketKey(bucketKeyBytes), secrets, wrapSalt); err != nil {
		m.t.Fatal(err)
	}
	v.Envelope = string(envelope.AppendText(nil))
	if trailer.Length > 0 {
		v.TrailerSalt = trailerSalt[:]
		end, err := key.AppendTrailerWithSalt(nil, &envelope.ObjectID, &trailer, trailerSalt)
		if err != nil {
			m.t.Fatal(err)
		}
		var stored []byte
		for _, part := range trailer.Parts {
			stored = append(stored, sealPart(&key, &part.Salt, plain[:part.Length])...)
			plain = plain[part.Length:]
		}
		stored = append(append(stored, make([]byte, trailer.Padding())...), end...)
		if r.keep {
			v.Stored = stored
		} else {
			v.Rebuild = &rebuild{v.Parts, end}
			if !bytes.Equal(stored, v.stored(m.t, nil)) {
				m.t.Fatalf("%s: the naive writer makes other bytes", r.name)
			}
		}
	}
	m.vectors[r.name] = v
}

func lengthVectors() any {
	var file struct {
		Pairs   [][2]int64 `json:"pairs"`
		Outside []int64    `json:"outside"`
	}
	const segment, least = crypto.SegmentSize, crypto.MinPartSize
	for _, edge := range []int64{
		0, 1, 16, segment, 2 * segment, least, 2 * least, 100 * least, 9999 * least, 10000 * least, 10001 * least,
		5 << 30, crypto.MaxObjectPut, crypto.MaxPart10000,
		crypto.MaxPart, 5 << 40, crypto.MaxObject,
	} {
		for plain := max(0, edge-1); plain <= min(edge+1, crypto.MaxObject); plain++ {
			if n := len(file.Pairs); n > 0 && file.Pairs[n-1][0] >= plain {
				continue
			}
			file.Pairs = append(file.Pairs, [2]int64{plain, crypto.StoredLength(plain)})
		}
	}
	// Just above each of these the function jumps, and no object has the sizes that it jumps over.
	for _, edge := range []int64{0, segment, 2 * segment, least - 1, 2*least - 1, 9999*least - 1} {
		file.Outside = append(file.Outside, crypto.StoredLength(edge)+1, crypto.StoredLength(edge+1)-1)
	}
	file.Outside = append(file.Outside, -1, crypto.StoredLength(crypto.MaxObject)+1, 1<<62)
	return file
}

// records keeps the names of part records that are in the file, if they still open: their salts are random.
func (m *maker) records() any {
	stateKey := fixed("state key")
	file := recordsFile{StateKey: stateKey[:]}
	for i, plain := range []string{
		"", "x",
		`{"kind":"directory","kms_key":"arn:aws:kms:us-west-2:123456789012:key/a"}`,
	} {
		name, salt := fmt.Sprintf("buckets/b%d--az1--x-s3", i), fixedSalt(fmt.Sprint("record ", i))
		file.Records = append(file.Records, recordVector{
			name, salt[:], plain, crypto.SealRecordWithSalt(&stateKey, name, []byte(plain), salt),
		})
	}
	if !*update {
		var kept recordsFile
		readJSON(m.t, "testdata/records.json", &kept)
		file.Parts = kept.Parts
		return file
	}
	prefix := "uploads/demo--az1--x-s3/" + strings.Repeat("0123456789abcdef", 4) + "/parts/"
	for i, p := range []partVector{
		{Number: 1, Length: 0, ETag: `"d41d8cd98f00b204e9800998ecf8427e"`},
		{Number: 42, Length: crypto.MinPartSize, Algorithm: 1, ETag: `"CRC64NVME-abcdefghijk="`},
		{Number: 9999, Length: crypto.MaxPart, Algorithm: 5, ETag: strings.Repeat("e", 65)},
		{Number: 10000, Stashed: true, Length: 7, Algorithm: 3, ETag: ""},
		{Number: 1, Length: crypto.MaxPart, Algorithm: 6, ETag: strings.Repeat("e", 66)},
		{Number: 2, Length: 1, Algorithm: 10, ETag: `"d41d8cd98f00b204e9800998ecf8427e-1"`},
	} {
		salt, sum := fixedSalt(fmt.Sprint("part record ", i)), fixed(fmt.Sprint("part record ", i))
		p.Prefix, p.Salt, p.Value = prefix, salt[:], append(sum[:], sum[:]...)[:crypto.Algorithm(p.Algorithm).Size()]
		r := crypto.PartRecord{Number: p.Number, Stashed: p.Stashed, StoreETag: p.ETag}
		r.Length, r.Salt = p.Length, salt
		r.SetChecksum(crypto.Algorithm(p.Algorithm), p.Value)
		name, err := r.AppendName(nil, &stateKey, prefix)
		if err != nil {
			m.t.Fatal(err)
		}
		p.Name = string(name)
		file.Parts = append(file.Parts, p)
	}
	return file
}
