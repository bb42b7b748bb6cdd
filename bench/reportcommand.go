package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// reportCommand makes tables and plots of results.
func reportCommand(args []string, out, progress io.Writer) error {
	f := flag.NewFlagSet("bench report", flag.ContinueOnError)
	f.SetOutput(progress)
	page := f.String("page", "bench/RESULTS.md", "page whose part between the marks is written")
	plotted := f.String("plot", "", "targets that plots show, by name; default all. What takes fifty times as much as "+
		"the others makes their bars too short")
	dir := f.String("dir", "bench/results", "directory for tables and plots")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if f.NArg() == 0 {
		return usagef("report wants the files that -json wrote")
	}
	var text strings.Builder
	for _, file := range f.Args() {
		o, err := readOutcome(file)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(*dir, 0o755); err != nil {
			return err
		}
		name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
		table := o.markdown()
		if err := os.WriteFile(filepath.Join(*dir, name+".md"), []byte("# "+name+"\n\n"+table), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&text, "\n## %s\n\n%s", name, table)
		for _, p := range o.plots(*plotted) {
			plot := name + "-" + p.name + ".svg"
			if err := os.WriteFile(filepath.Join(*dir, plot), []byte(p.svg()), 0o644); err != nil {
				return err
			}
			rel, err := filepath.Rel(filepath.Dir(*page), filepath.Join(*dir, plot))
			if err != nil {
				return err
			}
			fmt.Fprintf(&text, "\n![%s](%s)\n", p.title, filepath.ToSlash(rel))
		}
		fmt.Fprintln(out, "reported", file)
	}
	return replacePart(*page, beginMark, text.String())
}

// The marks in RESULTS.md between which reports stand.
const (
	beginMark  = "<!-- bench: made by go run ./bench report -->\n"
	scoresMark = "<!-- bench: made by go run ./bench conformance -servers all -->\n"
	endMark    = "<!-- /bench -->"
)

// replacePart puts text between the marks of a page.
func replacePart(page, begin, text string) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s doesn't have the marks %q and %q", page, strings.TrimSpace(begin), endMark)
	}
	return os.WriteFile(page, []byte(before+begin+text+endMark+after), 0o644)
}
