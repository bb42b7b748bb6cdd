package gateway

import (
	"sealfront/proxy/store"
)

// showVersion tells which version of the object the store's answer is about.
func (x *exchange) showVersion(a *store.Answer) {
	for _, e := range x.VersionOf(a) {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
}
