package check

import (
	"fmt"
	"time"
)

// waitFor writes a line when what is tried takes long, until the function that it returns is called.
func (k *checkup) waitFor(what string) (done func()) {
	said := make(chan struct{})
	t := time.AfterFunc(noteAfter, func() {
		defer close(said)
		fmt.Fprintf(k.stderr, "waiting for %s\n", what)
	})
	return func() {
		if !t.Stop() {
			<-said
		}
	}
}
