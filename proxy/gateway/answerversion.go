package gateway

import (
	"sealfront/policy"
	"sealfront/proxy/store"
)

// askedVersion is the version that the request names. That of an object in a directory bucket is null, and the current
// one.
func (x *exchange) askedVersion() string {
	if policy.KindOf(x.Bucket) != policy.General || !x.Operation.OnVersion() {
		return ""
	}
	v, _ := x.grant.Query.Get("versionId")
	return v
}

// showVersion tells which version of the object the store's answer is about.
func (x *exchange) showVersion(a *store.Answer) {
	for _, e := range x.VersionOf(a) {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
}
