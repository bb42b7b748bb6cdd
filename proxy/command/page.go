package command

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

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
		b.WriteString("        " + e.line + "\n") // not wrapped, so that it can be copied
	}
	b.section("EXIT STATUS")
	failure := c.failure
	if failure == "" {
		failure = "the command failed; the reason is on stderr"
	}
	for i, meaning := range []string{"success", failure, "the command line or the configuration is wrong"} {
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

// sections builds a page.
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

// text writes a paragraph with this indent.
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
