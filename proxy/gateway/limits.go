package gateway

import (
	"sync/atomic"
)

// Limits bound what all clients together can use. SetLimits replaces all of them at once; 0 means no limit.
type Limits struct {
	// Requests is how many may be in flight at once. Beyond it a request is answered 503 SlowDown before its signature is
	// checked and before its body is requested.
	Requests int
	// Documents is how many bytes of memory the documents in requests' bodies may hold at once, documentCost for each of
	// their bytes, and the files of forms that aren't streamed. A request that would exceed it is answered 503 SlowDown
	// while its body is read.
	Documents int64
}

// documentCost is the most memory that a byte of a document takes while it is read: the shortest entry of DeleteObjects
// has 29 bytes and becomes a deletion of some 100.
const documentCost = 4

// The reasons for 503 SlowDown, as Observer.Shed gets them.
const (
	ShedRequests    = "requests"    // Limits.Requests are in flight
	ShedMemory      = "memory"      // memory is running out
	ShedConnections = "connections" // a connection that was closed at once; counted by Server
	ShedAudit       = "audit"       // the audit log can't be written, and audit.on_failure says refuse
)

// admission is what all requests together use at the moment.
type admission struct {
	limits  atomic.Pointer[Limits]
	active  atomic.Int64
	charged atomic.Int64 // by documents and forms
	pressed atomic.Bool  // memory is running out
}
