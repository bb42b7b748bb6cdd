package main

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
)

// A plot is horizontal bars, a group a cell and a bar a target.
type plot struct {
	name, title string
	groups      []group
	targets     []string
}

type group struct {
	name   string
	values map[string]float64 // by target
}

// plots are CPU as a multiple of nginx's, CPU a GiB of the cells whose bytes count, CPU a request of the others,
// throughput and p99.
// They show the targets that are named, separated by commas, or all.
func (o *outcome) plots(names string) (list []plot) {
	sums := slices.DeleteFunc(o.summaries(), func(s summary) bool {
		return names != "" && !slices.Contains(strings.Split(names, ","), s.Target)
	})
	for _, p := range []struct {
		name, title string
		of          func(*summary) float64
		fits        func(*summary) bool
	}{
		{
			"cpu-gib", "CPU of the proxy, seconds a GiB", func(s *summary) float64 {
				return s.CPUPerGiB
			}, func(s *summary) bool { return !s.small() },
		},
		{
			"cpu-request", "CPU of the proxy, µs a request", func(s *summary) float64 {
				return s.CPUPerRequest
			}, func(s *summary) bool { return s.small() },
		},
		{
			"throughput", "GiB a second", func(s *summary) float64 { return s.GiBPerSecond }, func(s *summary) bool {
				return !s.small()
			},
		},
		{
			"requests", "requests a second", func(s *summary) float64 { return s.PerSecond }, func(s *summary) bool {
				return s.small()
			},
		},
		{
			"p99", "p99 of requests under 64 KiB, ms", func(s *summary) float64 {
				return s.P99 / 1000
			}, func(s *summary) bool { return s.small() },
		},
		{
			"cpu-ratio", "CPU of the proxy, divided by nginx's in the same round", func(s *summary) float64 {
				return o.ratios(s.Target, "nginx", s.cell)["CPU"]
			}, func(s *summary) bool { return s.Target != "nginx" },
		},
	} {
		made := plot{name: p.name, title: p.title}
		for i := range sums {
			s := &sums[i]
			if !p.fits(s) || p.of(s) == 0 {
				continue
			}
			name := s.cell.String()
			if n := len(made.groups); n == 0 || made.groups[n-1].name != name {
				made.groups = append(made.groups, group{name, map[string]float64{}})
			}
			made.groups[len(made.groups)-1].values[s.Target] = p.of(s)
			if !slices.Contains(made.targets, s.Target) {
				made.targets = append(made.targets, s.Target)
			}
		}
		if len(made.groups) > 0 {
			list = append(list, made)
		}
	}
	return list
}

var colours = []string{
	"#9aa0a6", "#4c78a8", "#72b7b2", "#b279a2", "#eeca3b", "#54a24b", "#ff9da6", "#e45756", "#f58518", "#9d755d",
}

const (
	plotWidth, plotLeft, plotRight = 860, 240, 90
	barHeight, groupGap            = 14, 12
	plotTop                        = 56
)

// svg draws the plot.
func (p *plot) svg() string {
	most, bars := 0.0, 0
	for _, g := range p.groups {
		for _, v := range g.values {
			most = max(most, v)
			bars++
		}
	}
	height := plotTop + bars*barHeight + len(p.groups)*groupGap + 10
	var b strings.Builder
	fmt.Fprintf(
		&b,
		`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" `+
			`font-size="11">`+"\n", plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="20" font-size="15">%s</text>`+"\n",
		escaped(p.title))
	x := 10
	for i, t := range p.targets {
		fmt.Fprintf(&b, `<rect x="%d" y="32" width="10" height="10" fill="%s"/><text x="%d" y="41">%s</text>`+"\n", x,
			colours[i%len(colours)], x+14, escaped(t))
		x += 26 + 7*len(t)
	}
	y := plotTop
	for _, g := range p.groups {
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", plotLeft-8, y+barHeight-4,
			escaped(g.name))
		for i, t := range p.targets {
			v, ok := g.values[t]
			if !ok {
				continue
			}
			width := v / most * (plotWidth - plotLeft - plotRight)
			fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s</text>`+
				"\n",
				plotLeft, y, width, barHeight-2, colours[i%len(colours)], plotLeft+width+4, y+barHeight-4, figure(v))
			y += barHeight
		}
		y += groupGap
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a strings.Builder never fails
	return b.String()
}
