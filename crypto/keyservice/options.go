package keyservice

import (
	"context"
	"time"

	"sealfront/crypto/keyroot"
)

// Options configure a Service. Region, Account, Callers, and Dir or Records and Roots are required.
type Options struct {
	// Dir is for the embedded key service and for tests: a folder with records and a root key file, made with mode 0700
	// if it isn't there; an absolute path if the process changes its directory. Keys of other accounts can be made in it.
	Dir string
	// Records with the Roots that they are wrapped under; the first wraps new ones. They stay the caller's to close.
	Records Records
	Roots   []keyroot.Root

	Region string // of new keys, and of the requests that are accepted
	// Earlier are regions that it had before: keys made then are found by the ARNs that they keep.
	Earlier []string
	Account string // of new keys, 12 digits
	// Callers returns who an access key id belongs to. It is called for every request, by many goroutines. The session
	// token is what the request was signed with, "" for long-term credentials.
	Callers func(accessKeyID, sessionToken string) (Caller, bool)
	// Sessions, if set, returns in place of Callers who temporary credentials belong to, for requests with a session
	// token. An *Error that it returns is the answer, and any other error is KMSInternalException.
	Sessions func(ctx context.Context, accessKeyID, sessionToken string) (Caller, error)

	// Lifetime is how long an opened record stays in memory after its root was called last; default 300 s.
	Lifetime time.Duration
	// Freshness is how old a record may be that a use of a key rests on, where Records can't say at no cost whether it
	// has changed; default 5 s. A change by one service holds at all others then.
	Freshness   time.Duration
	RootTimeout time.Duration // of one call; default 5 s
	Observer    Observer

	// Now is the clock, for signatures, lifetimes and key deletion; default time.Now.
	Now func() time.Time
	// Fault, if set, is called before each action that came over the wire ("Decrypt"); an error it returns is the
	// answer. An *Error is answered as it is, any other error as KMSInternalException.
	Fault func(action string) error
}

// A Caller is who sends requests.
type Caller struct {
	Secret string // the secret access key
	// Name is that of the user in ARNs, arn:aws:iam::ACCOUNT:user/NAME; default: the access key id. ARN, if set, is used
	// in place of it.
	Name string
	ARN  string
	// Role is the ARN of the role whose session the caller is; key policies and grants that name the role mean it, too.
	Role string
	// May decides by the caller's own policies; nil: everything is allowed. resource is the ARN of a key or an alias, or
	// *.
	May func(action, resource string, context map[string]string) Effect
}

// An Effect is what a caller's own policies say.
type Effect int

// The effects. Unstated is neither: a key policy that names the caller, or a grant, may still allow it.
const (
	Unstated Effect = iota
	Allowed
	Denied
)

// Anyone makes Options.Callers of a function that knows secrets: all that it knows may do everything.
func Anyone(secret func(accessKeyID string) (string, bool)) func(string, string) (Caller, bool) {
	return func(accessKeyID, token string) (Caller, bool) {
		s, ok := secret(accessKeyID)
		return Caller{Secret: s}, ok && token == ""
	}
}

// An Observer learns what happens; all of its functions may be nil. They must not wait.
type Observer struct {
	Call func(Call)
	Root func(RootCall)
}

// A Call is a request that was answered; each is one.
type Call struct {
	Action    string // "" for one that isn't known, or wasn't read
	RequestID string
	Remote    string // address
	TLS       bool
	Caller    string // ARN; "" before the signature was right
	Key       string // ARN of the key that it was about; as it was named when it wasn't found
	Context   map[string]string
	Code      string // KMS's name of the error, OK for success
	Status    int    // of HTTP
	Err       error  // what is behind a KMSInternalException, for the log; never answered
	Took      time.Duration
}

// A RootCall is a call of a root.
type RootCall struct {
	Call     string // wrap or unwrap
	Identity string
	Err      error
	Took     time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Lifetime <= 0 {
		o.Lifetime = 300 * time.Second
	}
	if o.Freshness <= 0 {
		o.Freshness = 5 * time.Second
	}
	if o.RootTimeout <= 0 {
		o.RootTimeout = 5 * time.Second
	}
	if o.Observer.Call == nil {
		o.Observer.Call = func(Call) {}
	}
	if o.Observer.Root == nil {
		o.Observer.Root = func(RootCall) {}
	}
	return o
}
