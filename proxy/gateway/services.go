package gateway

import (
	"sync"
	"time"

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

func (g *services) count(operation, code, row string, took time.Duration) {
	if g.o.Observe.Request != nil {
		g.o.Observe.Request(operation, code, took)
	}
	if row != "" && code != "" && g.o.Observe.Refusal != nil {
		g.o.Observe.Refusal(row)
	}
}

func (g *services) shed(reason string) {
	if g.o.Observe.Shed != nil {
		g.o.Observe.Shed(reason)
	}
}

func (g *services) damaged(kind string) {
	if g.o.Observe.Integrity != nil {
		g.o.Observe.Integrity(kind)
	}
}
