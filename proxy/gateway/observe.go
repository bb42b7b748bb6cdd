package gateway

import (
	"time"
)

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
