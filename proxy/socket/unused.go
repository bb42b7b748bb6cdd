package socket

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
)

// Ports below leastUnused are often a service's, and from mostUnused on every system may give them to connections.
const (
	leastUnused = 20_000
	mostUnused  = 32_768
)

// UnusedAddress finds a loopback address, host:port, on which nobody listens, for programs that don't say which port
// they took, or that must come back on the same one. No connection gets the port meanwhile, since it lies outside of
// the range from which the kernel gives them theirs; another program that chooses it is unlikely, and fails to listen,
// or makes the caller's fail.
func UnusedAddress() (string, error) {
	below := mostUnused
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		first := 0
		if _, err := fmt.Sscan(string(text), &first); err == nil && first > leastUnused+1000 {
			below = min(below, first)
		}
	}
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", leastUnused+rand.IntN(below-leastUnused))
		if ln, err := net.Listen("tcp", address); err == nil {
			return address, ln.Close()
		}
	}
	return "", errors.New("no loopback port was free of a hundred")
}
