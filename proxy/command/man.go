package command

import (
	"context"
	"io"
	"regexp"
	"strings"
)

func manCommand() command {
	return command{
		name: "man", summary: "write the manual page, for man",
		synopsis: []string{"sealfront man [COMMAND]"},
		description: []string{
			"Writes a page in the format of man to stdout: sealfront(1) with all commands, or the page of one, " +
				"sealfront-COMMAND(1). The text is that of 'sealfront help'.",
		},
		operands: [2]int{0, 2},
		examples: []example{
			{"For every user of the machine", "sealfront man > /usr/local/share/man/man1/sealfront.1"},
		},
		prepare: prepareMan,
	}
}

// prepareMan writes the manual, or the page of one command, as help shows it, with the macros of man.
func prepareMan(v *invocation) action {
	return func(_ context.Context, operands []string) error {
		title, text := "SEALFRONT", mainPage(v)
		if len(operands) > 0 {
			c, rest := find(operands)
			if c == nil || len(rest) > 0 {
				return usagef("there is no command %q\n%s", strings.Join(operands, " "), overview(""))
			}
			about := newInvocation(c, v.stdout, v.stderr, v.options)
			c.prepare(about)
			title, text = "SEALFRONT-"+strings.ToUpper(strings.ReplaceAll(c.name, " ", "-")), about.page()
		}
		_, err := io.WriteString(v.stdout, roff(title, text))
		return err
	}
}

// mainPage has the form of a command's page: headings at the margin.
func mainPage(v *invocation) string {
	var b strings.Builder
	b.WriteString("NAME\n    sealfront - a transparent encrypting reverse proxy for S3\nDESCRIPTION\n")
	for line := range strings.Lines(manual(v.options.Manual)) {
		if heading, ok := strings.CutPrefix(line, "# "); ok {
			b.WriteString(strings.ToUpper(heading))
			continue
		}
		b.WriteString("    " + line)
	}
	return b.String()
}

// A manPage is a page as help shows it, on its way to the macros of man: paragraphs are filled, what is indented keeps
// its lines, and a word at the beginning of an indented line with its description behind two blanks is a tagged
// paragraph.
type manPage struct {
	b                  strings.Builder
	nofill             bool // within lines that stay as they are
	tagged             bool // within a tagged paragraph
	listed             bool // which began with a line of its own
	status             bool // within an exit status, whose text goes on at the margin
	example, described bool // below the heading of examples; the paragraph has a line
}

var (
	manTag      = regexp.MustCompile(`^ +(\S(?:.*?\S)?)(?:  +| +(default ))(\S.*)$`)
	manStatus   = regexp.MustCompile(`^(\d+)  (\S.*)$`)
	manSynopsis = regexp.MustCompile(`^ *(sealfront [^ ].*)$`)
)

// roff writes a page whose headings are at the margin with the macros of man.
func roff(title, page string) string {
	m := &manPage{}
	m.b.WriteString(".TH " + title + " 1 \"\" \"sealfront " + thisBuild().Version + "\"\n.nh\n.ad l\n")
	lines := strings.Split(strings.ReplaceAll(page, "\t", "    "), "\n")
	plain := func(i int) bool { // text of a paragraph
		return i >= 0 && i < len(lines) && strings.HasPrefix(lines[i], "    ") && !strings.HasPrefix(lines[i], "     ")
	}
	for i, line := range lines {
		if plain(i) && !plain(i-1) && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "        ") {
			m.tag(strings.TrimSpace(line))
			continue
		}
		m.line(strings.TrimRight(line, " "))
	}
	m.filled()
	return m.b.String()
}

// tag begins a tagged paragraph, to which the indented lines that follow belong.
func (m *manPage) tag(text string) {
	m.filled()
	m.b.WriteString(".TP\n" + escaped(text) + "\n")
	m.tagged, m.listed, m.described = true, true, false
}

func (m *manPage) line(line string) {
	text, inside := strings.CutPrefix(line, "    ")
	deeper := strings.HasPrefix(text, " ")
	continues := m.tagged && (m.listed && deeper || strings.HasPrefix(text, "                "))
	synopsis, tag := manSynopsis.FindStringSubmatch(text), manTag.FindStringSubmatch(text)
	switch {
	case line == "":
		m.filled()
		m.b.WriteString(".PP\n")
	case !inside:
		m.filled()
		m.b.WriteString(".SH " + escaped(line) + "\n")
		m.example = strings.HasPrefix(line, "EXAMPLE")
	case continues:
		if m.example && m.described {
			m.b.WriteString(".br\n")
		}
		m.described = true
		m.b.WriteString(escaped(strings.TrimSpace(text)) + "\n")
	case synopsis != nil && !strings.Contains(text, "──"):
		m.filled()
		m.b.WriteString(".HP 4\n" + escaped(synopsis[1]) + "\n")
	case deeper && tag != nil && !strings.ContainsAny(text, "│─└"):
		m.filled()
		m.b.WriteString(".TP\n" + escaped(tag[1]) + "\n" + escaped(tag[2]+tag[3]) + "\n")
		m.tagged = true
	case deeper:
		if !m.nofill {
			m.b.WriteString(".RS 4\n.nf\n")
			m.nofill, m.tagged = true, false
		}
		m.b.WriteString(escaped(strings.TrimPrefix(text, "    ")) + "\n")
	case manStatus.MatchString(text):
		s := manStatus.FindStringSubmatch(text)
		m.filled()
		m.b.WriteString(".TP\n" + s[1] + "\n" + escaped(s[2]) + "\n")
		m.status = true
	default:
		if (m.nofill || m.tagged) && !m.status {
			m.filled()
			m.b.WriteString(".PP\n")
		}
		m.b.WriteString(escaped(text) + "\n")
	}
}

// filled ends lines that stay as they are, and a tagged paragraph.
func (m *manPage) filled() {
	if m.nofill {
		m.b.WriteString(".fi\n.RE\n")
	}
	m.nofill, m.tagged, m.listed, m.status = false, false, false, false
}

// escaped is a text that man shows as it is.
func escaped(line string) string {
	line = strings.ReplaceAll(line, `\`, `\e`)
	line = strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`).Replace(line)
	if strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}
