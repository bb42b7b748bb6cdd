//go:build !noembedded

package localstore

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
)

// versitygw writes its errors to os.Stderr, in red, whatever its options say: also of uploads that a client gives up.
// So the process's os.Stderr is replaced when the first store starts, and its lines go to the Report of the running
// one. The variable stays replaced, since connections may outlive a store: who needs the real one keeps it from its
// start. What Go itself writes when the program crashes isn't concerned: it doesn't go through the variable.

var (
	redirect sync.Once
	report   atomic.Pointer[func(string)]
	colours  = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

// reportTo has the lines go to f.
func reportTo(f func(line string)) error {
	var err error
	redirect.Do(func() {
		var r, w *os.File
		if r, w, err = os.Pipe(); err != nil {
			return
		}
		report.Store(&f)
		original := os.Stderr
		os.Stderr = w
		go func() { // for as long as the process lives
			for lines := bufio.NewReader(r); ; {
				line, err := lines.ReadString('\n')
				if err != nil {
					_, _ = original.WriteString(line)
					return
				}
				(*report.Load())(strings.TrimSuffix(colours.ReplaceAllString(line, ""), "\n"))
			}
		}()
	})
	report.Store(&f)
	return err
}
