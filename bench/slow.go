package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A crowd is clients that take as long as they can: a byte a second, in several ways. It records when the server cut
// each off.
type crowd struct {
	t     *target
	pause time.Duration // between two bytes
	again bool          // who is cut off comes back

	settled sync.WaitGroup // all have come as far as they shall
	living  atomic.Int64

	all  sync.WaitGroup
	stop context.CancelFunc

	mu   sync.Mutex
	ends []ending
}

// An ending is how a slow client's connection ended.
type ending struct {
	form  string
	after time.Duration // from the connection's beginning
	how   string
	err   error // it never came as far as it should
}

// A form is a way to be slow. live comes that far, calls ready, and returns how the server ended it.
type form struct {
	name, what string
	live       func(ctx context.Context, c *crowd, ready func()) (how string, err error)
}

var forms = []form{
	{"handshake", "a ClientHello of which a byte a second arrives", slowHandshake},
	{"idle", "nothing after the handshake", silent(false)},
	{"parked", "nothing after a request", silent(true)},
	{"head", "a request's head, a byte a second", slowHead},
	{"body", "the body of a PUT, a byte a second", slowBody},
	{"reader", "a GET of which a byte a second is read", slowReader},
}

// slowObject is what slow readers read: more than the kernel's buffers hold.
const (
	slowObject     = keyPrefix + "slow"
	slowObjectSize = 16 << 20
)

// startCrowd begins n clients, as many of each form. Without TLS there is no slow handshake.
func startCrowd(ctx context.Context, t *target, n int, pause time.Duration, again bool) *crowd {
	ctx, stop := context.WithCancel(ctx)
	c := &crowd{t: t, pause: pause, again: again, stop: stop}
	these := slices.DeleteFunc(slices.Clone(forms), func(f form) bool { return t.tls == nil && f.name == "handshake" })
	c.settled.Add(n)
	// Handshakes cost what they cost: they are not all at once, so that the crowd is there and not its arrival.
	arriving := make(chan struct{}, 32)
	for i := range n {
		c.all.Go(func() { c.live(ctx, &these[i%len(these)], arriving) })
	}
	return c
}

func (c *crowd) live(ctx context.Context, f *form, arriving chan struct{}) {
	first := sync.OnceFunc(c.settled.Done)
	defer first()
	for {
		arriving <- struct{}{}
		leave := sync.OnceFunc(func() { <-arriving })
		began := time.Now()
		c.living.Add(1)
		how, err := f.live(ctx, c, func() { leave(); first() })
		c.living.Add(-1)
		leave()
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		c.ends = append(c.ends, ending{f.name, time.Since(began), how, err})
		c.mu.Unlock()
		if first(); !c.again {
			return
		}
		if err != nil {
			wait(ctx, time.Second)
		}
	}
}

// close ends the clients.
func (c *crowd) close() {
	c.stop()
	c.all.Wait()
}

// holdOut waits until all are cut off or the patience is over, and returns how many are left.
func (c *crowd) holdOut(ctx context.Context, patience time.Duration) int {
	ended := make(chan struct{})
	go func() { c.all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
	case <-time.After(patience):
	}
	return int(c.living.Load())
}

// connect makes a TLS connection that ends with ctx. wrap, if not nil, stands between it and the socket.
func (c *crowd) connect(
	ctx context.Context, control func(string, string, syscall.RawConn) error, wrap func(*net.TCPConn) net.Conn,
) (net.Conn, error) {
	d := net.Dialer{Timeout: 20 * time.Second, Control: control}
	socket, err := d.DialContext(ctx, "tcp", c.t.url.Host)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = socket.Close() })
	conn := socket
	if wrap != nil {
		conn = wrap(socket.(*net.TCPConn))
	}
	if c.t.tls == nil {
		return conn, nil
	}
	return tls.Client(conn, c.t.tls), nil
}

// shake makes a connection with its handshake done.
func (c *crowd) shake(ctx context.Context) (net.Conn, error) {
	conn, err := c.connect(ctx, nil, nil)
	if secure, ok := conn.(*tls.Conn); ok {
		if err = secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
		}
	}
	return conn, err
}

// A dribble sends what is written a byte at a time.
type dribble struct {
	net.Conn
	ctx   context.Context
	pause time.Duration
}

func (d *dribble) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if wait(d.ctx, d.pause); d.ctx.Err() != nil {
			return i, d.ctx.Err()
		}
	}
	return len(p), nil
}

func slowHandshake(ctx context.Context, c *crowd, ready func()) (string, error) {
	conn, err := c.connect(ctx, nil, func(socket *net.TCPConn) net.Conn { return &dribble{socket, ctx, c.pause} })
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	ready()
	return manner(conn.(*tls.Conn).HandshakeContext(ctx)), nil
}

