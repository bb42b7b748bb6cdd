package audit

// A sink takes the lines of a chain. Its methods are called by one goroutine at a time, the writer's.
type sink interface {
	// open begins to write, and returns the event to write first and the link that this continues.
	open() (event string, previous link, err error)
	// write writes lines, each with its end, all or none as far as the sink can know. The chain then stands at this link.
	// None are written to see whether the sink takes any.
	write(lines [][]byte, at link) error
	// moved reports whether the sink must be opened again, since what it writes to was moved away.
	moved() bool
	// reopen is open for a sink that was moved, after its last line. On error the earlier one is written on.
	reopen(last link) (event string, previous link, err error)
	close() error
}
