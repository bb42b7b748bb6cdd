package check

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// notes is stderr, which a timer writes to as well.
type notes struct {
	mu sync.Mutex
	w  io.Writer
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.w.Write(p)
}

// waitFor writes a line when what is tried takes long, until the function that it returns is called.
func (k *checkup) waitFor(what string) (done func()) {
	t := time.AfterFunc(noteAfter, func() { fmt.Fprintf(k.stderr, "waiting for %s\n", what) })
	return func() { t.Stop() }
}
