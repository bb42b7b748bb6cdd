package objects

import (
	"fmt"

	"sealfront/proxy/s3"
)

// A Damage is a property of a stored object that no sealed object has. It is the cause of the InternalError that the
// client gets, and errors.As finds it there. It holds no secrets.
type Damage struct {
	Kind   string // as Options.Damaged gets it
	Reason string // what is wrong with it, without the object's name
	err    error  // the same with the name, for the log
}

// Error names the object, too.
func (d *Damage) Error() string { return d.err.Error() }

// Unwrap returns what was wrapped, which may be an error of package crypto.
func (d *Damage) Unwrap() error { return d.err }

// damage reports an object that can't be what the proxy stored: it raises an alarm and returns InternalError.
func (x *Object) damage(kind, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	return s3.Internal(x.damaged(kind, reason, fmt.Errorf("%s/%s is damaged: %s", x.Bucket, x.Key, reason)))
}

// damaged counts a damage and returns it; err describes it with the object's name.
func (x *Object) damaged(kind, reason string, err error) *Damage {
	x.Objects.Damaged(kind)
	return &Damage{Kind: kind, Reason: reason, err: err}
}
