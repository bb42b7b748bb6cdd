package proxytest

import (
	"sync"
	"testing"
	"time"
)

// Every runs a subtest for each of n at the same time, however few processors there are: they wait most of the time.
func Every(t *testing.T, n int, name func(i int) string, f func(t *testing.T, i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { t.Run(name(i), func(t *testing.T) { f(t, i) }) })
	}
	all.Wait()
}

// ForTest returns the program as a subtest sees it.
func (p *Program) ForTest(t *testing.T) *Program {
	q := *p
	q.T = t
	return &q
}

// Eventually waits for a condition.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for: %s", what)
		}
	}
}
