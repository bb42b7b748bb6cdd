package attestation

import (
	"fmt"
	"time"
)

// Kind is what a statement is, with the version of its form. Purpose is what its signing key is derived for.
const (
	Kind    = "sealfront attestation 1"
	Purpose = "attestation 1"
)

// A Statement says what a scan of a bucket found in the store. Sizes are of stored bytes.
type Statement struct {
	Kind      string    `json:"kind"` // Kind
	ID        string    `json:"id"`   // random
	PublicKey string    `json:"publicKey"`
	Target    string    `json:"target"` // s3://BUCKET/PREFIX
	Bucket    Bucket    `json:"bucket"`
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended"`
	Runs      []Run     `json:"runs"` // more than one: the scan was cut off and continued
	Host      string    `json:"host"` // where the command ran
	Version   string    `json:"version"`

	Verdict     string   `json:"verdict"`     // Clean, Found or NothingOpened
	Conclusions []string `json:"conclusions"` // the same in sentences
	Scope       Scope    `json:"scope"`
	Result
	Listings  []string `json:"listings"` // of the store, that were compared with each other
	NotProven []string `json:"notProven"`
	List      ListSum  `json:"list"`
	Audit     Audit    `json:"audit"`
}

// Verdicts.
const (
	Clean         = "clean"
	Found         = "findings"
	NothingOpened = "nothing opened"
)

// A Bucket is the one that was scanned.
type Bucket struct {
	Name     string `json:"name"`
	ARN      string `json:"arn,omitempty"` // "" where the bucket's record couldn't be read
	InStore  string `json:"inStore"`       // the store's name of it
	Endpoint string `json:"endpoint"`      // of the store
}

// A Run is one start of the command. A scan that was cut off has several.
type Run struct {
	Began time.Time `json:"began"`
	After string    `json:"after,omitempty"` // the key after which it went on
}

// Scope is what was to be read.
type Scope struct {
	Mode   string `json:"mode"`   // Sampled or Full
	Sample int    `json:"sample"` // objects that are drawn
	Seed   string `json:"seed"`   // 32 bytes, hexadecimal; drawn at the scan's start, and never sent to the store
}

// Modes of a Scope.
const (
	Sampled = "sample" // of each object the metadata and the end, of the sample everything
	Full    = "full"   // everything, and the sample twice
)

// ListSum identifies the list that a statement is made of.
type ListSum struct {
	SHA256 string `json:"sha256"`
	Lines  int64  `json:"lines"`
	Bytes  int64  `json:"bytes"`
}

// Audit is where the audit log's chain stood when the statement was made. The log has an event with the statement's
// SHA-256 afterwards.
type Audit struct {
	Record uint64 `json:"record,omitempty"`
	Hash   string `json:"hash,omitempty"`
	Why    string `json:"why,omitempty"` // the statement names no record of an audit log
}

// A Finding is something in the store that is not a sealed object of the bucket as it should be.
type Finding struct {
	Kind    string `json:"kind"`
	URI     string `json:"uri"`
	Version string `json:"version,omitempty"`
	Upload  string `json:"upload,omitempty"`
	Why     string `json:"why"`
	Do      string `json:"do"`
}

// NewFinding makes a finding of a kind, with what to do about it.
func NewFinding(kind, uri, format string, args ...any) Finding {
	return Finding{Kind: kind, URI: uri, Why: fmt.Sprintf(format, args...), Do: remedies[kind]}
}

// Kinds of findings, those of damage being package tools' as verify reports them.
const (
	InTheClear       = "clear"
	Stripped         = "stripped"
	Foreign          = "foreign"
	Misplaced        = "misplaced"
	WrongKey         = "key"
	Structured       = "structure"
	Unlisted         = "unlisted"
	Phantom          = "phantom"
	UnknownName      = "name"
	Unstable         = "unstable"
	Unopened         = "unopened"
	OpensWithoutKMS  = "opens without KMS"
	UnknownUpload    = "upload"
	Leftover         = "leftover"
	Unchecked        = "unchecked"
	DamagedLength    = "length"
	DamagedTrailer   = "trailer"
	DamagedSegment   = "segment"
	DamagedPadding   = "padding"
	restoreFromCopy  = "restore it from a backup or an older version; if the store did it, the store can't be trusted"
	putThroughTheWay = "find out who wrote it past the proxy, copy it through the proxy if it is needed, and delete it " +
		"here"
)

