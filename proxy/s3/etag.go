package s3

import "strings"

// An ETag that clients see is the store's in a form that no tool takes for an MD5: it contains a dash and is
// neither 32 hexadecimal digits nor hex-digits, the form of a multipart object's. The mapping is reversible, so
// that conditions and part lists can be put to the store.
const EtagPrefix = "sf-"

// ClientETag returns the client's form, quoted, of the store's ETag.
func ClientETag(stored []byte) string { return string(AppendClientETag(nil, stored)) }

// AppendClientETag appends what ClientETag returns.
func AppendClientETag(dst, stored []byte) []byte {
	dst = append(append(dst, '"'), EtagPrefix...)
	return append(append(dst, Unquote(View(stored))...), '"')
}

// StoreETag returns the store's form, quoted, of an ETag that a client sent, quoted or bare. What isn't one of ours
// becomes a value that no object has.
func StoreETag(sent string) string {
	value := Unquote(strings.TrimPrefix(strings.TrimSpace(sent), "W/"))
	if stored, ok := strings.CutPrefix(value, EtagPrefix); ok && stored != "" {
		return `"` + stored + `"`
	}
	return `"not-of-this-store"`
}

// StoreCondition maps the ETags of an If-Match or If-None-Match list.
func StoreCondition(list string) string {
	if strings.TrimSpace(list) == "*" {
		return "*"
	}
	var mapped []string
	for _, one := range strings.Split(list, ",") {
		mapped = append(mapped, StoreETag(one))
	}
	return strings.Join(mapped, ", ")
}

// ConditionNames tells whether a list of ETags, the store's, or * names one.
func ConditionNames(list, etag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || Unquote(strings.TrimPrefix(one, "W/")) == Unquote(strings.TrimPrefix(etag, "W/")) {
			return true
		}
	}
	return false
}

// Unquote returns an ETag without its quotes, if it has any.
func Unquote(etag string) string {
	etag = strings.TrimSpace(etag)
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}
