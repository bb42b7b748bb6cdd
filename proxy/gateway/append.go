package gateway

import "sealfront/policy"

func appendObject(x *exchange, offset int64) error {
	return policy.NotImplemented(policy.PutObject)
}
