package store

import (
	"fmt"
)

// A Fault is an answer of the store with a status of 300 and more. It is for our eyes: the gateway
// translates it and never passes its text on.
type Fault struct {
	Operation string
	Status    int
	Code      string // S3's error code, if the body has one
	Message   string
}

// Error says what was requested and what the store answered.
func (f *Fault) Error() string {
	return fmt.Sprintf("the store answered %s with %d %s %s", f.Operation, f.Status, f.Code, f.Message)
}
