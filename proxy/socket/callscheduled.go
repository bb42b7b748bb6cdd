//go:build !linux || race

package socket

import (
	"errors"
	"syscall"
)

// The race detector learns from the standard library's calls what happened before what, and of other systems than Linux
// nobody has measured what involving the scheduler costs.

// Read reads from a descriptor that doesn't block; 0 without an error is the end, and EAGAIN that there is nothing yet.
func Read(fd uintptr, p []byte) (int, error) { return again(syscall.Read, fd, p) }

func write(fd uintptr, p []byte) (int, error) { return again(syscall.Write, fd, p) }

func again(call func(fd int, p []byte) (int, error), fd uintptr, p []byte) (int, error) {
	for {
		n, err := call(int(fd), p)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		return max(n, 0), err
	}
}
