package command

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"sealfront/proxy/config"
)

// The exit statuses.
const (
	StatusOK    = 0 // success
	StatusError = 1 // failed
	StatusUsage = 2 // the command line or the configuration is wrong
)

// ExitStatus reports an error on stderr, and chooses the exit status.
func ExitStatus(err error, stderr io.Writer) int {
	var usage usageError
	var faults config.Faults
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return StatusOK
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults.Error())
		if faults.Passing() {
			return StatusError
		}
		return StatusUsage
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "sealfront:", err)
		return StatusUsage
	}
	fmt.Fprintln(stderr, "sealfront:", err)
	return StatusError
}

// A usageError is a command line that can't be understood.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
