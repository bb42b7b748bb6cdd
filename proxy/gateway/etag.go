package gateway

import "strings"

// An ETag that clients see is the store's in a form that no tool takes for an MD5: it contains a dash and is
// neither 32 hexadecimal digits nor hex-digits, the form of a multipart object's. The mapping is reversible, so
// that conditions and part lists can be put to the store.
const etagPrefix = "sf-"

// clientETag returns the client's form, quoted, of the store's ETag.
func clientETag(stored []byte) string { return string(appendClientETag(nil, stored)) }

func appendClientETag(dst, stored []byte) []byte {
	dst = append(append(dst, '"'), etagPrefix...)
	return append(append(dst, unquote(text(stored))...), '"')
}

// storeETag returns the store's form, quoted, of an ETag that a client sent, quoted or bare. What isn't one of ours
// becomes a value that no object has.
func storeETag(sent string) string {
	value := unquote(strings.TrimPrefix(strings.TrimSpace(sent), "W/"))
	if stored, ok := strings.CutPrefix(value, etagPrefix); ok && stored != "" {
		return `"` + stored + `"`
	}
	return `"not-of-this-store"`
}

// storeCondition maps the ETags of an If-Match or If-None-Match list.
func storeCondition(list string) string {
	if strings.TrimSpace(list) == "*" {
		return "*"
	}
	var mapped []string
	for _, one := range strings.Split(list, ",") {
		mapped = append(mapped, storeETag(one))
	}
	return strings.Join(mapped, ", ")
}

// conditionNames tells whether a list of ETags, the store's, or * names one.
func conditionNames(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || unquote(strings.TrimPrefix(one, "W/")) == unquote(strings.TrimPrefix(etag, "W/")) {
			return true
		}
	}
	return false
}

func unquote(etag string) string {
	etag = strings.TrimSpace(etag)
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}
