//go:build race

package sigv4_test

// Under the race detector sync.Pool forgets at random, so that allocations can't be counted.
const countsAllocations = false
