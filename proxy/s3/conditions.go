package s3

import (
	"net/http"
	"strings"
	"time"
)

// HeaderTime reads a date in one of the three forms of HTTP; ok is false for any other value.
func HeaderTime(value string) (time.Time, bool) {
	t, err := http.ParseTime(value)
	return t, err == nil
}

// ListsETag reports whether a client's list of ETags names the store's ETag.
func ListsETag(list, etag string) bool {
	if strings.TrimSpace(list) == "*" {
		return true
	}
	for one := range strings.SplitSeq(list, ",") {
		if StoreETag(one) == `"`+Unquote(etag)+`"` {
			return true
		}
	}
	return false
}
