package socket

import "golang.org/x/sys/unix"

// Ended reports whether the other side of a TCP connection has closed it, or its half of it, even while bytes that came
// before are still to be read.
func Ended(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0 && fds[0].Revents&(unix.POLLRDHUP|unix.POLLHUP|unix.POLLERR) != 0
}
