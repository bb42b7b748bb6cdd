package attestation

import "time"

// ListKind is what a list is, with the version of its form.
const ListKind = "sealfront attestation list 1"

// A Line of a list has one of its fields.
type Line struct {
	List *Header `json:"list,omitempty"` // the first line
	Run  *Run    `json:"run,omitempty"`  // where a run began
	Row  *Row    `json:"row,omitempty"`
}

// A Header says which scan a list is of.
type Header struct {
	Kind   string `json:"kind"` // ListKind
	ID     string `json:"id"`   // the statement's
	Target string `json:"target"`
	Bucket Bucket `json:"bucket"`
	Scope  Scope  `json:"scope"`
}

// A Row is one thing that was seen in the store.
type Row struct {
	Seen     string     `json:"seen"`
	Key      string     `json:"key"`
	Version  string     `json:"version,omitempty"` // of an older version
	Upload   string     `json:"upload,omitempty"`  // the id of an upload
	Modified *time.Time `json:"modified,omitempty"`
	ETag     string     `json:"etag,omitempty"` // the store's, as the answer that was read had it
	Stored   int64      `json:"stored"`         // bytes, of an upload those of its parts
	Parts    int64      `json:"parts,omitempty"`
	Gone     bool       `json:"gone,omitempty"`  // deleted between the listing and the reading
	Later    bool       `json:"later,omitempty"` // made while the scan ran
	Sealed   *Sealed    `json:"sealed,omitempty"`
	Read     string     `json:"read,omitempty"`   // ReadEnd or ReadWhole
	SHA256   string     `json:"sha256,omitempty"` // of all stored bytes, where they were read whole
	Opened   bool       `json:"opened,omitempty"` // envelope and end; where it was read whole, every segment
	Unopened string     `json:"unopened,omitempty"`
	Without  string     `json:"withoutKMS,omitempty"` // Failed, or Opened
	Findings []Finding  `json:"findings,omitempty"`
}

// Where a row comes from.
const (
	Listed   = "listing"
	Second   = "second listing" // which shows it, and the first doesn't
	Older    = "version"
	Marker   = "delete marker"
	Upload   = "upload"
	Left     = "leftover"
	Named    = "name"   // a listed name that isn't an object's own
	OfSample = "sample" // a second row of an object or a version
)

// How much was read, and what came of the trial without KMS.
const (
	ReadEnd    = "end"
	ReadWhole  = "whole"
	FailedOpen = "failed"
	DidOpen    = "opened"
)

// Sealed is what an envelope says without being opened.
type Sealed struct {
	ObjectID string `json:"objectId"`
	SSE      string `json:"sse"`
	KMSKey   string `json:"kmsKey"`
	Blob     string `json:"blob"` // the first 16 digits of the bucket key blob's SHA-256
}

// isObject reports whether a row is an object or a version that there was to read.
func (r *Row) isObject() bool {
	return !r.Gone && (r.Seen == Listed || r.Seen == Second || r.Seen == Older)
}
