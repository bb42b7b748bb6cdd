package gateway

import (
	"net/http"
	"strings"

	"sealfront/policy"
	"sealfront/proxy/objects"
	"sealfront/proxy/store"
)

// deleteObject carries out DeleteObject. It doesn't call KMS, so objects can be deleted when their key is gone.
func deleteObject(x *exchange) error {
	version, err := x.Remove(x.context, x.grant.Value("if-match"), x.grant.Value("x-amz-if-match-size"),
		x.grant.Value("x-amz-if-match-last-modified-time"), x.bypasses())
	if err != nil {
		return err
	}
	for _, e := range version {
		x.ctx.Response.Header.Set(e.Name, e.Value)
	}
	x.ctx.Response.SetStatusCode(http.StatusNoContent)
	return nil
}

// bypasses reports whether the request bypasses governance mode, in a bucket that may have retentions.
func (x *exchange) bypasses() bool {
	return x.Facts.Kind == policy.General && strings.EqualFold(x.grant.Value(objects.BypassHeader), "true")
}

func (x *exchange) setBypass(r *store.Request) {
	if x.bypasses() {
		r.Set(objects.BypassHeader, "true")
	}
}
