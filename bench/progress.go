package main

import (
	"fmt"
	"io"
	"os"
)

// progress shows people at a terminal what is going on.
type progress struct {
	w        io.Writer
	terminal bool
}

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok {
		return &progress{w: w}
	}
	info, err := f.Stat()
	return &progress{w, err == nil && info.Mode()&os.ModeCharDevice != 0}
}

const clearLine = "\r\x1b[K"

// step replaces the line that says what is being done.
func (p *progress) step(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.w, clearLine+format, args...)
	}
}

// say leaves a line behind.
func (p *progress) say(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.w, clearLine+format+"\n", args...)
	}
}

func (p *progress) end() { p.step("") }
