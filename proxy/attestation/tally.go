package attestation

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
)

// A Result is what a list comes to.
type Result struct {
	Objects  Objects   `json:"objects"`
	Read     Read      `json:"read"`
	Keys     []KeyUse  `json:"keys"`
	Opening  Opening   `json:"opening"`
	Sample   []Row     `json:"sample"` // in the order of the draw
	Uploads  []Row     `json:"uploads"`
	Findings []Finding `json:"findings"` // the first MaxFindings; all are in the list
	// FindingsByKind counts all of them.
	FindingsByKind map[string]int64 `json:"findingsByKind"`
}

// MaxFindings is how many findings a statement names, and maxBlobs up to which number bucket keys are counted.
const (
	MaxFindings = 1000
	maxBlobs    = 100_000
)

// Objects are numbers of things in the store.
type Objects struct {
	Current   int64 `json:"current"`
	Versions  int64 `json:"versions"` // older ones
	Bytes     int64 `json:"bytes"`    // of both
	Sealed    int64 `json:"sealed"`   // of both, with an envelope of a known format
	Gone      int64 `json:"gone"`     // listed, and deleted meanwhile
	Later     int64 `json:"later"`    // of the current ones, made meanwhile
	Markers   int64 `json:"deleteMarkers"`
	Uploads   int64 `json:"uploads"`
	Parts     int64 `json:"parts"`
	PartBytes int64 `json:"partBytes"` // nobody can read them
	Leftovers int64 `json:"leftovers"`
}

// Read is how much was read.
type Read struct {
	Ends       int64 `json:"ends"`  // objects and versions of which metadata and end were read
	Whole      int64 `json:"whole"` // those that were read whole
	WholeBytes int64 `json:"wholeBytes"`
	OtherBytes int64 `json:"otherBytes"` // of objects and versions that weren't read whole
}

// A KeyUse is what lies under a KMS key.
type KeyUse struct {
	KMSKey   string `json:"kmsKey"`
	SSE      string `json:"sse"`
	Objects  int64  `json:"objects"` // and versions
	Bytes    int64  `json:"bytes"`
	Blobs    int64  `json:"blobs"`              // different bucket keys
	AtLeast  bool   `json:"atLeast,omitempty"`  // there are more of them
	Opened   int64  `json:"opened"`             // by KMS
	Unopened int64  `json:"unopened,omitempty"` // KMS refused, or didn't answer
}

// Opening is what came of the attempts to open.
type Opening struct {
	Opened     int64     `json:"opened"` // envelope and end, by KMS
	Refused    []Refused `json:"refused"`
	Bodies     int64     `json:"bodies"` // objects whose every segment was opened
	WithoutKMS Trial     `json:"withoutKMS"`
}

// Refused are objects that KMS didn't open, by its answer.
type Refused struct {
	KMSKey  string `json:"kmsKey"`
	Answer  string `json:"answer"`
	Objects int64  `json:"objects"`
	Example string `json:"example"` // a key
}

// A Trial is how often something was tried and succeeded.
type Trial struct {
	Tried  int64 `json:"tried"`
	Opened int64 `json:"opened"`
}

// A Tally counts the rows of a list. Its memory doesn't grow with the list: it keeps the sample, MaxFindings findings,
// and the digests of up to 100,000 bucket keys.
type Tally struct {
	target  string // for the URIs of findings
	mode    string
	draw    draw
	sampled map[string]Row
	keys    map[[2]string]*KeyUse
	blobs   map[[2]string]map[string]struct{}
	counted int // of blobs
	refused map[[2]string]*Refused
	result  Result
}

// NewTally begins to count a scan of this scope. bucket is for the URIs of findings.
func NewTally(bucket string, s *Scope) (*Tally, error) {
	seed, err := hex.DecodeString(s.Seed)
	if err != nil || len(seed) != 32 || s.Sample < 0 {
		return nil, fmt.Errorf("the scope has no seed of 32 bytes, or no size of a sample")
	}
	return &Tally{
		target: "s3://" + bucket + "/", mode: s.Mode, draw: draw{n: s.Sample, seed: seed}, sampled: map[string]Row{},
		keys: map[[2]string]*KeyUse{}, blobs: map[[2]string]map[string]struct{}{}, refused: map[[2]string]*Refused{},
		result: Result{FindingsByKind: map[string]int64{}},
	}, nil
}

// Add counts a row.
func (t *Tally) Add(r *Row) {
	o := &t.result.Objects
	for i := range r.Findings {
		t.find(&r.Findings[i])
	}
	switch {
	case r.Gone && r.Seen != OfSample:
		o.Gone++
	case r.isObject():
		t.addObject(r)
	case r.Seen == Marker:
		o.Markers++
	case r.Seen == Upload:
		o.Uploads++
		o.Parts += r.Parts
		o.PartBytes += r.Stored
		if len(t.result.Uploads) < MaxFindings {
			t.result.Uploads = append(t.result.Uploads, *r)
		}
	case r.Seen == Left:
		o.Leftovers++
	case r.Seen == OfSample:
		t.addSampled(r)
	}
}

