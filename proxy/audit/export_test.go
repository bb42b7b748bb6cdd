package audit

import "os"

// Fail makes the log write to another file, "" for its own.
func Fail(l *Log, name string) error {
	if name == "" {
		name = l.name
	}
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	l.swap <- f
	return nil
}
