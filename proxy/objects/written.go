package objects

import (
	"net/http"
	"time"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// WriteResult is the outcome of a write.
type WriteResult struct {
	ETag     string // the store's
	Modified time.Time
	Version  []s3.Element // its version's headers from the store
}

// storeTime is when the store answered, by its own clock, like every date that it reports later: its answer to a write
// doesn't say when the object was modified.
func storeTime(a *store.Answer, otherwise time.Time) time.Time {
	if date, err := http.ParseTime(string(a.Get("Date"))); err == nil {
		return date
	}
	return otherwise
}
