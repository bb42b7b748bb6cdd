// Package localstore is the embedded S3 store: versitygw's posix backend, served by versitygw's own
// S3 front end on a loopback port and talked to over that wire like any other store.
//
//	store.Client ──HTTP, SigV4──▶ 127.0.0.1:port ─▶ versitygw s3api ─▶ posix backend ─▶ DIR/objects
//
// It is an honest store: it verifies our signatures, stores objects as plain files and knows nothing of
// sealing. What it does not do: versions, other accounts, TLS (nothing leaves the machine, and bodies are sealed).
// It is a TCP port, not a unix socket, because this store takes the plain end of a connection for the end of
// a body: an upload that is given up must end with a reset, which only TCP has.
//
// A deletion under a condition is atomic, other than the backend's own (TestAConditionalDeletionTakesNoOtherVersion).
//
// One store a process: versitygw holds some settings in package variables, and its posix backend changes
// the process's working directory, so every path handed around in this program is absolute.
//
// The build tag noembedded leaves the store and all of versitygw out; Start then answers ErrAbsent.
//
// Where the file system has no extended attributes, object metadata lies in DIR/meta, next to the objects.
package localstore

import "errors"

// ErrAbsent is returned by Start in a program built with the tag noembedded.
var ErrAbsent = errors.New(
	"localstore: this program was built without the embedded store (build tag noembedded): set store.kind to s3")

// Options say where the store lives and who may use it. All fields but Report are required.
type Options struct {
	Dir       string // absolute; made with mode 0700
	AccessKey string
	SecretKey string
	Region    string
	// Report gets each line that versitygw writes to standard error, without colours, from another goroutine. The
	// process's os.Stderr is replaced for it, once and for good. nil: the lines go where they go.
	Report func(line string) `json:"-"`
}
