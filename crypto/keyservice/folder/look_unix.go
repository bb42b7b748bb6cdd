//go:build unix

package folder

import (
	"fmt"
	"io/fs"
	"syscall"
)

// look tells the states of a file apart once it has settled: each is written to a file of its own.
func look(info fs.FileInfo) string {
	inode := uint64(0)
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = uint64(s.Ino) //nolint:unconvert // it has another type on some systems
	}
	return fmt.Sprintf("%x-%x-%x", inode, info.Size(), info.ModTime().UnixNano())
}
