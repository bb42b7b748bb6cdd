package gateway

import (
	"strings"
	"sync/atomic"
	"testing"
)

// TestAPanicInParallelIsTheCallers: nobody else would catch it, and all requests would end.
func TestAPanicInParallelIsTheCallers(t *testing.T) {
	var done atomic.Int64
	defer func() {
		if err, _ := recover().(error); err == nil || !strings.HasPrefix(err.Error(), "a bug\n") || done.Load() != 99 {
			t.Errorf("%d done, %v", done.Load(), err)
		}
	}()
	inParallel(100, 16, func(next func() (int, bool)) {
		for i, ok := next(); ok; i, ok = next() {
			if i == 50 {
				panic("a bug")
			}
			done.Add(1)
		}
	})
}
