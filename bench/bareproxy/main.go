// Bareproxy forwards S3 requests to a store as they are: TLS in, HTTP out, bodies streamed both ways, nothing looked
// at. It is the floor that a proxy built on the same library can reach; package bench compares with it.
//
//	bareproxy -listen 127.0.0.1:9443 -cert server.pem -key server.key -store 127.0.0.1:7070
//
// Clients sign for the store, and the Host header crosses unchanged, so signatures stay right. Bodies must have a
// Content-Length. It is a yardstick, not a service: no limits, no deadlines, no logs.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"

	"github.com/valyala/fasthttp"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9443", "address for HTTPS; for HTTP without -cert")
	cert := flag.String("cert", "", "PEM file")
	key := flag.String("key", "", "PEM file")
	store := flag.String("store", "127.0.0.1:7070", "host:port of the store")
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err == nil {
		fmt.Println("listening on", ln.Addr())
		server := newServer(*store)
		if *cert != "" {
			err = server.ServeTLS(ln, *cert, *key)
		} else {
			err = server.Serve(ln)
		}
	}
	fmt.Fprintln(os.Stderr, "bareproxy:", err)
	os.Exit(1)
}

// bufferSize is that of the sockets' readers and writers. Larger ones make fasthttp copy every body once more.
const bufferSize = 16 << 10

func newServer(store string) *fasthttp.Server {
	client := &fasthttp.HostClient{
		Addr: store, StreamResponseBody: true, DisablePathNormalizing: true, DisableHeaderNamesNormalizing: true,
		NoDefaultUserAgentHeader: true,
		MaxConns:                 4096, ReadBufferSize: bufferSize, WriteBufferSize: bufferSize,
		RetryIfErr: func(*fasthttp.Request, int, error) (bool, bool) { return false, false },
	}
	return &fasthttp.Server{
		StreamRequestBody: true, DisablePreParseMultipartForm: true, NoDefaultServerHeader: true, NoDefaultDate: true,
		NoDefaultContentType:          true,
		DisableHeaderNamesNormalizing: true, MaxRequestBodySize: 1, ReadBufferSize: bufferSize,
		WriteBufferSize: bufferSize,
		Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.Request.URI().DisablePathNormalizing = true
			ctx.Request.URI().SetScheme("http")
			ctx.Request.UseHostHeader = true
			if err := client.Do(&ctx.Request, &ctx.Response); err != nil {
				ctx.Response.Reset()
				ctx.SetStatusCode(fasthttp.StatusBadGateway)
				ctx.SetConnectionClose()
				return
			}
			// That the store ends its connection is no reason to end the client's.
			ctx.Response.Header.ResetConnectionClose()
		},
	}
}
