package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// besiege measures normal clients in rounds with and without slow ones, in turns, and waits for the end of the slow
// ones.
func (p *plan) besiege(ctx context.Context, out io.Writer) (err error) {
	l, err := newLab(p.tools, p.progress.say)
	if err != nil {
		return err
	}
	defer l.close()
	p.progress.step("starting")
	targets, _, err := p.targets(ctx, l)
	if err != nil {
		return err
	}
	t := targets[0]
	w := newWorker(t, &cell{Payload: modeUnsigned}, &p.settings, newContent(slowObjectSize), 0)
	defer w.close()
	if err := w.putObject(ctx, slowObject, w.content); err != nil {
		return err
	}
	defer func() {
		if p.external != nil { // others end with their lab
			clean := context.WithoutCancel(ctx)
			err = errors.Join(err, w.remove(clean, slowObject), p.clean(clean, targets))
		}
	}()
	o := newOutcome(ctx, p.command)
	var text strings.Builder
	fmt.Fprintf(&text, "- Machine: %s\n- Go: %s, commit: %s, %s UTC\n- Command: `%s`\n\n", o.Machine, o.Go, o.Commit,
		o.Date, o.Command)
	fmt.Fprintf(
		&text, "p50 and p99 in ms, medians of %d rounds of %s each; ratios are of one round, and their median, least "+
			"and most:\n\n", p.rounds, p.duration)
	text.WriteString("| cell | requests/s | p50 | p99 | with slow ones: requests/s | p50 | p99 | p99 ratio | " +
		"least–most | errors |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n")
	var errs []error
	for _, c := range p.cells {
		row, err := p.siegeRounds(ctx, t, &c)
		if err != nil {
			return err
		}
		text.WriteString(row.markdown(&c))
		if ratio := median(row.ratios); ratio > p.siege.most {
			errs = append(errs, fmt.Errorf("%s: slow clients raise p99 to %.2f times what it was, and %.2f is the most",
				&c, ratio, p.siege.most))
		}
		if row.errors > 0 {
			errs = append(errs, fmt.Errorf("%s: %d requests of normal clients failed: %s", &c, row.errors, row.failure))
		}
	}
	p.progress.say("waiting until the slow ones are cut off, at most %s", p.siege.patience)
	crowd := startCrowd(ctx, t, p.siege.slow, p.siege.pause, false)
	left := crowd.holdOut(ctx, p.siege.patience)
	crowd.close()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Fprintf(&text, "\n%d slow clients, and when the proxy ended them:\n\n%s", p.siege.slow, endings(crowd.ends))
	if left > 0 {
		errs = append(errs, fmt.Errorf("%d of %d slow clients were not cut off within %s", left, p.siege.slow,
			p.siege.patience))
	}
	for _, e := range crowd.ends {
		if e.err != nil {
			errs = append(errs, fmt.Errorf("a slow client (%s) didn't come as far as it should: %w", e.form, e.err))
			break
		}
	}
	p.progress.end()
	_, err = io.WriteString(out, text.String())
	return errors.Join(append(errs, err)...)
}

// siegeRow is a cell's figures of all rounds.
type siegeRow struct {
	without, with []*result
	ratios        []float64
	errors        int64
	failure       string
}

// siegeRounds measures a cell: each round once with and once without slow clients, beginning with the other one each
// time.
func (p *plan) siegeRounds(ctx context.Context, t *target, c *cell) (*siegeRow, error) {
	row, body := &siegeRow{}, newContent(c.Size)
	measure := func(slow bool) (*result, error) {
		if slow {
			crowd := startCrowd(ctx, t, p.siege.slow, p.siege.pause, true)
			defer crowd.close()
			crowd.settled.Wait()
		}
		p.progress.step("%s, slow clients: %t", c, slow)
		r, err := p.measure(ctx, t, c, body)
		if err != nil {
			return nil, err
		}
		p.progress.say("%s, slow clients: %t: %s", c, slow, r.brief())
		if row.errors += r.Errors; row.failure == "" {
			row.failure = r.Failure
		}
		return r, nil
	}
	for round := range p.rounds {
		var pair [2]*result
		for i := range pair {
			slow := (i + round) % 2
			r, err := measure(slow == 1)
			if err != nil {
				return nil, err
			}
			pair[slow] = r
		}
		row.without, row.with = append(row.without, pair[0]), append(row.with, pair[1])
		row.ratios = append(row.ratios, float64(pair[1].P99)/float64(max(1, pair[0].P99)))
	}
	return row, nil
}

func (r *siegeRow) markdown(c *cell) string {
	figures := func(list []*result) string {
		of := func(f func(*result) float64) float64 {
			var values []float64
			for _, r := range list {
				values = append(values, f(r))
			}
			return median(values)
		}
		return fmt.Sprintf("%s | %s | %s", figure(of((*result).perSecond)),
			milliseconds(of(func(r *result) float64 { return float64(r.P50) })),
			milliseconds(of(func(r *result) float64 { return float64(r.P99) })))
	}
	return fmt.Sprintf("| %s | %s | %s | %.2f | %.2f–%.2f | %d |\n", c, figures(r.without), figures(r.with),
		median(r.ratios), slices.Min(r.ratios), slices.Max(r.ratios), r.errors)
}

// endings are the slow clients by form: how many were cut off, after how long, and how.
func endings(ends []ending) string {
	var b strings.Builder
	b.WriteString("| form | cut off | after s, least | median | most | how |\n|---|--:|--:|--:|--:|---|\n")
	for _, f := range forms {
		var after []float64
		hows := map[string]int{}
		for _, e := range ends {
			if e.form == f.name && e.err == nil {
				after = append(after, e.after.Seconds())
				hows[e.how]++
			}
		}
		if len(after) == 0 {
			fmt.Fprintf(&b, "| %s: %s | 0 | – | – | – | – |\n", f.name, f.what)
			continue
		}
		var how []string
		for h, n := range hows {
			how = append(how, fmt.Sprintf("%d %s", n, h))
		}
		slices.Sort(how)
		fmt.Fprintf(&b, "| %s: %s | %d | %.1f | %.1f | %.1f | %s |\n", f.name, f.what, len(after), slices.Min(after),
			median(after), slices.Max(after), strings.Join(how, "; "))
	}
	return b.String()
}
