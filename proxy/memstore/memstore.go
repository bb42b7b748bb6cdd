package memstore

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"sealfront/sigv4"
)

// Options say who may use the store and how much it holds. Credentials and region are required.
type Options struct {
	AccessKey string
	SecretKey string
	Region    string
	// MaxBytes bounds the memory of bodies, those that are being received included, and of the objects' names and headers;
	// default 1 GiB. What would go beyond is answered 507 before its body is read.
	MaxBytes int64
	Address  string           // where to listen; default a free loopback port
	Now      func() time.Time // default time.Now
}

// A Store is a running memory store.
type Store struct {
	o        Options
	verifier *sigv4.Verifier
	server   *fasthttp.Server
	listener net.Listener
	served   chan error
	memory   memory
	trouble  trouble
	exchange sync.Pool // *exchange

	salt [8]byte // of ETags and upload ids
	made atomic.Uint64

	mu      sync.RWMutex
	buckets map[string]*bucket
}

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

// Close stops the front end and waits a bounded while for requests under way.
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

// Address is where the store listens, host:port.
func (s *Store) Address() string { return s.listener.Addr().String() }

// Trouble makes the store slow, failing or throttling from the next request on; the zero value ends that.
func (s *Store) Trouble(t Trouble) { s.trouble.set(t) }

// unique is a name that this store gives only once.
func (s *Store) unique() string {
	var b [16]byte
	copy(b[:8], s.salt[:])
	binary.BigEndian.PutUint64(b[8:], s.made.Add(1))
	return hex.EncodeToString(b[:])
}

// bucket returns a bucket, or NoSuchBucket.
func (s *Store) bucket(name string) (*bucket, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if b := s.buckets[name]; b != nil {
		return b, nil
	}
	return nil, refuse("NoSuchBucket")
}

type silence struct{}

func (silence) Printf(string, ...any) {}

// gentleListener's connections close so that an answer given before the whole body was read still arrives: a
// connection that is closed with unread bytes is reset, and a reset throws away what the other side hasn't read yet.
type gentleListener struct{ net.Listener }

func (l gentleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if t, ok := c.(*net.TCPConn); ok && err == nil {
		return &gentleConn{TCPConn: t}, nil
	}
	return c, err
}

type gentleConn struct {
	*net.TCPConn
	once sync.Once
}

const (
	lingerTime  = time.Second
	lingerBytes = 64 << 20
)

func (c *gentleConn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		if c.CloseWrite() == nil && c.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
			_, _ = io.CopyN(io.Discard, c.TCPConn, lingerBytes) // ends at the other side's end, in time, or broken
		}
		err = c.TCPConn.Close()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