func (t *Tally) addObject(r *Row) {
	o := &t.result.Objects
	if r.Seen == Older {
		o.Versions++
	} else {
		o.Current++
	}
	if r.Later {
		o.Later++
	}
	o.Bytes += r.Stored
	t.draw.add(r)
	if r.Read != "" {
		t.result.Read.Ends++
	}
	if t.mode == Full && r.Read == ReadWhole { // otherwise the sample's are counted
		t.addWhole(r)
	}
	if r.Sealed == nil {
		return
	}
	o.Sealed++
	name := [2]string{r.Sealed.KMSKey, r.Sealed.SSE}
	use := t.keys[name]
	if use == nil {
		use = &KeyUse{KMSKey: name[0], SSE: name[1]}
		t.keys[name], t.blobs[name] = use, map[string]struct{}{}
	}
	use.Objects++
	use.Bytes += r.Stored
	if _, ok := t.blobs[name][r.Sealed.Blob]; !ok {
		if t.counted < maxBlobs {
			t.blobs[name][r.Sealed.Blob] = struct{}{}
			t.counted++
			use.Blobs++
		} else {
			use.AtLeast = true
		}
	}
	switch {
	case r.Opened:
		use.Opened++
		t.result.Opening.Opened++
	case r.Unopened != "":
		use.Unopened++
		why := [2]string{r.Sealed.KMSKey, r.Unopened}
		if t.refused[why] == nil {
			t.refused[why] = &Refused{KMSKey: why[0], Answer: why[1], Example: r.Key}
		}
		t.refused[why].Objects++
	}
}

func (t *Tally) addWhole(r *Row) {
	t.result.Read.Whole++
	t.result.Read.WholeBytes += r.Stored
	if r.Opened {
		t.result.Opening.Bodies++
	}
}

func (t *Tally) addSampled(r *Row) {
	t.sampled[r.Key+"\x00"+r.Version] = *r
	if t.mode != Full && r.Read == ReadWhole {
		t.addWhole(r)
	}
	if r.Without != "" {
		t.result.Opening.WithoutKMS.Tried++
	}
	if r.Without == DidOpen {
		t.result.Opening.WithoutKMS.Opened++
	}
}

func (t *Tally) find(f *Finding) {
	t.result.FindingsByKind[f.Kind]++
	if len(t.result.Findings) < MaxFindings {
		t.result.Findings = append(t.result.Findings, *f)
	}
}

// Drawn is the sample, in the order of its scores: to be read once everything else has been added.
func (t *Tally) Drawn() []Drawn { return t.draw.drawn() }

// Result ends the tally. It is an error when the sample's rows aren't those of the draw.
func (t *Tally) Result() (*Result, error) {
	r := &t.result
	drawn := t.Drawn()
	r.Sample = make([]Row, 0, len(drawn))
	for _, d := range drawn {
		row, ok := t.sampled[d.Key+"\x00"+d.Version]
		if !ok {
			return nil, fmt.Errorf("the sample has no row of %q, which was drawn", d.Key)
		}
		r.Sample = append(r.Sample, row)
	}
	if len(t.sampled) != len(drawn) {
		return nil, fmt.Errorf("the sample has %d rows, and %d objects were drawn", len(t.sampled), len(drawn))
	}
	r.Read.OtherBytes = max(0, r.Objects.Bytes-r.Read.WholeBytes)
	r.Keys = []KeyUse{}
	for _, use := range t.keys {
		r.Keys = append(r.Keys, *use)
	}
	slices.SortFunc(r.Keys, func(a, b KeyUse) int {
		return cmp.Or(cmp.Compare(a.KMSKey, b.KMSKey),
			cmp.Compare(a.SSE, b.SSE))
	})
	r.Opening.Refused = []Refused{}
	for _, refused := range t.refused {
		r.Opening.Refused = append(r.Opening.Refused, *refused)
	}
	slices.SortFunc(r.Opening.Refused, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(a.KMSKey, b.KMSKey), cmp.Compare(a.Answer, b.Answer))
	})
	for _, refused := range r.Opening.Refused {
		f := NewFinding(Unopened, t.target+refused.Example, "%d objects or versions under the KMS key %s, of which this is "+
			"one, did not open: %s", refused.Objects, refused.KMSKey, refused.Answer)
		t.find(&f)
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	if r.Uploads == nil {
		r.Uploads = []Row{}
	}
	return r, nil
}
