package conformance

import (
	"fmt"
	"strings"
)

// enterAnswers puts what Amazon S3 was seen to answer, rows/answers.txt, in the place of what rows want. A block of the
// file is the row's id and what it says behind "== ", a line "measured DATE WHERE", and the answer as it came:
//
//	== PUT-12 sse=aws:kms bk=false, PutObject, sK kms
//	measured 2026-12-24 usw2-az1
//	HTTP/1.1 400 Bad Request
//	…
//
// A row that is entered isn't UNVERIFIED any more. Answers for rows that are written as exchanges are pasted there.
func enterAnswers(rows map[string]*Row) error {
	text, err := files.ReadFile("rows/answers.txt")
	if err != nil {
		return err
	}
	titles := make(map[string]*Row, len(rows))
	for _, r := range rows {
		titles[r.ID+" "+r.Says] = r
	}
	return enter(titles, string(text))
}

func enter(titles map[string]*Row, text string) error {
	for i, block := range strings.Split("\n"+text, "\n== ") {
		if i == 0 {
			continue // what stands before the first
		}
		title, rest, _ := strings.Cut(block, "\n")
		measured, answer, _ := strings.Cut(rest, "\n")
		r := titles[strings.TrimSpace(title)]
		if r == nil {
			return fmt.Errorf("rows/answers.txt: no row is %q", title)
		}
		when, ok := strings.CutPrefix(measured, "measured ")
		if !ok {
			return fmt.Errorf("rows/answers.txt: %s: the second line is %q, want: measured DATE WHERE", title, measured)
		}
		if r.Want == "" {
			return fmt.Errorf("rows/answers.txt: %s: what this row wants is more than one answer: change it where it "+
				"is written", title)
		}
		s, err := parseAnswer(strings.TrimSpace(answer))
		if err != nil {
			return fmt.Errorf("rows/answers.txt: %s: %w", title, err)
		}
		r.Want, r.Open, r.Measured = s.verdict(), "", when
	}
	return nil
}

// verdict says an answer in the tables' words: a code with the argument that it names, or the encryption of an object
// with the fields beside it, or ok.
func (s *step) verdict() string {
	field := func(word string) string {
		for _, f := range s.wants {
			if f[0] == short[word] {
				return f[1]
			}
		}
		return ""
	}
	if s.status >= 300 {
		a := &answer{body: s.wantBody}
		code, argument := a.code(), a.element("ArgumentName")
		for word, long := range short {
			if strings.EqualFold(long, argument) {
				argument = word
			}
		}
		return strings.TrimSpace(code + " " + argument)
	}
	words := []string{"ok"}
	switch field("sse") {
	case "AES256":
		words = []string{"AES256"}
	case "aws:kms":
		words = []string{"kms"}
	}
	if field("bk") == "true" {
		words = append(words, "bk")
	}
	if field("ctx") != "" {
		words = append(words, "ctx")
	}
	return strings.Join(words, " ")
}
