package command

import (
	"context"
	"io"
	"strings"
)

func helpCommand() command {
	return command{
		name: "help", summary: "show the manual, or a command's page",
		synopsis: []string{"sealfront help [COMMAND]"},
		description: []string{
			"Without COMMAND: the manual of the program, with all commands, what it writes, its signals, its admin address " +
				"and its files.",
		},
		operands: [2]int{0, 3},
		examples: []example{{"The page of a command", "sealfront help config check"}},
		prepare:  prepareHelp,
	}
}

// manual is the part of the program's package comment that is for operators.
func manual(source string) string {
	text, _, _ := strings.Cut(source, "\n// # The house\n")
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(strings.TrimPrefix(line, "//"), " "))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// prepareHelp shows the manual, or the page of one command.
func prepareHelp(v *invocation) action {
	return func(_ context.Context, operands []string) error {
		text := manual(v.options.Manual)
		if len(operands) > 0 {
			c, rest := find(operands)
			switch {
			case c == nil && overview(operands[0]) == "" || len(rest) > 0:
				return usagef("there is no command %q\n%s", strings.Join(operands, " "), overview(""))
			case c == nil:
				text = overview(operands[0])
			default:
				about := newInvocation(c, v.stdout, v.stderr, v.options)
				c.prepare(about)
				text = about.page()
			}
		}
		_, err := io.WriteString(v.stdout, text)
		return err
	}
}
