package admin

import (
	"errors"
	"io"
	"net/http"
)

// An Attestation is what the admin address says of signed statements: the public key that verifies them, and where the
// audit log's chain stands; after a statement was noted, with that statement.
type Attestation struct {
	Kind        string `json:"kind"`                // of the statements
	PublicKey   string `json:"publicKey"`           // Ed25519, base64 of 32 bytes
	Statement   string `json:"statement,omitempty"` // SHA-256 of one that was noted, hexadecimal
	AuditRecord uint64 `json:"auditRecord,omitempty"`
	AuditHash   string `json:"auditHash,omitempty"` // "" without an audit log that can be written
}

// maxStatement bounds a statement: a thousand findings and a sample of tens of thousands.
const maxStatement = 64 << 20

// showAttestation answers GET /attestation.
func (o *Options) showAttestation(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, o.Attestation())
}

// recordAttestation answers POST /attestation: it notes a statement in the audit log.
func (o *Options) recordAttestation(w http.ResponseWriter, r *http.Request) {
	line, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxStatement))
	if err != nil {
		http.Error(w, "read the statement: "+err.Error(), http.StatusBadRequest)
		return
	}
	noted, err := o.RecordAttestation(line)
	var bad BadQuestion
	switch {
	case errors.As(err, &bad):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		writeJSON(w, noted)
	}
}
