package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"go.uber.org/zap"

	"sealfront/proxy/instance"
	"sealfront/proxy/tools"
)

// Options are what the program that runs the commands gives them.
type Options struct {
	// Manual is the source of the program's package comment, which help prints.
	Manual string
	// Instance are options of every proxy that a command opens.
	Instance instance.Options
	// HangUps starts to report that serve must read its configuration again, until stop; default SIGHUP.
	HangUps func() (hangUps <-chan os.Signal, stop func())
}

// An invocation is a command with its flags.
type invocation struct {
	*flag.FlagSet
	command        *command
	at             installationFlags
	walk           tools.WalkOptions
	shown          shownFlags
	stdout, stderr io.Writer
	options        Options
}

func newInvocation(c *command, stdout, stderr io.Writer, o Options) *invocation {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	v := &invocation{FlagSet: flags, command: c, stdout: stdout, stderr: stderr, options: o}
	v.SetOutput(io.Discard) // Run reports the error, or shows the page
	return v
}

// instanceOptions are those of a proxy that the command opens; log may be nil.
func (v *invocation) instanceOptions(log *zap.Logger) instance.Options {
	o := v.options.Instance
	o.Log, o.Version, o.Stdout = log, version(), v.stdout
	return o
}

// parse reads flags, which may come before, between and after the arguments, and returns the arguments.
func (v *invocation) parse(args []string) (operands []string, err error) {
	for {
		if err := v.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, usagef("%s: %w; 'sealfront %s --help' lists its flags", v.command.name, err, v.command.name)
		}
		rest := v.Args()
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			operands, rest = append(operands, rest...), nil
		}
		if len(rest) == 0 {
			break
		}
		operands, args = append(operands, rest[0]), rest[1:]
	}
	if least, most := v.command.operands[0], v.command.operands[1]; len(operands) < least ||
		most >= 0 && len(operands) > most {
		return nil, usagef("%s takes %s, but got %q\n%s", v.command.name, counted(least, most), operands, v.command.usage())
	}
	return operands, v.checkWalk()
}

func counted(least, most int) string {
	switch {
	case most == 0:
		return "no arguments"
	case most < 0:
		return fmt.Sprintf("%d or more arguments", least)
	case least < most:
		return fmt.Sprintf("%d to %d arguments", least, most)
	case most == 1:
		return "1 argument"
	}
	return fmt.Sprintf("%d arguments", most)
}
