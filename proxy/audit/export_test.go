package audit

import "os"

// Fail makes the log write to another file, "" for its own.
func Fail(l *Log, name string) error {
	f := l.sink.(*file)
	if name == "" {
		name = f.name
	}
	other, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	l.do <- func() { f.file = other }
	return nil
}
