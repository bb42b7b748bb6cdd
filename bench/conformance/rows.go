package conformance

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Rows are all, in the order in which they run: those of the tables and in code, then those that are written as
// exchanges. What Amazon S3 answered, rows/answers.txt, has been entered.
func Rows() ([]*Row, error) {
	coded := slices.Concat(
		bucketEncryptionRows(), headerRows(), createSessionRows(), putRows(), copyRows(), partRows(), appendRows(),
		readRows(), attributeRows(),
		transportRows(), sessionRows(), unsupportedRows(), sectionRows(), policyRows(), conditionRows(),
		multipartRows(), keyStateRows(), regionalRows(), slowRows(), newsRows(),
	)
	all := make([]*Row, 0, len(coded))
	for _, r := range coded {
		all = append(all, &Row{ID: r.id, Says: r.says, Open: r.open, Want: r.want, General: r.general, row: &r})
	}
	written, err := writtenRows()
	if err != nil {
		return nil, err
	}
	all = append(all, written...)
	names := make(map[string]*Row, len(all))
	sources, err := idSources()
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if names[r.Name()] != nil {
			return nil, fmt.Errorf("two rows are named %q", r.Name())
		}
		names[r.Name()] = r
		if r.Source == "" {
			r.Source = sources[r.ID]
		}
	}
	return all, enterAnswers(names)
}

// idSources are where the ids' answers are published, of rows/ids.txt.
func idSources() (map[string]string, error) {
	text, err := files.ReadFile("rows/ids.txt")
	if err != nil {
		return nil, err
	}
	sources := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, source, ok := strings.Cut(line, " | ")
		if !ok || strings.TrimSpace(source) == "" {
			return nil, fmt.Errorf("rows/ids.txt: no source of %q", line)
		}
		sources[strings.TrimSpace(id)] = strings.TrimSpace(source)
	}
	return sources, nil
}

// writtenRows are the rows of rows/*.http.
func writtenRows() ([]*Row, error) {
	names, err := fs.Glob(files, "rows/*.http")
	if err != nil {
		return nil, err
	}
	var all []*Row
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		rows, err := parseRows(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s:%w", name, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}
