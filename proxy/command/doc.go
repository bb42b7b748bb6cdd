// Package command has the subcommands of the program, a file each: its page of the manual, its flags, and what it does.
//
//	Run ─▶ find ─▶ command ─▶ invocation (flags) ─▶ action ─▶ instance.Open, and tools, admin or check
//
// It doesn't depend on its process: [Run] gets arguments, streams and SIGHUP, and its context ends it. So tests run
// many at once within one process.
package command
