package store

import (
	"encoding/xml"
	"fmt"

	"sealfront/policy/xmldoc"
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

// maxFaultBody bounds how much of an error document is read.
const maxFaultBody = 64 << 10

// Fault reads the body of an answer that is not a success and returns it as an error. It returns nil for a
// 2xx answer, whose body it leaves alone.
func (a *Answer) Fault(operation string) *Fault {
	if a.Status < 300 {
		return nil
	}
	return a.fault(operation)
}

// fault reads the body as an error's, once.
func (a *Answer) fault(operation string) *Fault {
	if a.refusal != nil {
		a.refusal.Operation = operation
		return a.refusal
	}
	f := &Fault{Operation: operation, Status: a.Status}
	var doc struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}
	if body, err := a.Bytes(maxFaultBody); err == nil && xmldoc.Unmarshal(body, &doc) == nil {
		f.Code, f.Message = doc.Code, doc.Message
	}
	a.refusal = f
	return f
}