func silent(asked bool) func(context.Context, *crowd, func()) (string, error) {
	return func(ctx context.Context, c *crowd, ready func()) (string, error) {
		conn, err := c.shake(ctx)
		if err != nil {
			return "", err
		}
		defer func() { _ = conn.Close() }()
		if asked {
			w := newClient(c.t)
			w.use(conn)
			if a, err := w.do(ctx, &request{method: "HEAD", path: "/" + c.t.bucket + "/" + slowObject}); err != nil ||
				a.status != http.StatusOK {
				return "", fmt.Errorf("HeadObject before the silence: %v %w", a, err)
			}
			_ = conn.SetDeadline(time.Time{})
		}
		ready()
		return awaitEnd(conn), nil
	}
}

// put is the head of an upload.
func (c *crowd) put(ctx context.Context) ([]byte, error) {
	w := newClient(c.t)
	p := payload{hash: "UNSIGNED-PAYLOAD", length: 1 << 20}
	err := w.sign(ctx, &request{
		method: "PUT", path: "/" + c.t.bucket + "/" + slowObject + "-never", payload: &p, header: c.t.put,
	})
	return append(w.head, "\r\n\r\n"...), err
}

func slowHead(ctx context.Context, c *crowd, ready func()) (string, error) {
	return c.send(ctx, func([]byte) int { return 0 }, ready)
}

func slowBody(ctx context.Context, c *crowd, ready func()) (string, error) {
	return c.send(ctx, func(head []byte) int { return len(head) }, ready)
}

// send sends an upload: so many bytes of its head at once, and then a byte at a time.
func (c *crowd) send(ctx context.Context, atOnce func(head []byte) int, ready func()) (string, error) {
	conn, err := c.shake(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	text, err := c.put(ctx)
	if err != nil {
		return "", err
	}
	n := atOnce(text)
	if _, err := conn.Write(text[:n]); err != nil {
		return "", err
	}
	ready()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		// its end shows where answers are read
		_, _ = (&dribble{conn, ctx, c.pause}).Write(append(text, make([]byte, 1<<20)...)[n:])
	}()
	return awaitEnd(conn), nil
}

// A sip is a socket of which a byte at a time is read, once it is slow.
type sip struct {
	*net.TCPConn
	ctx   context.Context
	pause time.Duration
	slow  atomic.Bool
}

func (s *sip) Read(p []byte) (int, error) {
	if !s.slow.Load() {
		return s.TCPConn.Read(p)
	}
	if wait(s.ctx, s.pause); s.ctx.Err() != nil {
		return 0, s.ctx.Err()
	}
	if !s.established() {
		return 0, errReset
	}
	return s.TCPConn.Read(p[:1])
}

var errReset = errors.New("reset")

// established reads the kernel's state: with bytes still to be read, a read would not show that the other side has
// gone. Source: tcp(7), TCP_INFO; the first byte is the state, 1 is ESTABLISHED.
func (s *sip) established() bool {
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	state := 0
	err2 := raw.Control(func(fd uintptr) {
		state,
			err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
	})
	return err == nil && err2 == nil && state&0xff == 1
}

// readLittle keeps the kernel from reading megabytes in the client's place.
func readLittle(_, _ string, raw syscall.RawConn) error {
	var refused error
	err := raw.Control(func(fd uintptr) {
		refused = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
	})
	return errors.Join(err, refused)
}

func slowReader(ctx context.Context, c *crowd, ready func()) (string, error) {
	var s *sip
	conn, err := c.connect(ctx, readLittle, func(socket *net.TCPConn) net.Conn {
		s = &sip{TCPConn: socket, ctx: ctx, pause: c.pause}
		return s
	})
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	w := newClient(c.t)
	if err := w.sign(ctx, &request{method: "GET", path: "/" + c.t.bucket + "/" + slowObject}); err != nil {
		return "", err
	}
	if _, err := conn.Write(append(w.head, "\r\n\r\n"...)); err != nil {
		return "", err
	}
	var one [1]byte
	if _, err := io.ReadFull(conn, one[:]); err != nil {
		return "", err
	}
	s.slow.Store(true)
	ready()
	_, err = io.Copy(io.Discard, conn)
	return manner(err), nil
}

// awaitEnd reads until the server ends the connection, and says how: with which answer.
func awaitEnd(conn net.Conn) string {
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		return manner(err)
	}
	text, _ := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	_, code, _ := strings.Cut(string(text), "<Code>")
	code, _, _ = strings.Cut(code, "</Code>")
	_, err = io.Copy(io.Discard, r)
	return strings.TrimSpace(fmt.Sprintf("%d %s", answer.StatusCode, code)) + ", " + manner(err)
}

// manner says how a connection ended.
func manner(err error) string {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closed"
	case errors.Is(err, errReset), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	}
	return err.Error()
}
