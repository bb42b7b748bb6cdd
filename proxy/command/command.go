package command

import (
	"context"
	"strings"
)

// A command is a subcommand: its page of the manual and what it does.
type command struct {
	name        string // as it is typed; several words for some
	summary     string // behind the name in lists
	synopsis    []string
	description []string // paragraphs
	operands    [2]int   // fewest and most arguments that aren't flags; -1: any number
	examples    []example
	failure     string // what exit status 1 means; "": the command failed
	files       []entry
	environment []entry
	seals       bool // or opens: it needs more of cryptography than hashes

	// prepare declares the command's flags and returns what carries it out once they are parsed.
	prepare func(*invocation) action
}

// An example is a command line that works as it is, apart from names.
type example struct{ what, line string }

// An entry of a list in a page.
type entry struct{ name, what string }

// An action carries a command out with its operands: arguments that are not flags.
type action func(ctx context.Context, operands []string) error

// usage is the synopsis.
func (c *command) usage() string {
	var b strings.Builder
	for i, line := range c.synopsis {
		b.WriteString([]string{"usage: ", "       "}[min(i, 1)] + line + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
