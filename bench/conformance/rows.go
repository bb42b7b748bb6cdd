package conformance

import (
	"fmt"
	"slices"
	"strings"
)

// A Row is one case: a request, or some, and what must be answered. Rows of one id that say the same of different
// requests are rows of their own.
type Row struct {
	ID   string // of the behaviour reference: a row's, or a section's where its rows have none
	Says string
	Open string // where nothing is published about the answer: the register's number, or "?" when it has none
	// Want is what the row is judged by, in the tables' words; "": by more than one answer, by what is written in its
	// exchanges or its code.
	Want     string
	Source   string // where the answer is published
	Measured string // when and where it was seen at Amazon S3; "" never, by us
	General  bool   // it is about general purpose buckets

	steps []step // of a row that is written as exchanges
	row   *row   // of one that is written in code
}

// Name is unique among the rows.
func (r *Row) Name() string {
	name := r.ID + " " + r.Says
	switch r.Open {
	case "":
	case "?":
		name += " (UNVERIFIED)"
	default:
		name += " (UNVERIFIED " + r.Open + ")"
	}
	return name
}

// The kinds of buckets.
const (
	Directory = "directory"
	General   = "general purpose"
)

// Kind is what kind of bucket the row is about.
func (r *Row) Kind() string {
	if r.General {
		return General
	}
	return Directory
}

// play runs the row.
func (r *Row) play(c *check) {
	switch {
	case r.row == nil:
		c.exchange(r.steps)
	case r.row.judge != nil:
		r.row.judge(c, r.Want)
	default:
		r.row.run(c)
	}
}

// A row is a case that is written in code, or a line of a table. It has either run or want and judge, which is given
// want, or what Amazon S3 was seen to answer instead.
type row struct {
	id, says, open, want string
	general              bool
	run                  func(c *check)
	judge                func(c *check, want string)
}

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
