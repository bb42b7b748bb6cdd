package main

import (
	_ "embed"
	"strings"
)

// manualSource is this package's comment, which is the manual page.
//
//go:embed doc.go
var manualSource string

// manual is the manual page: the package comment as far as it concerns who runs the program.
func manual() string {
	text, _, _ := strings.Cut(manualSource, "\n// # The house\n")
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "//"), " "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}
