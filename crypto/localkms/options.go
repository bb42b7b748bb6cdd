package localkms

import "time"

// Options configure a Service. Dir, Region, Account and Credentials are required.
type Options struct {
	Dir    string // made with mode 0700 if it isn't there; an absolute path if the process changes its directory
	Region string // of new keys, and of the requests that are accepted
	// Earlier are regions that it had before: keys made then are found by the ARNs that they keep.
	Earlier []string
	Account string // of new keys, 12 digits
	// Credentials returns the secret of an access key id. It is called for every request, by many goroutines.
	Credentials func(accessKeyID string) (secret string, ok bool)
	// Now is the clock, for signatures and key deletion; default time.Now.
	Now func() time.Time
	// Fault, if set, is called before each action that came over the wire ("Decrypt"); an error it returns is the
	// answer. An *Error is answered as it is, any other error as KMSInternalException.
	Fault func(action string) error
}
