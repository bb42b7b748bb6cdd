// Package command has the subcommands of the program, a file each: its page of the manual, its flags, and what it does.
//
//	Run ─▶ find ─▶ command ─▶ invocation (flags) ─▶ action ─▶ instance.Open, and tools, admin or check
//
// Nothing of it depends on the process it runs in: arguments, streams and SIGHUP are given to [Run], and its context
// ends it. So tests run many at once within one process.
package command
