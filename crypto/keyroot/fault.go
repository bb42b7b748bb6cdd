package keyroot

import "fmt"

// A Fault is one thing that is wrong with the settings of a root.
type Fault struct {
	Path string // of the setting, as in a configuration file: "approle.role_id"
	Why  string
}

// Faults are all that is wrong with the settings of a root; none: nil.
type Faults []Fault

// Add notes a fault of the setting at path.
func (f *Faults) Add(path, format string, args ...any) {
	*f = append(*f, Fault{Path: path, Why: fmt.Sprintf(format, args...)})
}

// Err returns the faults as one error, a line each, or nil.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Error is a line a fault.
func (f Faults) Error() string {
	var text string
	for i, fault := range f {
		if i > 0 {
			text += "\n"
		}
		text += fault.Path + ": " + fault.Why
	}
	return text
}
