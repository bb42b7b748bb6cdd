package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

func completionCommand() command {
	return command{
		name: "completion", summary: "write the completion of commands and flags, for a shell",
		synopsis: []string{"sealfront completion bash|zsh"},
		description: []string{
			"Writes a script to stdout that completes commands, all their words and their flags, and otherwise names " +
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

// bashCompletion is a function that knows the words of all commands: what can follow those that are typed, and the
// flags of the command that they are.
func bashCompletion() string {
	follow := map[string][]string{}
	var order []string // of what is typed, "" first
	var flags strings.Builder
	for _, c := range commands() {
		typed := ""
		for word := range strings.FieldsSeq(c.name) {
			if _, known := follow[typed]; !known {
				order = append(order, typed)
			}
			if !slices.Contains(follow[typed], word) {
				follow[typed] = append(follow[typed], word)
			}
			typed = strings.TrimSpace(typed + " " + word)
		}
		v := newInvocation(&c, io.Discard, io.Discard, Options{})
		c.prepare(v)
		words := []string{"--help"}
		v.VisitAll(func(f *flag.Flag) { words = append(words, "--"+f.Name) })
		fmt.Fprintf(&flags, "\t%q) flags=%q ;;\n", c.name, strings.Join(words, " "))
	}
	follow[""] = append(follow[""], "--help", "--version")
	var known strings.Builder
	for _, typed := range order {
		fmt.Fprintf(&known, "\t\t%q) more=%q ;;\n", typed, strings.Join(follow[typed], " "))
	}
	return `_sealfront() {
	local word=${COMP_WORDS[COMP_CWORD]} name= more= flags= i=1
	COMPREPLY=()
	while :; do
		more=
		case $name in
` + known.String() + `		esac
		[ "$i" -lt "$COMP_CWORD" ] || break
		case " $more " in
		*" ${COMP_WORDS[i]} "*) name="${name:+$name }${COMP_WORDS[i]}" i=$((i + 1)) ;;
		*) more= && break ;;
		esac
	done
	case $name in
` + flags.String() + `	esac
	case $word in
	-*) COMPREPLY=($(compgen -W "$flags $more" -- "$word")) ;;
	*) COMPREPLY=($(compgen -W "$more" -- "$word"))
		[ -n "$more" ] || COMPREPLY=($(compgen -f -- "$word")) ;;
	esac
}
complete -o filenames -F _sealfront sealfront
`
}
