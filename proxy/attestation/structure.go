package attestation

import (
	"bytes"
	"fmt"
)

// The test of structure: sealed segments look like uniform random bytes. A body is cut into windows of WindowSize
// bytes, and the byte values of each are counted. Chi-square with 255 degrees of freedom is compared with
// ChiSquareBound, which random bytes exceed with a probability below 1e-17 a window, so below 1e-9 for the 8 · 10^7
// windows of the largest object, 5 TB. A last window below LeastWindow isn't judged: with less than 64 of each value
// chi-square isn't distributed as its name says. What it sees: a window of which more than about one percent is one
// repeated byte, text, tables, most file formats. What it doesn't see: well compressed or otherwise encrypted bytes.
//
// Beside it, the beginning of a body is compared with what usual formats begin with, 8 bytes at least, so that a random
// body matches one of them with a probability below 1e-17.
const (
	WindowSize     = 65_536
	LeastWindow    = 16_384
	ChiSquareBound = 520.0
)

// magics are what formats begin with.
var magics = []struct {
	name string
	at   int
	text string
}{
	{"PNG", 0, "\x89PNG\r\n\x1a\n"},
	{"PDF", 0, "%PDF-1.4"},
	{"PDF", 0, "%PDF-1.5"},
	{"PDF", 0, "%PDF-1.6"},
	{"PDF", 0, "%PDF-1.7"},
	{"JPEG", 0, "\xff\xd8\xff\xe0\x00\x10JF"},
	{"ELF", 0, "\x7fELF\x02\x01\x01\x00"},
	{"gzip", 0, "\x1f\x8b\x08\x00\x00\x00\x00\x00"},
	{"xz", 0, "\xfd7zXZ\x00\x00\x04"},
	{"bzip2", 0, "BZh91AY&SY"},
	{"7z", 0, "7z\xbc\xaf\x27\x1c\x00\x04"},
	{"zip", 0, "PK\x03\x04\x14\x00\x08\x00"},
	{"zip", 0, "PK\x03\x04\x14\x00\x00\x00"},
	{"zip", 0, "PK\x03\x04\x0a\x00\x00\x00"},
	{"SQLite", 0, "SQLite format 3\x00"},
	{"HDF5", 0, "\x89HDF\r\n\x1a\n"},
	{"XML", 0, "<?xml version="},
	{"HTML", 0, "<!DOCTYPE html"},
	{"PEM", 0, "-----BEGIN "},
	{"tar", 257, "ustar\x0000"},
	{"tar", 257, "ustar  \x00"},
	{"WAVE", 8, "WAVEfmt "},
	{"age", 0, "age-encryption.org/v1"},
	{"OpenSSL", 0, "Salted__"},
	{"PostgreSQL dump", 0, "PGDMP\x01\x0e\x00"},
}

// A Structure judges bytes as they are written to it.
type Structure struct {
	left   int64 // bytes that are still judged; negative: all
	head   []byte
	counts [256]uint32
	n      int // bytes in the window
	seen   int64
	found  string
}

// NewStructure judges the first limit bytes; all with a negative limit.
func NewStructure(limit int64) *Structure { return &Structure{left: limit, head: make([]byte, 0, 300)} }

// Write implements io.Writer. It never fails.
func (s *Structure) Write(p []byte) (int, error) {
	all := len(p)
	if s.left >= 0 && int64(len(p)) > s.left {
		p = p[:s.left]
	}
	if s.left >= 0 {
		s.left -= int64(len(p))
	}
	s.head = append(s.head, p[:min(len(p), cap(s.head)-len(s.head))]...)
	for len(p) > 0 {
		n := min(len(p), WindowSize-s.n)
		for _, b := range p[:n] {
			s.counts[b]++
		}
		s.n += n
		p = p[n:]
		if s.n == WindowSize {
			s.judge()
		}
	}
	return all, nil
}

func (s *Structure) judge() {
	if s.n >= LeastWindow && s.found == "" {
		expected, sum := float64(s.n)/256, 0.0
		for _, count := range s.counts {
			d := float64(count) - expected
			sum += d * d / expected
		}
		if sum > ChiSquareBound {
			s.found = fmt.Sprintf("the %d bytes from stored byte %d on are not random: chi-square of their values is %.0f, "+
				"and random ones exceed %.0f with a probability below 1e-9", s.n, s.seen, sum, ChiSquareBound)
		}
	}
	s.seen += int64(s.n)
	s.n = 0
	clear(s.counts[:])
}

// Head are the first bytes that were written, at most 300, and none beyond the limit.
func (s *Structure) Head() []byte { return s.head }

// Found says what isn't random of what was written; "" where nothing was found. It ends the judgement.
func (s *Structure) Found() string {
	s.judge()
	for _, m := range magics {
		if len(s.head) >= m.at+len(m.text) && bytes.HasPrefix(s.head[m.at:], []byte(m.text)) {
			return "it begins as a file of the format " + m.name + " does"
		}
	}
	return s.found
}
