package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/valyala/fasthttp"
	"go.uber.org/zap"
)

// Server is the fasthttp front end: it accepts connections and hands requests to the Gateway.
type Server struct {
	gateway  *Gateway
	timeouts Timeouts
	http     *fasthttp.Server
	parking  *parking
}

// ServerOptions for NewServer. Zero values mean the defaults.
type ServerOptions struct {
	Timeouts    Timeouts
	Connections int // most at once; default 256 Ki
}

// headLimit is the size of the read buffer and so the largest request head, in bytes. S3's is 8 KiB; session
// tokens and metadata of other tools may need more.
const headLimit = 16 << 10

// NewServer returns a server for g.
func NewServer(g *Gateway, o ServerOptions) *Server {
	s := &Server{gateway: g, timeouts: o.Timeouts.withDefaults()}
	s.http = &fasthttp.Server{
		Handler:       func(ctx *fasthttp.RequestCtx) { g.guarded(ctx, func() { g.Handle(ctx) }) },
		ExpectHandler: g.expect,
		ErrorHandler:  g.unreadable,
		Logger:        zapPrinter{g.log},
		Name:          "AmazonS3",
		Concurrency:   o.Connections,

		// Bodies are streamed, and 1 keeps fasthttp from reading 8 KiB of them before the handler: 0 would mean 4 MiB.
		StreamRequestBody:  true,
		MaxRequestBodySize: 1,
		// A form-typed body is an object like any other; parsing it would write plaintext to temporary files (S6).
		DisablePreParseMultipartForm:  true,
		DisableHeaderNamesNormalizing: true,
		NoDefaultContentType:          true,
		SecureErrorLogMessage:         true,

		// 16 KiB on both sides: larger buffers would copy every byte of a body once more.
		ReadBufferSize:  headLimit,
		WriteBufferSize: headLimit,

		// ReadTimeout and WriteTimeout would be one deadline over a whole body: rawConn has one for each I/O (P8).
		IdleTimeout:     s.timeouts.Idle,
		CloseOnShutdown: true,
	}
	s.parking = &parking{serve: s.http.ServeConn, parked: make(map[parkable]struct{})}
	return s
}

// Serve accepts connections from ln until ctx ends or Shutdown is called. With config nil it speaks plain HTTP.
func (s *Server) Serve(ln net.Listener, config func() *tls.Config) error {
	err := s.http.Serve(&listener{Listener: ln, timeouts: s.timeouts, parking: s.parking, tls: config})
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve %s: %w", ln.Addr(), err)
	}
	return nil
}

// Shutdown stops accepting and waits until the requests under way have been answered, at most until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	s.parking.stop()
	return s.http.ShutdownWithContext(ctx)
}

// zapPrinter takes fasthttp's log lines: broken connections and the like, at debug level.
type zapPrinter struct{ log *zap.Logger }

func (z zapPrinter) Printf(format string, args ...any) {
	if e := z.log.Check(zap.DebugLevel, "connection"); e != nil {
		e.Write(zap.String("detail", fmt.Sprintf(format, args...)))
	}
}
