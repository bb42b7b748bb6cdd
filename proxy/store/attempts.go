package store

import (
	"context"
	"sync/atomic"
)

// Counted is a context under which, and under those derived from it, the requests that go out to the store are counted.
// It is made once for many requests, and ends one of them at a time without being asked to: see conn.attach.
func Counted(ctx context.Context) context.Context {
	c := &counted{Context: ctx}
	if ctx.Done() != nil {
		context.AfterFunc(ctx, func() {
			if at := c.at.Load(); at != nil {
				at.interrupt()
			}
		})
	}
	return c
}

// Sent is how many times a request has gone out under a context: repeated ones count each time, and those that the
// breaker didn't let through don't. It is -1 for a context that isn't one of Counted.
func Sent(ctx context.Context) int64 {
	if c, ok := ctx.Value(countedKey{}).(*counted); ok {
		return c.sent.Load()
	}
	return -1
}

type countedKey struct{}

type counted struct {
	context.Context
	sent atomic.Int64
	at   atomic.Pointer[conn] // on which a request goes out; nil: none does, or more than one
}

// Value is the counter itself, or the context's.
func (c *counted) Value(key any) any {
	if key == (countedKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// countSent counts a request that goes out.
func countSent(ctx context.Context) {
	if c, ok := ctx.Value(countedKey{}).(*counted); ok {
		c.sent.Add(1)
	}
}
