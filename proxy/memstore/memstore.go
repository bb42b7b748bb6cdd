package memstore

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/sigv4"
)

const (
	defaultMaxBytes = 1 << 30
	bufferSize      = 16 << 10 // larger ones would copy bodies once more
	idleTimeout     = 5 * time.Minute
	closeTimeout    = 5 * time.Second
)

// Start serves an empty store. It returns when it accepts connections.
func Start(o Options) (*Store, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	ln, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("listen for the memory store: %w", err)
	}
	s := &Store{
		o: o, verifier: sigv4.NewVerifier(sigv4.Options{Regions: []string{o.Region}, Now: o.Now}), listener: ln,
		served: make(chan error, 1), buckets: make(map[string]*bucket),
	}
	rand.Read(s.salt[:])
	s.memory.free.Store(o.MaxBytes)
	s.trouble.set(Trouble{})
	s.server = &fasthttp.Server{
		Handler: s.handle, Name: "memstore", Logger: silence{},
		StreamRequestBody: true, MaxRequestBodySize: 1, DisablePreParseMultipartForm: true, NoDefaultContentType: true,
		ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, IdleTimeout: idleTimeout, CloseOnShutdown: true,
	}
	go func() { s.served <- s.server.Serve(gentleListener{ln}) }()
	return s, nil
}

// Close stops the front end and waits a bounded while for requests in flight.
func (s *Store) Close() error {
	ctx, stop := context.WithTimeout(context.Background(), closeTimeout)
	defer stop()
	err := s.server.ShutdownWithContext(ctx)
	_ = s.listener.Close()
	<-s.served // says no more than that its listener was closed
	if err != nil {
		return fmt.Errorf("stop the memory store: %w", err)
	}
	return nil
}

type silence struct{}

func (silence) Printf(string, ...any) {}
