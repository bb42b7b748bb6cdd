package memstore

import (
	"crypto/subtle"
	"net/url"
	"strings"

	"github.com/valyala/fasthttp"

	"sealfront/sigv4"
)

// handle answers one request.
func (s *Store) handle(ctx *fasthttp.RequestCtx) {
	x, _ := s.exchange.Get().(*exchange)
	if x == nil {
		x = new(exchange)
	}
	defer func() {
		clear(x.message.Header)
		x.chunks.Reset(nil, sigv4.ChunkOptions{})
		x.ctx, x.query = nil, nil
		s.exchange.Put(x)
	}()
	x.begin(s, ctx)
	if err := x.serve(); err != nil {
		x.refuse(err)
	}
}

// serve verifies who calls, finds the operation and does it.
func (x *exchange) serve() error {
	if err := x.store.verifier.Read(&x.message, &x.auth, "s3"); err != nil {
		return err
	}
	secret := ""
	if subtle.ConstantTimeCompare(x.auth.AccessKeyID, []byte(x.store.o.AccessKey)) == 1 {
		secret = x.store.o.SecretKey
	}
	if err := x.store.verifier.Check(&x.message, &x.auth, secret); err != nil {
		return err
	}
	if err := x.store.trouble.meet(x.now); err != nil {
		return err
	}
	path, err := url.PathUnescape(string(x.message.Path))
	if err != nil {
		return refuse("InvalidURI")
	}
	x.bucketName, x.key, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if len(x.key) > maxKey {
		return refuse("KeyTooLongError")
	}
	if len(x.message.Query) > 0 {
		if x.query, err = url.ParseQuery(string(x.message.Query)); err != nil {
			return refuse("InvalidURI")
		}
	}
	do := x.operation()
	if do == nil {
		return refuse("NotImplemented")
	}
	return do(x)
}

const maxKey = 1024
