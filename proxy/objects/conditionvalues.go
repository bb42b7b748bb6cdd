package objects

import (
	"net/http"
	"strings"
	"time"

	"sealfront/proxy/s3"
)

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
		if s3.StoreETag(one) == `"`+s3.Unquote(etag)+`"` {
			return true
		}
	}
	return false
}
