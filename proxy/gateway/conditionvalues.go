package gateway

import (
	"net/http"
	"strings"
	"time"

	"sealfront/proxy/s3"
)

func headerTime(value string) (time.Time, bool) {
	t, err := http.ParseTime(value)
	return t, err == nil
}

// listsETag reports whether a client's list of ETags names the store's ETag.
func listsETag(list, etag string) bool {
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
