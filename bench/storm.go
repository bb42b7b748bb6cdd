package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// holdStorm makes n connections, on all of which one small request follows the other for a while, writes and reads in
// turns. Then all are closed at once, and nothing is held.
func holdStorm(ctx context.Context, s *survey, t *target, n int) (*hold, error) {
	h := &hold{release: func(context.Context) error { return nil }, close: func() {}}
	if n == 0 {
		return h, nil
	}
	within, stop := context.WithCancel(ctx)
	defer stop()
	var ready, all sync.WaitGroup
	var requests atomic.Int64
	failed, begin := make(chan error, n), make(chan struct{})
	handshakes := make(chan struct{}, idlers)
	fresh, body := t.withoutResumption(), newContent(smallObject)
	ready.Add(n)
	for number := range n {
		all.Go(func() {
			handshakes <- struct{}{}
			w := stormWorker(within, fresh, body, number)
			defer w.close()
			err := w.dial(within)
			<-handshakes
			ready.Done()
			<-begin
			wait(within, s.pause*time.Duration(number)/time.Duration(n)) // so that not all come at once
			for ; err == nil && within.Err() == nil; requests.Add(1) {
				if err = w.put(within); err == nil && within.Err() == nil {
					_, err = w.get(within, 0, w.content.size, "")
				}
				wait(within, s.pause)
			}
			if err != nil && within.Err() == nil {
				failed <- err
			}
		})
	}
	ready.Wait()
	watch := watchProcesses(t.processes)
	close(begin)
	most := 0.0
	for start := time.Now(); ctx.Err() == nil && len(failed) == 0 && time.Since(start) < s.duration; {
		if m, ok := t.scrape(ctx); ok {
			h.highest.heap, h.highest.runtime = max(h.highest.heap, m.heap), max(h.highest.runtime, m.runtime)
			most = max(most, m.open)
		}
		wait(ctx, min(100*time.Millisecond, s.duration))
	}
	h.highest.resident = float64(watch().peak)
	stop()
	all.Wait()
	if len(failed) > 0 {
		return nil, fmt.Errorf("%d of %d connections failed: %w", len(failed), n, <-failed)
	}
	if int(most) < n {
		return nil, fmt.Errorf("at most %.0f of %d connections were open at once", most, n)
	}
	s.progress.say("%d connections: %d pairs of PUT and GET", n, requests.Load())
	return h, ctx.Err()
}

// stormWorker makes a worker for small objects whose own memory is small, too, and whose connection ends with ctx.
func stormWorker(ctx context.Context, t *target, body *content, number int) *worker {
	w := newWorker(t, &cell{Size: body.size, Payload: modeUnsigned}, &settings{verify: 16}, body, 0)
	w.asked = number // so that not all compare the same read
	const room = 4 << 10
	w.br, w.bw, w.discard = bufio.NewReaderSize(nil, room), bufio.NewWriterSize(nil, room), make([]byte, room)
	w.reach = func(dialling context.Context) (net.Conn, error) {
		conn, err := t.dial(dialling)
		if err != nil {
			return nil, fmt.Errorf("open a connection: %w", err)
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
	return w
}
