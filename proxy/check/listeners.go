package check

import (
	"errors"
	"net"
	"syscall"
)

// listeners listens on each address for a moment.
func (k *checkup) listeners() {
	for _, l := range []struct{ path, address string }{
		{"listen.https", k.c.Listen.HTTPS}, {"listen.http", k.c.Listen.HTTP}, {"listen.admin", k.c.Listen.Admin},
	} {
		if l.address == "" {
			continue
		}
		ln, err := net.Listen("tcp", l.address)
		switch {
		case err == nil:
			_ = ln.Close()
		case errors.Is(err, syscall.EADDRINUSE):
			k.warn(l.path,
				"tried to listen on %s, and another program does already: no fault if that is this configuration's own",
				l.address)
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			k.fault(l.path, "tried to listen on %s: this machine doesn't have the address; use 0.0.0.0 for all of its addresses",
				l.address)
		case errors.Is(err, syscall.EACCES):
			k.fault(l.path, "tried to listen on %s: %v; choose a port from 1024 on, or give the program CAP_NET_BIND_SERVICE",
				l.address, err)
		default:
			k.fault(l.path, "tried to listen on %s: %v", l.address, err)
		}
	}
}
