package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"sealfront/bench/conformance"
)

// An examination is the conformance suite at one endpoint or at all servers that can be had.
type examination struct {
	conformance.Settings
	servers       string // "": the endpoint of the settings; otherwise names, or all
	only          *regexp.Regexp
	record, tools string
	page, details string
	workers       int
	progress      *progress
}

func parseExamination(args []string, out io.Writer) (*examination, error) {
	e := &examination{progress: newProgress(out)}
	f := flag.NewFlagSet("bench conformance", flag.ContinueOnError)
	f.SetOutput(out)
	e.Flags(f)
	only := f.String("only", "", "regular expression of the rows' names: those that are tried")
	f.StringVar(&e.servers, "servers", "", "names of servers to start and score, or all: "+
		strings.Join(examineeNames(), ", "))
	f.StringVar(&e.record, "record", "", "file for the answers that rows are judged by, as rows/answers.txt and "+
		"rows/*.http take them")
	f.StringVar(&e.page, "page", "bench/conformance/RESULTS.md", "page whose part between the marks takes the scores")
	f.StringVar(&e.details, "details", "", "file for what failed and was skipped at each of the -servers, and why")
	f.StringVar(&e.tools, "tools", os.Getenv("SEALFRONT_TOOLS"),
		"folder with bin/versitygw and so on; default $SEALFRONT_TOOLS")
	f.IntVar(&e.workers, "concurrency", 16, "how many rows are tried at once")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, usageError{err}
	}
	var err error
	if e.only, err = regexp.Compile(*only); err != nil {
		return nil, usagef("-only: %w", err)
	}
	switch {
	case f.NArg() > 0 || e.workers <= 0:
		return nil, usagef("conformance takes no arguments, and -concurrency is positive")
	case e.servers == "" && e.Endpoint == "":
		return nil, usagef("conformance wants -endpoint or -servers")
	case e.servers != "" && e.Endpoint != "":
		return nil, usagef("-endpoint is a server that runs, -servers are started: give one of both")
	case e.servers != "" && (*only != "" || e.record != ""):
		return nil, usagef("-only and -record are for one -endpoint")
	}
	e.FromEnvironment()
	return e, nil
}

// run tries the rows. An error after the outcome says that some failed.
func (e *examination) run(ctx context.Context, command string, out io.Writer) error {
	if e.servers != "" {
		return e.score(ctx, command, out)
	}
	var answers bytes.Buffer
	s, err := e.examine(ctx, e.Settings, func(o conformance.Outcome) {
		if o.Answer != "" {
			fmt.Fprintf(&answers, "== %s %s\nmeasured %s %s\n%s\n", o.Row.ID, o.Row.Says,
				time.Now().UTC().Format(time.DateOnly), e.Endpoint, o.Answer)
		}
	})
	if s != nil {
		fmt.Fprint(out, s)
	}
	if e.record != "" {
		err = errors.Join(err, os.WriteFile(e.record, answers.Bytes(), 0o600))
	}
	if err == nil && s.Failures() > 0 {
		err = fmt.Errorf("%d rows failed", s.Failures())
	}
	return err
}

// examine runs the suite at an endpoint.
func (e *examination) examine(
	ctx context.Context, s conformance.Settings, each func(conformance.Outcome),
) (*conformance.Summary, error) {
	suite, err := conformance.Open(s)
	if err != nil {
		return nil, err
	}
	sum := &conformance.Summary{}
	suite.Run(ctx, e.workers, func(r *conformance.Row) bool { return e.only.MatchString(r.Name()) },
		func(o conformance.Outcome) {
			sum.Add(o)
			if each != nil {
				each(o)
			}
		})
	return sum, errors.Join(ctx.Err(), suite.Close(ctx))
}

// score starts each server, runs the suite at it, and writes the page's table.
func (e *examination) score(ctx context.Context, command string, out io.Writer) error {
	l, err := newLab(e.tools, e.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	var scores []score
	var details bytes.Buffer
	for _, x := range examinees {
		if e.servers != "all" && !slices.Contains(strings.Split(e.servers, ","), x.name) {
			continue
		}
		e.progress.say("%s …", x.name)
		s, version, err := x.start(ctx, l)
		if errors.Is(err, errAbsent) {
			e.progress.say("%s is not installed and has no score", x.name)
			continue
		}
		if err != nil {
			return err
		}
		sum, err := e.examine(ctx, s, nil)
		if sum == nil {
			return err
		}
		if err != nil { // a server that can't delete what it has made is judged all the same
			e.progress.say("%s: %v", x.name, err)
		}
		fmt.Fprintf(&details, "# %s %s\n\n%s\n", x.name, version, sum)
		scores = append(scores, score{x.name, version, sum})
		for i := len(l.running) - 1; i >= 0; i-- {
			l.running[i].stop()
		}
	}
	if len(scores) == 0 {
		return usagef("-servers %s names none of %s that is installed", e.servers, strings.Join(examineeNames(), ", "))
	}
	if e.details != "" {
		if err := os.WriteFile(e.details, details.Bytes(), 0o600); err != nil {
			return err
		}
	}
	text := scoreTable(scores, command)
	fmt.Fprint(out, text)
	return replacePart(e.page, scoresMark, text)
}

// A score is what came of the suite at a server.
type score struct {
	name, version string
	*conformance.Summary
}

// scoreTable has a line a chapter and a column a server.
func scoreTable(scores []score, command string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s, by `%s`. A cell is rows passed of those that were tried; skipped rows, in brackets, need\n"+
		"what the server hasn't: a key service, other identities, an endpoint without TLS.\n\n| rows about |",
		time.Now().UTC().Format(time.DateOnly), command)
	for _, s := range scores {
		fmt.Fprintf(&b, " %s %s |", s.name, s.version)
	}
	b.WriteString("\n|---|" + strings.Repeat("--:|", len(scores)) + "\n")
	line := func(what string, of func(*conformance.Row) bool) {
		fmt.Fprintf(&b, "| %s |", what)
		for _, s := range scores {
			n := s.Tally(of)
			cell := fmt.Sprintf("%d/%d", n[conformance.Passed], n[conformance.Passed]+n[conformance.Failed])
			if n[conformance.Skipped] > 0 {
				cell += fmt.Sprintf(" (%d)", n[conformance.Skipped])
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	for _, chapter := range conformance.Chapters {
		line(chapter, func(r *conformance.Row) bool { return r.Chapter() == chapter })
	}
	line("**all of directory buckets**", func(r *conformance.Row) bool { return !r.General })
	line("of these, published answers", func(r *conformance.Row) bool { return !r.General && r.Open == "" })
	line("**all of general purpose buckets**", func(r *conformance.Row) bool { return r.General })
	line("of these, published answers", func(r *conformance.Row) bool { return r.General && r.Open == "" })
	return b.String()
}
