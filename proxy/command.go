package main

import (
	"context"
	"crypto/fips140"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"sealfront/proxy/tools"
)

// A command is a subcommand: its page of the manual and what it does.
type command struct {
	name        string // as it is typed; two words for some
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

// An example is a command line that works as it stands, but for names.
type example struct{ what, line string }

// An entry of a list in a page.
type entry struct{ name, what string }

// An action carries a command out with what stood beside its flags.
type action func(ctx context.Context, operands []string) error

// find looks for a command by its words, and returns what follows them.
func find(args []string) (*command, []string) {
	for n := min(2, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for _, c := range commands() {
			if c.name == name {
				return &c, args[n:]
			}
		}
	}
	return nil, nil
}

// run is the program. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) > 0 && isHelp(args[0]) {
		args = append([]string{"help"}, args[1:]...)
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"serve"}, args...)
	}
	c, rest := find(args)
	if c == nil {
		if text := overview(args[0]); text != "" {
			if len(args) > 1 && isHelp(args[1]) {
				_, err := io.WriteString(stdout, text)
				return err
			}
			return usagef("%s wants another word\n%s", args[0], text)
		}
		return usagef("there is no command %q\n%s", args[0], overview(""))
	}
	v := newInvocation(c, stdout, stderr)
	act := c.prepare(v)
	operands, err := v.parse(rest)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(stdout, v.page())
		return err
	}
	if err != nil {
		return err
	}
	if c.seals && fips140.Enforced() {
		return usagef("GODEBUG=fips140=only refuses nonces that are counters, which segments are sealed with: use GODEBUG=fips140=on")
	}
	return act(ctx, operands)
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

// An invocation is a command with its flags, about to be carried out.
type invocation struct {
	*flag.FlagSet
	command        *command
	at             where
	walk           tools.WalkOptions
	stdout, stderr io.Writer
}

func newInvocation(c *command, stdout, stderr io.Writer) *invocation {
	v := &invocation{FlagSet: flag.NewFlagSet(c.name, flag.ContinueOnError), command: c, stdout: stdout, stderr: stderr}
	v.SetOutput(io.Discard) // run says what is wrong, and shows the page
	return v
}

// parse reads flags, which may stand before, between and behind the arguments, and returns these.
func (v *invocation) parse(args []string) (operands []string, err error) {
	for {
		if err := v.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usagef("%s: %w; 'sealfront %s --help' lists its flags", v.command.name, err, v.command.name)
		}
		rest := v.Args()
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			operands, rest = append(operands, rest...), nil
		}
		if len(rest) == 0 {
			break
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
	if least, most := v.command.operands[0], v.command.operands[1]; len(operands) < least || most >= 0 && len(operands) > most {
		return nil, usagef("%s takes %s, but got %q\n%s", v.command.name, counted(least, most), operands, v.command.usage())
	}
	if v.walk.Concurrency < 0 || v.walk.Rate < 0 {
		return nil, usagef("--concurrency and --rate must not be negative")
	}
	if v.walk.Resume != "" { // the embedded store changes the working directory
		v.walk.Resume, err = filepath.Abs(v.walk.Resume)
	}
	return operands, err
}

func counted(least, most int) string {
	switch {
	case most == 0:
		return "no arguments"
	case most < 0:
		return fmt.Sprintf("%d or more arguments", least)
	case least < most:
		return fmt.Sprintf("%d to %d arguments", least, most)
	case most == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", most)
}
