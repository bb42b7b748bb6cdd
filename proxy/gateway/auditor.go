package gateway

import (
	"sealfront/proxy/audit"
)

// Auditor takes a record of every decision.
type Auditor interface {
	// Reserve keeps room for a record. False: it can't be written.
	Reserve() bool
	// Add takes a record and doesn't wait. reserved says whether Reserve has kept room for it.
	Add(r audit.Record, reserved bool)
}
