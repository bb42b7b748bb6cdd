// Memorystore is the load-test store of the program as a process of its own, so that what is measured in front of it is
// the proxy alone. Its credentials come from STORE_ACCESS_KEY and STORE_SECRET_KEY.
//
//	memorystore -listen 127.0.0.1:0 -max-bytes 4294967296
//
// It prints "listening on ADDRESS" and ends at SIGTERM.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"sealfront/proxy/memstore"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	most := flag.Int64("max-bytes", 4<<30, "memory of stored bodies and those in flight")
	region := flag.String("region", "us-east-1", "of signatures")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	s, err := memstore.Start(memstore.Options{
		Address: *listen, MaxBytes: *most, Region: *region, AccessKey: os.Getenv("STORE_ACCESS_KEY"),
		SecretKey: os.Getenv("STORE_SECRET_KEY"),
	})
	if err == nil {
		fmt.Println("listening on", s.Address())
		<-ctx.Done()
		err = s.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "memorystore:", err)
		os.Exit(1)
	}
}
