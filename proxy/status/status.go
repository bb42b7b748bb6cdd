package status

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Sources are where the page's values come from. All are required but where it says otherwise.
type Sources struct {
	History *History
	Health  func() []Standing
	Facts   func() []Fact
	Row     func(row string) string // what a row of the behaviour reference says
	Ready   func() bool
	// Buckets are the first limit buckets by name; more says that there are others. Replicas are those before the same
	// store, this one first; nil where no other can be. Both are called in the background.
	Buckets  func(ctx context.Context, limit int) (list []Bucket, more bool, err error)
	Replicas func(ctx context.Context) ([]Replica, error)
	// Failures are the last requests that failed; nil for none.
	Failures *Failures
	// Token says that the admin address needs a token, which forms then ask for.
	Token bool

	buckets  background[bucketList]
	replicas background[[]Replica]
}

type bucketList struct {
	list []Bucket
	more bool
}

// A Standing is how something stands that is needed.
type Standing struct {
	Name   string    `json:"name"`
	State  string    `json:"state"`
	Bad    bool      `json:"bad"` // requests fail by it
	Why    string    `json:"why"` // "" when it is well
	Since  time.Time `json:"since"`
	Works  string    `json:"works"` // without it
	Millis float64   `json:"millis"`
}

// A Bucket is one as the page shows it.
type Bucket struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`    // directory | general purpose
	Default string `json:"default"` // encryption
	Key     string `json:"key"`
}

// A Fact is a name with a value.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Bad   bool   `json:"bad,omitempty"`
}

// A Refusal is how often a row refused.
type Refusal struct {
	Row   string  `json:"row"`
	Why   string  `json:"why"`
	Count float64 `json:"count"`
}

// Keys are how bucket keys did since the start.
type Keys struct {
	HitRate   float64            `json:"hitRate"` // 0 to 1
	Hits      float64            `json:"hits"`
	Misses    float64            `json:"misses"`
	Calls     float64            `json:"calls"`
	Failed    float64            `json:"failed"`
	Saved     float64            `json:"saved"`
	Entries   map[string]float64 `json:"entries"` // by table, opening and sealing
	Evictions float64            `json:"evictions"`
}

// A Report is what the page shows, as JSON.
type Report struct {
	At          time.Time          `json:"at"`
	Ready       bool               `json:"ready"`
	Headline    []Line             `json:"headline"` // the worst first, never empty
	Now         Traffic            `json:"now"`
	Hour        Traffic            `json:"hour"`
	Pieces      []Traffic          `json:"pieces"`
	Active      float64            `json:"active"`
	Connections float64            `json:"connections"`
	Operations  map[string]float64 `json:"operations"` // requests since the start
	Keys        Keys               `json:"keys"`
	Shed        float64            `json:"shed"`
	Integrity   float64            `json:"integrity"`
	Failures    []Failure          `json:"failures"` // the newest first
	Refused     []Failure          `json:"refused"`
	Refusals    []Refusal          `json:"refusals"`
	Health      []Standing         `json:"health"`
	Alone       bool               `json:"alone"` // no other replica can be
	Replicas    []Replica          `json:"replicas"`
	ReplicasWhy string             `json:"replicasWhy,omitempty"` // why they can't be read
	Buckets     []Bucket           `json:"buckets"`
	MoreBuckets bool               `json:"moreBuckets"`
	BucketsWhy  string             `json:"bucketsWhy,omitempty"` // why they can't be listed
	Facts       []Fact             `json:"facts"`
	Token       bool               `json:"token"` // forms need it
}

const shownBuckets = 100

// Report gathers what the page shows. It waits for nothing: what the store says is read behind its back.
func (s *Sources) Report(ctx context.Context) (*Report, error) {
	p, err := s.History.traffic()
	if err != nil {
		return nil, err
	}
	c := p.current
	r := &Report{
		At: time.Now().UTC(), Ready: s.Ready(), Now: p.now, Hour: p.hour, Pieces: p.pieces, Active: c.Active,
		Connections: c.Connections,
		Operations:  c.Operations, Shed: c.Shed, Integrity: c.Integrity, Health: s.Health(), Facts: s.Facts(),
		Alone: s.Replicas == nil, Token: s.Token,
		Keys: Keys{
			Hits: c.Hits, Misses: c.Misses, Calls: c.KMSCalls, Failed: c.KMSFailed, Saved: c.Saved,
			Entries: c.Entries, Evictions: c.Evictions,
		},
	}
	if all := c.Hits + c.Misses; all > 0 {
		r.Keys.HitRate = c.Hits / all
	}
	for row, n := range c.Refusals {
		if n > 0 {
			r.Refusals = append(r.Refusals, Refusal{row, s.Row(row), n})
		}
	}
	slices.SortFunc(r.Refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Row, b.Row))
	})
	if s.Failures != nil {
		r.Failures, r.Refused = s.Failures.Last()
		s.explain(r.Failures)
		s.explain(r.Refused)
	}
	s.readBehind(ctx, r)
	r.Headline = headline(r, p.minute, c.Integrity-p.earlier.Integrity)
	return r, nil
}

// explain sets what their rows say.
func (s *Sources) explain(list []Failure) {
	for i := range list {
		if list[i].Row != "" {
			list[i].Why = s.Row(list[i].Row)
		}
	}
}

// readBehind sets what was last read from the store.
func (s *Sources) readBehind(ctx context.Context, r *Report) {
	b, why := s.buckets.get(ctx, bucketsLife, func(ctx context.Context) (b bucketList, err error) {
		b.list, b.more, err = s.Buckets(ctx, shownBuckets)
		return b, err
	})
	r.Buckets, r.MoreBuckets, r.BucketsWhy = b.list, b.more, why
	if s.Replicas != nil {
		r.Replicas, r.ReplicasWhy = s.replicas.get(ctx, replicasLife, s.Replicas)
	}
}

// ServeJSON answers GET /status.
func (s *Sources) ServeJSON(w http.ResponseWriter, r *http.Request) {
	report, err := s.Report(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(report) // the operator went away
}
