package gateway

import (
	"sync"
	"sync/atomic"

	"go.uber.org/zap"

	"sealfront/proxy/access"
	"sealfront/proxy/objects"
)

// services are what all requests share.
type services struct {
	o         Options
	log       *zap.Logger
	access    *access.Checker
	objects   *objects.Objects
	admission admission
	exchanges sync.Pool
	unlogged  atomic.Uint64 // share of successful requests that the log doesn't show, as math.Float64bits
}
