package command

import (
	"fmt"
	"strings"
)

// commands are all of them. Help, the manual's overview and the tests of both come from here.
func commands() []command {
	return []command{
		serveCommand(),
		exportsCommand(),
		checkCommand(),
		schemaCommand(),
		auditCommand(),
		healthCommand(),
		explainCommand(),
		inspectCommand(),
		verifyCommand(),
		attestCommand(),
		attestRecordCommand(),
		rewrapCommand(),
		migrateCommand(),
		openCommand(),
		adoptCommand(),
		keysCommand(),
		shredCommand(),
		rolesCommand(),
		kmsCommand(),
		kmsCheckCommand(),
		kmsSchemaCommand(),
		kmsRootCommand(),
		kmsVerifyCommand(),
		kmsBackupCommand(),
		kmsRestoreCommand(),
		kmsRerootCommand(),
		manCommand(),
		completionCommand(),
		versionCommand(),
		helpCommand(),
	}
}

// find looks for a command by its words, and returns what follows them.
func find(args []string) (*command, []string) {
	for n := min(3, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for _, c := range commands() {
			if c.name == name {
				return &c, args[n:]
			}
		}
	}
	return nil, nil
}

// overview is a line a command whose first word is this one, or of all for "". It is empty without such a command.
func overview(word string) string {
	var b strings.Builder
	for _, c := range commands() {
		if word == "" || strings.HasPrefix(c.name, word+" ") {
			fmt.Fprintf(&b, "  sealfront %-16s %s\n", c.name, c.summary)
		}
	}
	if b.Len() == 0 {
		return ""
	}
	return "commands:\n" + b.String() + "'sealfront COMMAND --help' shows a command's page, 'sealfront help' the manual.\n"
}
