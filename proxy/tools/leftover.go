package tools

import (
	"errors"
	"fmt"
	"net/http"
)

// A leftover is why an object of the source isn't in the sealed bucket as it is in the source. The source has it still.
type leftover struct {
	state  string // refused: a sealed bucket can't hold it as it is; differs: another one has its place
	kind   string // sealed, metadata, tags, checksum, size, bytes, parts, or S3's code for the proxy's refusal
	reason string
}

// Error returns the reason.
func (l *leftover) Error() string { return l.reason }

func refusedf(kind, format string, args ...any) error {
	return &leftover{"refused", kind, fmt.Sprintf(format, args...)}
}

func differsf(kind, format string, args ...any) error {
	return &leftover{"differs", kind, fmt.Sprintf(format, args...)}
}

// ofProxy makes the proxy's refusal of a request, which is final, a leftover; its failures and the source's are
// returned as they are.
func ofProxy(err error) error {
	f, ok := asFault(err)
	if !ok {
		return err
	}
	if f.Status >= http.StatusInternalServerError && f.Status != http.StatusNotImplemented {
		return fmt.Errorf("the proxy answered %s with %d %s: %s", f.Operation, f.Status, f.Code, f.Message)
	}
	if f.Code == "" { // an answer to HEAD has no words
		text := http.StatusText(f.Status)
		return refusedf(text, "the proxy answered %s with %d %s", f.Operation, f.Status, text)
	}
	return refusedf(f.Code, "the proxy refuses it: %s: %s", f.Code, f.Message)
}

func leftFinding(t Target, err error) Finding {
	if l, ok := errors.AsType[*leftover](err); ok {
		return Finding{t.URI(), l.state, l.kind, l.reason}
	}
	return Finding{URI: t.URI(), State: "failed", Reason: err.Error()}
}
