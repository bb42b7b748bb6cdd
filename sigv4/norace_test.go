//go:build !race

package sigv4_test

const countsAllocations = true
