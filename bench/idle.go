package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// smallObject is the size of what is read once on each connection that is idle then.
const smallObject = 4 << 10

// idlers send requests on so many connections at once: handshakes cost what they cost.
const idlers = 32

// holdIdle makes n connections, sends one request on each, and leaves them idle. In the end each is used again, so that
// none is counted that had been closed.
func holdIdle(ctx context.Context, s *survey, t *target, n int) (*hold, error) {
	body, conns, fresh := newContent(smallObject), make([]net.Conn, n), t.withoutResumption()
	ask := func(ctx context.Context) error {
		ctx, stop := context.WithTimeout(ctx, arriving)
		defer stop()
		var next, failed atomic.Int64
		var first error
		var once sync.Once
		var all sync.WaitGroup
		for range idlers {
			all.Go(func() {
				w := newWorker(fresh, &cell{Size: body.size, Payload: modeUnsigned}, &settings{verify: 1}, body, 0)
				for i := next.Add(1) - 1; int(i) < n && ctx.Err() == nil; i = next.Add(1) - 1 {
					if conns[i] != nil {
						w.use(conns[i])
					}
					_, err := w.get(ctx, 0, body.size, "")
					if err == nil && w.conn == nil {
						err = errors.New("the program closed the connection after its answer")
					}
					if err != nil {
						failed.Add(1)
						once.Do(func() { first = err })
					}
					conns[i], w.conn = w.conn, nil
				}
			})
		}
		all.Wait()
		if failed.Load() > 0 {
			return fmt.Errorf("%d of %d connections failed: %w", failed.Load(), n, first)
		}
		return ctx.Err()
	}
	h := &hold{open: n, release: ask, close: func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}}
	if err := ask(ctx); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// withoutResumption is the target for clients that resume no sessions of TLS: so many clients are not one.
func (t *target) withoutResumption() *target {
	fresh := *t
	if t.tls != nil {
		fresh.tls = &tls.Config{RootCAs: t.tls.RootCAs, ServerName: t.tls.ServerName, MinVersion: tls.VersionTLS12}
	}
	return &fresh
}
