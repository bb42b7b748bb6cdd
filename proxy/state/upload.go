package state

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"sealfront/crypto"
)

// ErrNoUpload means that there is no such upload: never made, or long gone.
var ErrNoUpload = errors.New("no such upload")

// An Upload is the record of a multipart upload. It never holds the data key: the envelope wraps it.
type Upload struct {
	Bucket      string    `json:"bucket"`
	Incarnation string    `json:"incarnation"` // of the bucket
	Key         string    `json:"key"`
	ID          string    `json:"id"` // the store's, which clients use too
	Initiated   time.Time `json:"initiated"`
	Envelope    []byte    `json:"envelope"`         // binary form
	Header      []Header  `json:"header,omitempty"` // what CreateMultipartUpload sent to the store, less the envelope
	// The checksum that CreateMultipartUpload asked for, by its number in the format; 0: none asked.
	Algorithm crypto.Algorithm    `json:"algorithm,omitempty"`
	Type      crypto.ChecksumType `json:"type,omitempty"`

	// State is "open", "completed" or "aborted". The latter two stay for a day, so that a repeated request is
	// answered.
	State      string      `json:"state"`
	Ended      time.Time   `json:"ended,omitzero"`
	Completion *Completion `json:"completion,omitempty"`
}

// A Header is one metadata header of an object.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// A Completion is what CompleteMultipartUpload answered, and to which list of parts.
type Completion struct {
	List     []byte `json:"list"` // SHA-256 of the request's part list
	ETag     string `json:"etag"` // the store's
	Checksum string `json:"checksum,omitempty"`
	Parts    int    `json:"parts"`
}

// The states of an upload.
const (
	UploadOpen      = "open"
	UploadCompleted = "completed"
	UploadAborted   = "aborted"
)

// Where an upload's records lie: see doc.go.
const (
	uploadPrefix = "uploads/"
	uploadRecord = "upload"
	partsDir     = "parts/"
	stashDir     = "stash/"
)

// uploadDir is the prefix of everything that belongs to one upload.
func uploadDir(bucket, id string) string {
	sum := sha256.Sum256([]byte(id))
	return uploadPrefix + bucket + "/" + hex.EncodeToString(sum[:]) + "/"
}

// cachedUpload is a record that CreateUpload wrote or Upload read.
type cachedUpload struct {
	upload Upload
	etag   string
	read   time.Time
}
