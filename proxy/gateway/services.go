package gateway

import (
	"sync"

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
}
