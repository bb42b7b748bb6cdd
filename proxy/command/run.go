package command

import (
	"context"
	"crypto/fips140"
	"errors"
	"flag"
	"io"
	"strings"
)

// Run runs the command that args name, without the program's own name. It returns when ctx ends or the command is done;
// its error is for ExitStatus.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer, o Options) error {
	if len(args) > 0 && isHelp(args[0]) {
		args = append([]string{"help"}, args[1:]...)
	}
	if len(args) > 0 && isVersion(args[0]) {
		args = append([]string{"version"}, args[1:]...)
	}
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		args = append([]string{"serve"}, args...)
	}
	c, rest := find(args)
	if c == nil {
		if text := overview(args[0]); text != "" {
			if len(args) > 1 && isHelp(args[1]) {
				_, err := io.WriteString(stdout, text)
				return err
			}
			return usagef("%s needs a second word\n%s", args[0], text)
		}
		return usagef("there is no command %q\n%s", args[0], overview(""))
	}
	v := newInvocation(c, stdout, stderr, o)
	act := c.prepare(v)
	operands, err := v.parse(rest)
	if errors.Is(err, flag.ErrHelp) {
		_, err = io.WriteString(stdout, v.page())
		return err
	}
	if err != nil {
		return err
	}
	if c.seals && fips140.Enforced() {
		return usagef("GODEBUG=fips140=only refuses nonces that are counters, which segments are sealed with: use " +
			"GODEBUG=fips140=on")
	}
	return act(ctx, operands)
}

func isVersion(arg string) bool { return arg == "-v" || arg == "-version" || arg == "--version" }

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }
