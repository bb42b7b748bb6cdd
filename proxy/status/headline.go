package status

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Line says one thing that whoever is on call must know.
type Line struct {
	Level string `json:"level"` // bad: requests fail by it; due: something has to be done; well
	Text  string `json:"text"`  // a sentence: "The store hangs, since 02:13 UTC (4 min)"
	Why   string `json:"why,omitempty"`
	Works string `json:"works,omitempty"` // meanwhile
}

// Levels, the worst first.
const (
	levelBad  = "bad"
	levelDue  = "due"
	levelWell = "well"
)

// sentences are the states of what is needed, in words.
var sentences = map[string]map[string]string{
	"store": {
		"hanging": "The store hangs", "refusing": "The store refuses requests", "away": "The store is away",
		"slow": "The store is slow",
	},
	"kms": {
		"hanging": "KMS hangs", "refusing": "KMS refuses calls", "away": "KMS is away", "slow": "KMS is slow",
	},
	"certificates":  {"refusing": "Clients are shown a certificate that isn't valid", "due": "A certificate needs a look"},
	"configuration": {"due": "A change of the configuration isn't in force"},
	"audit":         {"refusing": "The audit log can't be written"},
}

// The shares of requests that fail from which on somebody should look, and must; and how many requests there must be in
// the last moment for it to count, not the last minute.
const (
	failedDue   = .01
	failedBad   = .25
	manyEnough  = 50
	failuresSay = "the last failures say why"
)

// headline is what the page says first: a line for each trouble, the worst first, or that all is well.
func headline(r *Report, minute Traffic, damaged float64) (lines []Line) {
	add := func(level, text, why, works string) { lines = append(lines, Line{level, text, why, works}) }
	if !r.Ready && !slices.ContainsFunc(r.Health, func(s Standing) bool { return s.Bad }) {
		add(levelDue, "This replica drains, or hasn't started yet", "", "requests that are in flight")
	}
	for i := range r.Health {
		s := &r.Health[i]
		if s.State == levelWell {
			continue
		}
		level, works := levelDue, ""
		if s.Bad {
			level, works = levelBad, s.Works
		}
		text := cmp.Or(sentences[s.Name][s.State], s.Name+" is "+s.State)
		add(level, text+sinceWords(s.Since, r.At), s.Why, works)
	}
	if damaged > 0 {
		add(levelBad, counted(damaged, "sealed item")+" didn't open in the last hour",
			"the store holds altered or damaged data; the log names it", "everything else")
	}
	recent := minute
	if r.Now.Rate*r.Now.Seconds >= manyEnough {
		recent = r.Now
	}
	if share := recent.Failed / recent.Rate; recent.Rate > 0 && share >= failedDue {
		level := levelDue
		if share >= failedBad {
			level = levelBad
		}
		text := fmt.Sprintf("%.0f %% of the requests fail, in the last %.0f s", 100*share, recent.Seconds)
		add(level, text, failuresSay, "")
	}
	for _, x := range r.Replicas {
		if x.Lost {
			add(levelDue, "Replica "+x.Host+" is silent, for "+spanWords(time.Duration(x.Silent*float64(time.Second))),
				"it ended without a word, or can't reach the store", "")
		}
	}
	if len(lines) == 0 {
		add(levelWell, "All is well", "", "")
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(a.Level, b.Level) }) // bad, due, well
	return lines
}

func counted(n float64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%.0f %ss", n, what)
}

// sinceWords is ", since 02:13 UTC (4 min)".
func sinceWords(since, now time.Time) string {
	if since.IsZero() {
		return ""
	}
	layout := "15:04 UTC"
	if now.Sub(since) >= 20*time.Hour {
		layout = "2006-01-02 15:04 UTC"
	}
	return fmt.Sprintf(", since %s (%s)", since.UTC().Format(layout), spanWords(now.Sub(since)))
}

// spanWords is a time in the unit that suits it.
func spanWords(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60), " 0 min")
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
