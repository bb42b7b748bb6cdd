package conformance

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed rows
var files embed.FS

// table reads a file of rows: a line a row, cells between bars. Every line must have as many cells as the heading.
func table(file string) (heading []string, lines [][]string) {
	text, err := files.ReadFile("rows/" + file)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		comment := strings.HasPrefix(line, "#")
		if comment && !strings.Contains(line, "|") || strings.TrimSpace(line) == "" {
			continue
		}
		cells := strings.Split(strings.TrimSpace(strings.TrimPrefix(line, "#")), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if comment {
			heading = cells
			continue
		}
		if len(cells) != len(heading) {
			panic(fmt.Sprintf("rows/%s: %d cells, want %d: %s", file, len(cells), len(heading), line))
		}
		lines = append(lines, cells)
	}
	return heading, lines
}
