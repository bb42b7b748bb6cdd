package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
)

// A Handler answers requests. Its functions are called by many connections at once.
type Handler interface {
	// Handle answers one request. Its body streams.
	Handle(ctx *fasthttp.RequestCtx)
	// Expect decides a request that waits for "100 Continue", and returns that status or the one of ctx's response.
	Expect(ctx *fasthttp.RequestCtx) int
	// Unreadable answers bytes that aren't a request.
	Unreadable(ctx *fasthttp.RequestCtx, err error)
	// Refused counts a connection that was closed because there are too many.
	Refused()
}

// Server is the fasthttp front end: it accepts connections and hands requests to a Handler.
type Server struct {
	handler     Handler
	timeouts    atomic.Pointer[Timeouts] // of new connections
	connections connections
	most        atomic.Int64 // connections at once; 0: no limit
	http        *fasthttp.Server
	parking     *parking

	handshakeFailed func(reason string) // nil: not counted

	context func(context.Context) context.Context // of new connections; may be nil
}

// Options for NewServer. Zero values mean the defaults.
type Options struct {
	Timeouts    Timeouts
	Connections int // most at once; beyond it new ones are closed. 0: no limit
	// Context derives the context of each new connection, from which those of its requests are made; nil: it is the
	// background's. It is NewServer's alone.
	Context func(context.Context) context.Context
}

// headLimit is the size of the read buffer and so the largest request head, in bytes. S3's is 8 KiB; session
// tokens and metadata of other tools may need more.
const headLimit = 16 << 10

// writeBuffer has room for an answer's head and a small object, which go out together. What is larger goes past it.
const writeBuffer = 8 << 10

// NewServer returns a server for h. log gets fasthttp's lines, at debug level.
func NewServer(h Handler, log *zap.Logger, o Options) *Server {
	s := &Server{handler: h, context: o.Context}
	s.SetOptions(o)
	s.http = &fasthttp.Server{
		Handler:       s.connections.closing(h.Handle),
		ExpectHandler: h.Expect,
		ErrorHandler:  h.Unreadable,
		Logger:        zapPrinter{log},
		Name:          "AmazonS3",
		Concurrency:   mostConnections,

		// Bodies are streamed, and 1 keeps fasthttp from reading 8 KiB of them before the handler: 0 would mean 4 MiB.
		StreamRequestBody:  true,
		MaxRequestBodySize: 1,
		// A form-typed body is an object like any other; parsing it would write plaintext to temporary files (S6).
		DisablePreParseMultipartForm:  true,
		DisableHeaderNamesNormalizing: true,
		NoDefaultContentType:          true,
		SecureErrorLogMessage:         true,
		LazyRequestTime:               true, // it isn't used

		// Larger buffers would copy every byte of a body once more.
		ReadBufferSize:  headLimit,
		WriteBufferSize: writeBuffer,

		// ReadTimeout and WriteTimeout would be one deadline over a whole body: rawConn has one for each I/O (P8).
		// IdleTimeout can't be changed while the server runs, so rawConn uses the smaller of it and Timeouts.Idle.
		IdleTimeout: 24 * time.Hour,
		// Goroutines that wait for a connection keep the stack that they had; its default is 10 s.
		MaxIdleWorkerDuration: 3 * time.Second,
	}
	s.connections.relief = newRelief()
	s.parking = newParking(s.http.ServeConn)
	return s
}

// mostConnections is the HTTP server's own limit. Its refusal would do a TLS handshake with each while the others wait
// to be accepted, so boundedListener refuses connections before it.
const mostConnections = 1 << 20

// SetOptions replaces the options. Connections that are open keep their timeouts.
func (s *Server) SetOptions(o Options) {
	timeouts := o.Timeouts.withDefaults()
	s.timeouts.Store(&timeouts)
	s.most.Store(int64(o.Connections))
}

// Connections is the number of open connections, including those that are parked or being closed.
func (s *Server) Connections() int64 { return s.connections.count() }

// A boundedListener closes connections beyond the limit as soon as they are accepted.
type boundedListener struct {
	net.Listener
	server *Server
}

// Accept returns the next connection for which there is room.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if limit := l.server.most.Load(); limit <= 0 || l.server.Connections() < limit {
			return c, nil
		}
		l.server.handler.Refused()
		_ = c.Close()
	}
}

// Serve accepts connections from ln until Shutdown is called. With config nil it speaks plain HTTP.
func (s *Server) Serve(ln net.Listener, config func() *tls.Config) error {
	if !s.connections.addListener(ln) {
		return ln.Close()
	}
	defer s.connections.removeListener(ln)
	err := s.http.Serve(&listener{
		Listener: &boundedListener{Listener: ln, server: s}, timeouts: &s.timeouts, all: &s.connections, parking: s.parking,
		tls: config, failed: s.handshakeFailed, context: s.context,
	})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown closes the listeners and waits, at most until ctx ends, until no connection is left. Requests in flight, and
// those that come within drainGrace on connections that are open, are answered, each as the last of its connection.
//
// The HTTP server's own shutdown isn't used: it closes idle connections while a request is in flight (the keep-alive
// race), and one after the other, each of which may linger.
func (s *Server) Shutdown(ctx context.Context) error {
	select {
	case <-s.connections.drain():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// zapPrinter takes fasthttp's log lines: broken connections and the like, at debug level.
type zapPrinter struct{ log *zap.Logger }

func (z zapPrinter) Printf(format string, args ...any) {
	if e := z.log.Check(zap.DebugLevel, "connection"); e != nil {
		e.Write(zap.String("detail", fmt.Sprintf(format, args...)))
	}
}
