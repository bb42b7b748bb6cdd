package main

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"
)

// manualSource is this package's comment, which is the manual page of the whole program.
//
//go:embed doc.go
var manualSource string

// manual is the package comment as far as it concerns who runs the program.
func manual() string {
	text, _, _ := strings.Cut(manualSource, "\n// # The house\n")
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "//"), " "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// prepareHelp shows the manual, or the page of one command.
func prepareHelp(v *invocation) action {
	return func(_ context.Context, operands []string) error {
		text := manual()
		if len(operands) > 0 {
			c, rest := find(operands)
			switch {
			case c == nil && overview(operands[0]) == "" || len(rest) > 0:
				return usagef("there is no command %q\n%s", strings.Join(operands, " "), overview(""))
			case c == nil:
				text = overview(operands[0])
			default:
				about := newInvocation(c, v.stdout, v.stderr)
				c.prepare(about)
				text = about.page()
			}
		}
		_, err := io.WriteString(v.stdout, text)
		return err
	}
}

// overview is a line a command whose first word is this one, or of all for "". It is empty when there is none.
func overview(word string) string {
	var b strings.Builder
	for _, c := range commands() {
		if word == "" || strings.HasPrefix(c.name, word+" ") {
			fmt.Fprintf(&b, "  sealfront %-14s %s\n", c.name, c.summary)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "commands:\n" + b.String() + "'sealfront COMMAND --help' shows a command's page, 'sealfront help' the manual.\n"
}

// usage is the synopsis.
func (c *command) usage() string {
	var b strings.Builder
	for i, line := range c.synopsis {
		b.WriteString([]string{"usage: ", "       "}[min(i, 1)] + line + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// page is the command's page of the manual. Its options are those that the command parses.
func (v *invocation) page() string {
	c := v.command
	b := &sections{}
	b.section("NAME")
	b.text("sealfront "+c.name+" - "+c.summary, 4)
	b.section("SYNOPSIS")
	for _, line := range c.synopsis {
		b.text(bracketed.ReplaceAllStringFunc(line, func(s string) string { return strings.ReplaceAll(s, " ", unbroken) }), 4)
	}
	b.section("DESCRIPTION")
	for i, paragraph := range c.description {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.text(paragraph, 4)
	}
	options := false
	v.VisitAll(func(f *flag.Flag) {
		if !options {
			b.section("OPTIONS")
			options = true
		}
		value, what := flag.UnquoteUsage(f)
		b.text(strings.TrimSpace("--"+f.Name+" "+value), 4)
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" {
			what += "; default " + f.DefValue
		}
		b.text(what, 8)
	})
	b.section("EXAMPLES")
	for i, e := range c.examples {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.text(e.what, 4)
		b.WriteString("        " + e.line + "\n") // not wrapped: it is there to be copied
	}
	b.section("EXIT STATUS")
	failure := c.failure
	if failure == "" {
		failure = "the command failed; stderr says at what"
	}
	for i, meaning := range []string{"done as asked", failure, "the command line or the configuration is wrong"} {
		b.text(fmt.Sprintf("%d"+unbroken+unbroken+"%s", i, meaning), 4)
	}
	for _, list := range []struct {
		title   string
		entries []entry
	}{{"FILES", c.files}, {"ENVIRONMENT", c.environment}} {
		if len(list.entries) > 0 {
			b.section(list.title)
			b.entries(list.entries)
		}
	}
	return b.String()
}

// sections are a page in the making.
type sections struct{ strings.Builder }

func (s *sections) section(title string) {
	if s.Len() > 0 {
		s.WriteByte('\n')
	}
	s.WriteString(title + "\n")
}

// pageWidth is where lines of a page end.
const pageWidth = 80

// unbroken is a blank at which no line ends; bracketed is what a synopsis keeps on one line.
const unbroken = "\u00a0"

var bracketed = regexp.MustCompile(`\[[^\]]*\]`)

// text writes a paragraph this far in.
func (s *sections) text(paragraph string, indent int) {
	margin := strings.Repeat(" ", indent)
	line, width := "", 0
	for word := range strings.SplitSeq(paragraph, " ") {
		n := utf8.RuneCountInString(word)
		switch {
		case width == 0:
			line, width = margin+word, indent+n
		case width+1+n > pageWidth:
			s.line(line)
			line, width = margin+word, indent+n
		default:
			line, width = line+" "+word, width+1+n
		}
	}
	s.line(line)
}

func (s *sections) line(text string) {
	s.WriteString(strings.ReplaceAll(text, unbroken, " ") + "\n")
}

func (s *sections) entries(list []entry) {
	for _, e := range list {
		s.text(e.name, 4)
		s.text(e.what, 8)
	}
}
