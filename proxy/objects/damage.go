package objects

import (
	"fmt"

	"sealfront/proxy/s3"
)

// A Damage is something about a stored object that no sealed object has. It is the cause of the error that a client
// gets, InternalError; errors.As finds it in that. Nothing in it is secret.
type Damage struct {
	Kind   string // as Options.Damaged gets it
	Reason string // what is wrong with it, without the object's name
	err    error  // the same with the name, for the log
}

// Error names the object, too.
func (d *Damage) Error() string { return d.err.Error() }

// Unwrap returns what was wrapped, which may be an error of package crypto.
func (d *Damage) Unwrap() error { return d.err }

// damage is an object that can't be what the proxy stored: an alarm, and InternalError for the client.
func (x *Object) damage(kind, format string, args ...any) error {
	reason := fmt.Sprintf(format, args...)
	return s3.Internal(x.damaged(kind, reason, fmt.Errorf("%s/%s is damaged: %s", x.Bucket, x.Key, reason)))
}

// damaged counts what is wrong with an object and returns it; err says it with the object's name.
func (x *Object) damaged(kind, reason string, err error) *Damage {
	x.Objects.Damaged(kind)
	return &Damage{Kind: kind, Reason: reason, err: err}
}
