package access

import "sealfront/policy"

// Caller is who sent the request, as policies see it.
func (x *Grant) Caller() *policy.Caller { return &x.caller }
