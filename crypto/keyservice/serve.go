package keyservice

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve is the function Serve of the service's own requests.
func (s *Service) Serve(ctx context.Context, ln net.Listener, drain time.Duration) error {
	return Serve(ctx, ln, s, drain, nil)
}

// Serve answers requests on ln by handler until ctx ends, then waits for those in flight for as long as drain says, but
// not for connections on which no request was sent: clients keep some in reserve. It closes ln, and returns nil when
// ctx was the reason. errorLog takes what the server says of connections; nil is log's own.
func Serve(
	ctx context.Context, ln net.Listener, handler http.Handler, drain time.Duration, errorLog *log.Logger,
) error {
	server := &http.Server{
		ErrorLog: errorLog,
		Handler:  handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
	var mu sync.Mutex
	unused := make(map[net.Conn]bool)
	server.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			unused[c] = true
		} else {
			delete(unused, c)
		}
	}
	server.RegisterOnShutdown(func() { // otherwise they are waited for
		mu.Lock()
		defer mu.Unlock()
		for c := range unused {
			_ = c.Close()
		}
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := server.Shutdown(closing)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-failed
	return err
}
