package memstore

import (
	"encoding/binary"
	"encoding/hex"
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
	// MaxBytes bounds the memory of bodies, those that are being received included, and of the objects' names and
	// headers; default 1 GiB. What would go beyond is answered 507 before its body is read.
	MaxBytes int64
	Address  string           // where to listen; default a free loopback port
	MD5      bool             // ETags are S3's own: MD5s of bytes, or of the MD5s of parts
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

// drop gives an object's memory back; nil is none.
func (s *Store) drop(o *object) {
	if o != nil {
		o.body.release()
		s.memory.give(o.room)
	}
}