// remedies are what to do about each kind of finding.
var remedies = map[string]string{
	InTheClear: putThroughTheWay + "; what it holds must be taken as known to the store",
	Stripped: "restore its metadata entry from a backup: without it nobody can open the object; its bytes are still " +
		"sealed",
	Foreign:   putThroughTheWay,
	Misplaced: "find out who copied or changed it past the proxy; the proxy serves it to nobody",
	WrongKey: "if kms.allowed_keys was narrowed, rewrap the bucket under an allowed key first; otherwise somebody " +
		"changed the envelope in the store",
	Structured: "read it by 'sealfront verify': if it opens, this is a coincidence to be reported; otherwise its bytes " +
		"were replaced in the store",
	Unlisted: "ask the store's operator why its listings differ: clients that list can miss this object",
	Phantom:  "ask the store's operator why an object is listed that doesn't exist",
	UnknownName: "find out by the store's own tools what it is: no listing shows its exact name, so the proxy can't " +
		"serve it and nothing can be said of its bytes",
	Unstable: "ask the store's operator why one version of an object has two contents; read it by 'sealfront verify'",
	Unopened: "enable the KMS key, or give the installation the right to use it, and scan again: nothing is said of " +
		"what these objects hold",
	OpensWithoutKMS: "report this as a fault of Sealfront at once: an object must never open without KMS",
	UnknownUpload:   "abort it in the store if no copy or append of a large object is in progress; nobody can read its parts",
	Leftover: "a replica that runs removes it a day after it was made; otherwise look into the log for what keeps it " +
		"from that",
	Unchecked:      "repeat the scan when store and KMS answer",
	DamagedLength:  restoreFromCopy,
	DamagedTrailer: restoreFromCopy,
	DamagedSegment: restoreFromCopy,
	DamagedPadding: "copy it onto itself through the proxy: no reader uses these bytes, but nothing of the proxy's " +
		"writes them",
}

// conclude writes the verdict and its sentences.
func (s *Statement) conclude() {
	findings := int64(0)
	for _, n := range s.FindingsByKind {
		findings += n
	}
	o := &s.Opening
	say := func(format string, args ...any) { s.Conclusions = append(s.Conclusions, fmt.Sprintf(format, args...)) }
	s.Conclusions = nil
	switch {
	case o.Opened == 0 && s.Objects.Sealed > 0:
		s.Verdict = NothingOpened
		say("Nothing opened: of %d objects with an envelope not one was opened by KMS. Nothing is shown of what they "+
			"hold, nor that they can be read again.", s.Objects.Sealed)
	case findings > 0:
		s.Verdict = Found
	default:
		s.Verdict = Clean
	}
	if findings > 0 {
		say("Findings: %d. What follows is about everything that was seen, with them.", findings)
	}
	say("The store's bucket held %d objects and %d older versions of objects, of %d bytes: %d have an envelope of format "+
		"1, and %d were opened by KMS at their place.", s.Objects.Current, s.Objects.Versions, s.Objects.Bytes,
		s.Objects.Sealed, o.Opened)
	if s.Scope.Mode == Full {
		say("Every byte was read: %d objects and versions, %d bytes.", s.Read.Whole, s.Read.WholeBytes)
	} else {
		say("Of each object the metadata and its last 4,096 bytes were read. A sample of %d objects and versions was read "+
			"whole, %d bytes; %d bytes belong to objects of which nothing but the end was read.", s.Read.Whole,
			s.Read.WholeBytes, s.Read.OtherBytes)
	}
	if o.WithoutKMS.Tried > 0 {
		say("The same program without KMS opened %d of the %d objects of the sample.", o.WithoutKMS.Opened,
			o.WithoutKMS.Tried)
	}
	if len(s.Runs) > 1 {
		say("The scan was cut off and continued: it had %d runs.", len(s.Runs))
	}
}
