package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
)

func completionCommand() command {
	return command{
		name: "completion", summary: "write the completion of commands and flags, for a shell",
		synopsis: []string{"sealfront completion bash|zsh"},
		description: []string{
			"Writes a script to stdout that completes commands, their second words and their flags, and otherwise names " +
				"of files.",
		},
		operands: [2]int{1, 1},
		examples: []example{
			{"In this shell; to be evaluated: source <(…)", "sealfront completion bash"},
			{"In zsh, after compinit; likewise", "sealfront completion zsh"},
		},
		prepare: prepareCompletion,
	}
}

func prepareCompletion(v *invocation) action {
	return func(_ context.Context, operands []string) error {
		script := bashCompletion()
		switch operands[0] {
		case "bash":
		case "zsh": // runs bash's completion functions
			script = "autoload -U +X bashcompinit && bashcompinit\n" + script
		default:
			return usagef("completion is for bash and zsh, not %q", operands[0])
		}
		_, err := io.WriteString(v.stdout, script)
		return err
	}
}

// bashCompletion is a function that knows the words of all commands.
func bashCompletion() string {
	var first []string
	second := map[string][]string{}
	var flags strings.Builder
	for _, c := range commands() {
		word, more, two := strings.Cut(c.name, " ")
		if two {
			second[word] = append(second[word], more)
		}
		if !two || len(second[word]) == 1 {
			first = append(first, word)
		}
		v := newInvocation(&c, io.Discard, io.Discard, Options{})
		c.prepare(v)
		words := []string{"--help"}
		v.VisitAll(func(f *flag.Flag) { words = append(words, "--"+f.Name) })
		fmt.Fprintf(&flags, "\t%q) flags=%q ;;\n", c.name, strings.Join(words, " "))
	}
	var seconds strings.Builder
	for _, word := range first {
		if more := second[word]; len(more) > 0 {
			fmt.Fprintf(&seconds, "\t%s) more=%q ;;\n", word, strings.Join(more, " "))
		}
	}
	return `_sealfront() {
	local word=${COMP_WORDS[COMP_CWORD]} name=${COMP_WORDS[1]} more= flags=
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		COMPREPLY=($(compgen -W "` + strings.Join(first, " ") + ` --help --version" -- "$word"))
		return
	fi
	case $name in
` + seconds.String() + `	esac
	if [ -n "$more" ] && [ "$COMP_CWORD" = 2 ]; then
		COMPREPLY=($(compgen -W "$more" -- "$word"))
		return
	fi
	[ -z "$more" ] || name="$name ${COMP_WORDS[2]}"
	case $name in
` + flags.String() + `	esac
	case $word in
	-*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
	*) COMPREPLY=($(compgen -f -- "$word")) ;;
	esac
}
complete -o filenames -F _sealfront sealfront
`
}
