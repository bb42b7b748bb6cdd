package objects

import (
	"net/http"
	"time"

	"sealfront/proxy/s3"
	"sealfront/proxy/store"
)

// Written is what became of it.
type Written struct {
	ETag     string // the store's
	Modified time.Time
	Version  []s3.Element // what the store tells of its version
}

// storeTime is when the store answered, by its own clock, like every date that it tells later: it doesn't say when the
// object that it has just taken was modified.
func storeTime(a *store.Answer, otherwise time.Time) time.Time {
	if date, err := http.ParseTime(string(a.Get("Date"))); err == nil {
		return date
	}
	return otherwise
}
