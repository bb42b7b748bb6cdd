package status

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"time"
)

// Sources are where the page's values come from.
type Sources struct {
	History *History
	Health  func() []Standing
	// Buckets are the first limit buckets by name; more says that there are others. It is called in the background.
	Buckets func(ctx context.Context, limit int) (list []Bucket, more bool, err error)
	Facts   func() []Fact
	Row     func(row string) string // what a row of the behaviour reference says
	Ready   func() bool

	buckets bucketList
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

// A Report is what the page shows, as JSON.
type Report struct {
	At          time.Time          `json:"at"`
	Ready       bool               `json:"ready"`
	Now         Traffic            `json:"now"`
	Hour        Traffic            `json:"hour"`
	Pieces      []Traffic          `json:"pieces"`
	Active      float64            `json:"active"`
	Connections float64            `json:"connections"`
	Operations  map[string]float64 `json:"operations"`
	Keys        struct {
		HitRate float64 `json:"hitRate"` // 0 to 1
		Hits    float64 `json:"hits"`
		Misses  float64 `json:"misses"`
		Calls   float64 `json:"calls"`
		Failed  float64 `json:"failed"`
		Saved   float64 `json:"saved"`
	} `json:"keys"`
	Shed        float64    `json:"shed"`
	Integrity   float64    `json:"integrity"`
	Refusals    []Refusal  `json:"refusals"`
	Health      []Standing `json:"health"`
	Buckets     []Bucket   `json:"buckets"`
	MoreBuckets bool       `json:"moreBuckets"`
	BucketsWhy  string     `json:"bucketsWhy,omitempty"` // why they can't be listed
	Facts       []Fact     `json:"facts"`
}

const shownBuckets = 100

// Report gathers what the page shows.
func (s *Sources) Report(ctx context.Context) (*Report, error) {
	now, hour, pieces, c, err := s.History.traffic()
	if err != nil {
		return nil, err
	}
	r := &Report{
		At: time.Now(), Ready: s.Ready(), Now: now, Hour: hour, Pieces: pieces, Active: c.Active,
		Connections: c.Connections,
		Operations:  c.Operations, Shed: c.Shed, Integrity: c.Integrity, Health: s.Health(), Facts: s.Facts(),
	}
	k := &r.Keys
	k.Hits, k.Misses, k.Calls, k.Failed, k.Saved = c.Hits, c.Misses, c.KMSCalls, c.KMSFailed, c.Saved
	if all := c.Hits + c.Misses; all > 0 {
		k.HitRate = c.Hits / all
	}
	for row, n := range c.Refusals {
		r.Refusals = append(r.Refusals, Refusal{row, s.Row(row), n})
	}
	slices.SortFunc(r.Refusals, func(a,
		b Refusal,
	) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Row, b.Row))
	})
	r.Buckets, r.MoreBuckets, r.BucketsWhy = s.buckets.get(ctx, s.Buckets)
	return r, nil
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

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// ServePage answers GET /.
func (s *Sources) ServePage(w http.ResponseWriter, _ *http.Request) {
	var random [16]byte
	rand.Read(random[:])
	nonce := base64.RawStdEncoding.EncodeToString(random[:])
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+
		"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_ = page.Execute(w, struct{ Nonce string }{nonce}) // the operator went away
}
