package gateway

import (
	"net/http"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// deleteObject carries out DeleteObject. No KMS is involved, so objects can be removed when their key is gone.
func deleteObject(x *exchange) error {
	told, err := x.Remove(x.context, x.grant.Value("if-match"), x.grant.Value("x-amz-if-match-size"),
		x.grant.Value("x-amz-if-match-last-modified-time"), x.bypasses())
	if err != nil {
		return err
	}
	for _, e := range told {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// bypasses reports whether the request asks for that, in a bucket that may have retentions.
func (x *exchange) bypasses() bool {
	return x.Facts.Kind == policy.General && strings.EqualFold(x.grant.Value(objects.BypassHeader), "true")
}

func (x *exchange) setBypass(r *store.Request) {
	if x.bypasses() {
		r.Set(objects.BypassHeader, "true")
	}
}
