package conformance

import (
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

// Chapters are what rows are about, in the order of a report.
var Chapters = []string{
	"default encryption of buckets", "CreateSession", "sessions", "writes under each session and default", "copies",
	"multipart uploads", "append, rename, delete", "reads, ranges, conditions", "keys of other states and kinds",
	"TLS and signatures", "what a directory bucket hasn't", "objects, listings, buckets",
	"general purpose buckets",
}

// chapters are the beginnings of ids.
var chapters = map[string]string{
	"PBE": Chapters[0], "DBE": Chapters[0], "GBE": Chapters[0], "CS": Chapters[1], "3.1": Chapters[1], "3.2": Chapters[1],
	"SE": Chapters[2], "REG": Chapters[2], "7.3": Chapters[2], "PUT": Chapters[3], "H": Chapters[3], "CP": Chapters[4],
	"UP": Chapters[5], "UC": Chapters[5], "CM": Chapters[5], "6.6": Chapters[5], "AP": Chapters[6], "RN": Chapters[6],
	"DL": Chapters[6], "6.3": Chapters[6], "6.4": Chapters[6], "G": Chapters[7], "RD": Chapters[7], "4.3": Chapters[7],
	"4.5": Chapters[7], "4.7": Chapters[7], "KE": Chapters[8], "KS": Chapters[8], "T": Chapters[9], "1.6": Chapters[10],
	"1.7": Chapters[10], "1.5": Chapters[10], "1.2": Chapters[11], "1.1": Chapters[11], "2.11": Chapters[7],
	"4.6": Chapters[11], "6.1": Chapters[11], "6.2": Chapters[11], "6.5": Chapters[11], "6.7": Chapters[11],
	"6.8": Chapters[11], "6.9": Chapters[11], "N": Chapters[11],
}

// Chapter is what the row is about, one of Chapters.
func (r *Row) Chapter() string {
	if r.General {
		return Chapters[len(Chapters)-1]
	}
	if about, ok := chapters[r.ID]; ok {
		return about
	}
	kind, _, _ := strings.Cut(r.ID, "-")
	return chapters[kind]
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
