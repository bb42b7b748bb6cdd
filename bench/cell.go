package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A cell is what is measured at once: one operation at one size and concurrency, in one kind of request.
type cell struct {
	Operation   string  `json:"operation"` // put, get, head, list, range, multipart, mixed
	Size        int64   `json:"size"`      // of objects; bytes
	Concurrency int     `json:"concurrency"`
	Payload     string  `json:"payload"`        // of writes
	Checksum    bool    `json:"checksum"`       // reads ask for x-amz-checksum-mode
	Rate        float64 `json:"rate,omitempty"` // requests a second of the open loop; 0: closed loop
}

// The operations.
const (
	opPut       = "put"
	opGet       = "get"
	opHead      = "head"
	opList      = "list"
	opRange     = "range"
	opMultipart = "multipart"
	opMixed     = "mixed"
)

var operations = []string{opPut, opGet, opHead, opList, opRange, opMultipart, opMixed}

// A mixed load is these shares of a hundred requests.
var mix = []struct {
	operation string
	share     int
}{{opGet, 65}, {opPut, 20}, {opHead, 10}, {opList, 5}}

// String names the cell in reports.
func (c *cell) String() string {
	s := strings.ToUpper(c.Operation) + " " + bytesText(c.Size) + " ×" + strconv.Itoa(c.Concurrency)
	if c.Payload != modeUnsigned && (c.Operation == opPut || c.Operation == opMultipart || c.Operation == opMixed) {
		s += " " + c.Payload
	}
	if c.Checksum {
		s += " checksum-mode"
	}
	if c.Rate > 0 {
		s += fmt.Sprintf(" %g/s", c.Rate)
	}
	return s
}

// small reports whether the cost of a request counts, not that of its bytes.
func (c *cell) small() bool {
	return c.Size < 64<<10 || c.Operation == opHead || c.Operation == opList || c.Operation == opRange
}

// Settings are what all cells of a run share.
type settings struct {
	duration, warmUp time.Duration
	rangeSize        int64
	partSize         int64
	listed           int  // objects of a listing
	verify           int  // every how many reads are compared; 0: none
	spans            bool // keep when each request began and ended
}

func bytesText(n int64) string {
	for _, u := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n >= 1<<u.shift && n%(1<<u.shift) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " B"
}

// parseBytes reads a size such as 0, 4KiB, 64MiB or 1GiB.
func parseBytes(text string) (int64, error) {
	digits, shift := text, 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if d, ok := strings.CutSuffix(text, unit); ok {
			digits, shift = d, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > maxSize>>shift {
		return 0, fmt.Errorf("%q is not a size such as 0, 4KiB or 1GiB, up to 5GiB", text)
	}
	return n << shift, nil
}

const maxSize = 5 << 30
