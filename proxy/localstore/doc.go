// Package localstore is the embedded S3 store: versitygw's posix backend, served by versitygw's own
// S3 front end on a unix socket inside the data directory and talked to over that wire like any other store.
//
//	store.Client ──HTTP, SigV4──▶ DIR/store.sock ─▶ versitygw s3api ─▶ posix backend ─▶ DIR/objects
//
// It is an honest store: it verifies our signatures, keeps objects as plain files and knows nothing of
// sealing. What it does not do: versions, other accounts, TLS (the socket lies in a directory of mode 0700).
// One store a process: versitygw keeps some settings in package variables, and its posix backend changes
// the process's working directory, so every path handed around in this program is absolute.
//
// The build tag noembedded leaves the store and all of versitygw out; Start then answers ErrAbsent.
//
// Where the file system has no extended attributes, object metadata lies in DIR/meta beside the objects.
package localstore

import "errors"

// ErrAbsent is returned by Start in a program built with the tag noembedded.
var ErrAbsent = errors.New("localstore: this program was built without the embedded store (build tag noembedded): set store.kind to s3")

// Options say where the store lives and who may use it. All fields are required.
type Options struct {
	Dir       string // absolute; made with mode 0700
	AccessKey string
	SecretKey string
	Region    string
}
