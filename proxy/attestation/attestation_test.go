package attestation_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"sealfront/proxy/attestation"
)

const seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func signingKey(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

// A scan is a list, and what its statement says besides.
type scan struct {
	header attestation.Header
	runs   []attestation.Run
	rows   []attestation.Row
}

// newScan is one of n objects, of which some are drawn and read as a scan would.
func newScan(n, sample int) *scan {
	s := &scan{
		header: attestation.Header{
			Kind: attestation.ListKind, ID: "00112233445566778899aabbccddeeff", Target: "s3://bucket/",
			Bucket: attestation.Bucket{
				Name: "bucket", ARN: "arn:aws:s3:::bucket", InStore: "in-store", Endpoint: "http://store",
			},
			Scope: attestation.Scope{Mode: attestation.Sampled, Sample: sample, Seed: seed},
		},
		runs: []attestation.Run{{Began: began}},
	}
	for i := range n {
		s.rows = append(s.rows, object(fmt.Sprintf("key/%04d", i)))
	}
	return s
}

func object(key string) attestation.Row {
	return attestation.Row{
		Seen: attestation.Listed, Key: key, ETag: `"etag"`, Stored: 420, Read: attestation.ReadEnd, Opened: true,
		Sealed: &attestation.Sealed{ObjectID: "id", SSE: "aws:kms", KMSKey: "arn:aws:kms:…:key/1", Blob: "0123456789abcdef"},
	}
}

// drawn adds the rows of the sample.
func (s *scan) drawn(t *testing.T) *scan {
	t.Helper()
	for _, d := range s.tally(t).Drawn() {
		row := d.Row
		row.Seen, row.Read, row.SHA256, row.Without = attestation.OfSample, attestation.ReadWhole, "00", attestation.FailedOpen
		if row.Sealed == nil {
			row.Without = ""
		}
		row.Findings = nil
		s.rows = append(s.rows, row)
	}
	return s
}

func (s *scan) tally(t *testing.T) *attestation.Tally {
	t.Helper()
	tally, err := attestation.NewTally("bucket", &s.header.Scope)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.rows {
		tally.Add(&s.rows[i])
	}
	return tally
}

// list is its list.
func (s *scan) list(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	write := func(l attestation.Line) {
		if err := e.Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	write(attestation.Line{List: &s.header})
	for i := range s.runs {
		write(attestation.Line{Run: &s.runs[i]})
	}
	for i := range s.rows {
		write(attestation.Line{Row: &s.rows[i]})
	}
	return b.Bytes()
}

// statement makes a scan's statement and signs it.
func (s *scan) statement(t *testing.T, key ed25519.PrivateKey) (*attestation.Statement, []byte) {
	t.Helper()
	result, err := s.tally(t).Result()
	if err != nil {
		t.Fatal(err)
	}
	list := s.list(t)
	sum := sha256.Sum256(list)
	h := &s.header
	st := &attestation.Statement{
		ID: h.ID, Target: h.Target, Bucket: h.Bucket, Scope: h.Scope, Began: began, Ended: began.Add(time.Minute),
		Runs: s.runs, Host: "host", Version: "1", Result: *result, Listings: []string{"one", "another"},
		NotProven: []string{"anything else"}, Audit: attestation.Audit{Why: "none"},
		List: attestation.ListSum{
			SHA256: hex.EncodeToString(sum[:]), Lines: int64(bytes.Count(list, []byte("\n"))), Bytes: int64(len(list)),
		},
	}
	line, err := attestation.Sign(st, key)
	if err != nil {
		t.Fatal(err)
	}
	return st, line
}

func TestAStatementIsOpenedAndChecked(t *testing.T) {
	t.Parallel()
	s := newScan(50, 7).drawn(t)
	key := signingKey(1)
	made, line := s.statement(t, key)
	opened, err := attestation.Open(line, key.Public().(ed25519.PublicKey))
	if err != nil || opened.Verdict != attestation.Clean || opened.ID != made.ID || len(opened.Sample) != 7 {
		t.Fatalf("%+v, %v", opened, err)
	}
	if err := attestation.Check(opened, bytes.NewReader(s.list(t))); err != nil {
		t.Error(err)
	}
}

// No byte of a statement can be changed, added or left out; and another key's signature is none.
func TestAStatementWithOneByteChangedIsRefused(t *testing.T) {
	t.Parallel()
	_, line := newScan(3, 1).drawn(t).statement(t, signingKey(1))
	public := signingKey(1).Public().(ed25519.PublicKey)
	for i := range line[:len(line)-1] {
		for _, bit := range []byte{1, 0x20} {
			changed := bytes.Clone(line)
			changed[i] ^= bit
			if st, err := attestation.Open(changed, public); err == nil {
				t.Fatalf("byte %d of %d changed to %q, and it opens: %+v", i, len(line), changed[i], st)
			}
		}
		if _, err := attestation.Open(append(bytes.Clone(line[:i]), line[i+1:]...), public); err == nil {
			t.Fatalf("without byte %d it opens", i)
		}
	}
	for what, forged := range map[string][]byte{
		"nothing":          nil,
		"a line":           []byte("{}\n"),
		"twice":            append(bytes.Clone(line), line...),
		"something behind": append(bytes.Clone(line), "{}\n"...),
	} {
		if _, err := attestation.Open(forged, public); err == nil {
			t.Errorf("%s opens", what)
		}
	}
	if _, err := attestation.Open(line, signingKey(2).Public().(ed25519.PublicKey)); !errors.Is(err,
		attestation.ErrSignature) {
		t.Error(err)
	}
	_, forged := newScan(3, 1).drawn(t).statement(t, signingKey(2))
	// It names the installation's key, and is signed by another.
	own := bytes.SplitN(line, []byte(`"publicKey":"`), 2)[1][:44]
	theirs := bytes.SplitN(forged, []byte(`"publicKey":"`), 2)[1][:44]
	for _, one := range [][]byte{forged, bytes.Replace(forged, theirs, own, 1)} {
		if _, err := attestation.Open(one, public); !errors.Is(err, attestation.ErrSignature) {
			t.Error(err)
		}
	}
	_, unsigned := newScan(3, 1).drawn(t).statement(t, nil)
	if _, err := attestation.Open(unsigned, public); !errors.Is(err, attestation.ErrUnsigned) {
		t.Error(err)
	}
}

// What a statement counts must follow from its list: whoever signs can't say more than was seen.
func TestAStatementThatDoesNotFollowFromItsListIsRefused(t *testing.T) {
	t.Parallel()
	key := signingKey(1)
	public := key.Public().(ed25519.PublicKey)
	s := newScan(20, 4).drawn(t)
	found := object("clear")
	found.Sealed, found.Opened = nil, false
	found.Findings = []attestation.Finding{attestation.NewFinding(attestation.InTheClear, "s3://bucket/clear", "text")}
	s.rows = slices.Insert(s.rows, 0, found)
	s.rows = s.rows[:21]
	s.drawn(t)
	for what, change := range map[string]func(*attestation.Statement){
		"a finding is left out":     func(st *attestation.Statement) { st.Findings = []attestation.Finding{} },
		"none is counted":           func(st *attestation.Statement) { st.FindingsByKind = map[string]int64{} },
		"more objects":              func(st *attestation.Statement) { st.Objects.Current++ },
		"more was read":             func(st *attestation.Statement) { st.Read.OtherBytes = 0 },
		"another sample":            func(st *attestation.Statement) { st.Sample[0].Key = "key/9999" },
		"a smaller sample":          func(st *attestation.Statement) { st.Sample = st.Sample[1:] },
		"another seed":              func(st *attestation.Statement) { st.Scope.Seed = strings.Repeat("11", 32) },
		"everything was read":       func(st *attestation.Statement) { st.Scope.Mode = attestation.Full },
		"another bucket":            func(st *attestation.Statement) { st.Bucket.InStore = "other" },
		"another list":              func(st *attestation.Statement) { st.List.SHA256 = strings.Repeat("00", 32) },
		"a shorter list":            func(st *attestation.Statement) { st.List.Lines-- },
		"one run":                   func(st *attestation.Statement) { st.Runs = []attestation.Run{{Began: began.Add(1)}} },
		"another key opened":        func(st *attestation.Statement) { st.Keys[0].KMSKey = "arn:other" },
		"nothing opens without KMS": func(st *attestation.Statement) { st.Opening.WithoutKMS.Tried++ },
	} {
		st, _ := s.statement(t, key)
		change(st)
		line, err := attestation.Sign(st, key)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := attestation.Open(line, public)
		if err != nil {
			t.Fatal(err)
		}
		if err := attestation.Check(opened, bytes.NewReader(s.list(t))); err == nil {
			t.Errorf("%s, and the check finds nothing", what)
		}
	}
	st, _ := s.statement(t, key)
	list := s.list(t)
	if err := attestation.Check(st, bytes.NewReader(list)); err != nil || st.Verdict != attestation.Found {
		t.Errorf("%s, %v", st.Verdict, err)
	}
	st.Verdict = attestation.Clean
	if err := attestation.Check(st, bytes.NewReader(list)); err == nil {
		t.Error("a clean verdict over a finding")
	}
	st, _ = s.statement(t, key)
	for what, other := range map[string][]byte{
		"cut": list[:len(list)-5], "no list": nil, "no beginning": list[bytes.IndexByte(list, '\n')+1:],
		"two": append(bytes.Clone(list), list...), "no JSON": append(bytes.Clone(list), "x\n"...),
		"a row less":  list[:bytes.LastIndexByte(list[:len(list)-1], '\n')+1],
		"a row twice": append(bytes.Clone(list), list[bytes.LastIndexByte(list[:len(list)-1], '\n')+1:]...),
	} {
		if err := attestation.Check(st, bytes.NewReader(other)); err == nil {
			t.Errorf("%s: the check finds nothing", what)
		}
	}
}

// Everything that opened nothing says so first, and isn't clean, findings or not.
func TestNothingOpenedIsNoPass(t *testing.T) {
	t.Parallel()
	s := newScan(5, 2)
	for i := range s.rows {
		s.rows[i].Opened, s.rows[i].Unopened = false, "DisabledException"
	}
	st, _ := s.drawn(t).statement(t, signingKey(1))
	if st.Verdict != attestation.NothingOpened || !strings.HasPrefix(st.Conclusions[0], "Nothing opened: of 5 objects") {
		t.Errorf("%s %q", st.Verdict, st.Conclusions)
	}
	if len(st.Findings) != 1 || st.Findings[0].Kind != attestation.Unopened || st.Opening.Refused[0].Objects != 5 ||
		st.Keys[0].Unopened != 5 {
		t.Errorf("%+v\n%+v", st.Findings, st.Opening)
	}
	s = newScan(5, 0)
	s.rows[0].Opened, s.rows[0].Unopened = false, "DisabledException"
	if st, _ := s.statement(t, signingKey(1)); st.Verdict != attestation.Found {
		t.Errorf("one of five: %s", st.Verdict)
	}
	if st, _ := newScan(0, 3).statement(t, signingKey(1)); st.Verdict != attestation.Clean {
		t.Errorf("an empty bucket: %s", st.Verdict)
	}
}

// The sample is those names whose HMAC under the seed is smallest, whatever the order in which they are seen.
func TestTheSampleIsDrawnByTheSeed(t *testing.T) {
	t.Parallel()
	s := newScan(1000, 10)
	s.rows = append(s.rows, attestation.Row{Seen: attestation.Older, Key: "key/0001", Version: "v1", Stored: 1})
	gone, upload := object("gone"), object("upload")
	gone.Gone, upload.Seen = true, attestation.Upload
	s.rows = append(s.rows, gone, upload)
	raw, _ := hex.DecodeString(seed)
	type scored struct {
		name  string
		score [32]byte
	}
	var all []scored
	for i := range 1001 {
		row := s.rows[i]
		all = append(all, scored{row.Key + row.Version, attestation.Score(raw, row.Key, row.Version)})
	}
	slices.SortFunc(all, func(a, b scored) int { return bytes.Compare(a.score[:], b.score[:]) })
	for range 2 {
		drawn := s.tally(t).Drawn()
		if len(drawn) != 10 {
			t.Fatal(len(drawn))
		}
		for i, d := range drawn {
			if d.Key+d.Version != all[i].name {
				t.Errorf("%d: %s, want %s", i, d.Key, all[i].name)
			}
		}
		slices.Reverse(s.rows)
	}
	s.header.Scope.Seed = strings.Repeat("ab", 32)
	if d := s.tally(t).Drawn(); d[0].Key == all[0].name && d[1].Key == all[1].name {
		t.Error("another seed draws the same")
	}
	for _, bad := range []attestation.Scope{{Seed: "00"}, {Seed: seed, Sample: -1}, {Seed: strings.Repeat("x", 64)}} {
		if _, err := attestation.NewTally("b", &bad); err == nil {
			t.Errorf("%+v", bad)
		}
	}
	if _, err := newScan(5, 3).tally(t).Result(); err == nil {
		t.Error("a sample that was not read")
	}
	s = newScan(5, 3).drawn(t)
	extra := object("key/9")
	extra.Seen = attestation.OfSample
	s.rows = append(s.rows, extra)
	if _, err := s.tally(t).Result(); err == nil {
		t.Error("a sample with one that was not drawn")
	}
}

// Numbers are those of the rows; findings beyond the first thousand are counted, and bucket keys are distinguished.
func TestTheTallyCounts(t *testing.T) {
	t.Parallel()
	s := newScan(4, 0)
	s.rows[1].Sealed = &attestation.Sealed{KMSKey: "arn:aws:kms:…:key/1", SSE: "aws:kms", Blob: "other"}
	s.rows[2].Gone = true
	s.rows[3].Seen, s.rows[3].Later = attestation.Second, true
	older := object("key/0000")
	older.Seen, older.Version = attestation.Older, "v"
	s.rows = append(s.rows, older,
		attestation.Row{Seen: attestation.Marker, Key: "k", Version: "m"},
		attestation.Row{Seen: attestation.Upload, Key: "u", Upload: "id", Parts: 3, Stored: 99},
		attestation.Row{Seen: attestation.Left, Key: "l"})
	for range attestation.MaxFindings + 5 {
		s.rows = append(s.rows, attestation.Row{
			Seen:     attestation.Named,
			Findings: []attestation.Finding{attestation.NewFinding(attestation.UnknownName, "s3://b/x", "")},
		})
	}
	st, _ := s.statement(t, signingKey(1))
	if want := (attestation.Objects{
		Current: 3, Versions: 1, Bytes: 4 * 420, Sealed: 4, Gone: 1, Later: 1, Markers: 1, Uploads: 1, Parts: 3,
		PartBytes: 99,
		Leftovers: 1,
	}); st.Objects != want {
		t.Errorf("%+v", st.Objects)
	}
	if k := st.Keys[0]; len(st.Keys) != 1 || k.Objects != 4 || k.Blobs != 2 || k.Opened != 4 || k.Bytes != 4*420 {
		t.Errorf("%+v", st.Keys)
	}
	if len(st.Findings) != attestation.MaxFindings ||
		st.FindingsByKind[attestation.UnknownName] != attestation.MaxFindings+5 {
		t.Errorf("%d findings, %v", len(st.Findings), st.FindingsByKind)
	}
	if len(st.Uploads) != 1 || st.Read.OtherBytes != 4*420 {
		t.Errorf("%+v, %+v", st.Uploads, st.Read)
	}
}

func TestReadingAListThatFails(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.Repeat("x", 2<<20) + "\n", `{"list":{"kind":"other"}}` + "\n"} {
		if _, _, _, _, err := attestation.ReadList(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q is a list", text)
		}
	}
	broken := errors.New("broken")
	if _, _, _, _, err := attestation.ReadList(io.MultiReader(strings.NewReader("{"),
		brokenReader{broken})); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }
