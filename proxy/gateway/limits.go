package gateway

import "sync/atomic"

// Limits bound what clients can use up together. They are swapped whole by SetLimits; 0 means no limit.
type Limits struct {
	// Requests is how many may be under way at once. Beyond it a request is answered 503 SlowDown before its signature is
	// looked at and before its body is asked for.
	Requests int
	// Documents is how many bytes of memory the documents in requests' bodies may hold at once, documentCost for each
	// of theirs, and files of forms that are taken in whole. A request that would go beyond it is answered 503 SlowDown
	// where it stands.
	Documents int64
}

// documentCost is what a byte of a document costs while it is read, at most: the shortest entry of DeleteObjects has 29
// bytes and becomes a deletion of some 100.
const documentCost = 4

// The reasons for which a request is turned away with 503 SlowDown, as Observer.Shed hears them.
const (
	ShedRequests    = "requests"    // as many as Limits.Requests are under way
	ShedMemory      = "memory"      // memory is running out
	ShedConnections = "connections" // a connection that was closed at once; counted by Server
	ShedAudit       = "audit"       // the audit log can't be written, and audit.on_failure says refuse
)

// admission is what requests use up at the moment.
type admission struct {
	limits  atomic.Pointer[Limits]
	active  atomic.Int64
	held    atomic.Int64 // by documents and forms
	pressed atomic.Bool  // memory is running out
}
