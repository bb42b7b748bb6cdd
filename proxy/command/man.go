package command

import (
	"context"
	"io"
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

// roff writes a page whose headings are at the margin with the macros of man. Lines stay as they are: the page is wrapped.
func roff(title, page string) string {
	var b strings.Builder
	b.WriteString(".TH " + title + " 1 \"\" \"sealfront " + thisBuild().Version + "\"\n.nh\n")
	for line := range strings.Lines(page) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\n"), `\`, `\e`)
		line = strings.NewReplacer("-", `\-`, "'", `\(aq`, "`", `\(ga`, "~", `\(ti`, "^", `\(ha`, "\t", "    ").Replace(line)
		switch {
		case strings.TrimSpace(line) == "":
			b.WriteString(".PP\n.nf\n")
		case strings.HasPrefix(line, " "):
			line = strings.TrimPrefix(line, "    ")
			if strings.HasPrefix(line, ".") {
				line = `\&` + line
			}
			b.WriteString(line + "\n")
		default:
			b.WriteString(".SH " + line + "\n.nf\n")
		}
	}
	return b.String()
}
