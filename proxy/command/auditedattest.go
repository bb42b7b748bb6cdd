package command

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"sealfront/proxy/admin"
	"sealfront/proxy/attestation"
	"sealfront/proxy/audit"
	"sealfront/proxy/instance"
)

// auditHead asks a replica where its audit log's chain stands. nil: there is no audit log.
func auditHead(ctx context.Context, replica *calledReplica) attestation.Audit {
	if replica == nil {
		return attestation.Audit{Why: "no audit log is configured"}
	}
	var text bytes.Buffer
	var shown admin.Attestation
	err := replica.call(ctx, http.MethodGet, attestationPath, nil, &text)
	if err == nil {
		err = json.Unmarshal(text.Bytes(), &shown)
	}
	switch {
	case err != nil:
		return attestation.Audit{Why: fmt.Sprintf("no replica said where the audit log stands: %v", err)}
	case shown.AuditHash == "":
		return attestation.Audit{Why: "the replica has no audit log, or can't write it"}
	}
	return attestation.Audit{Record: shown.AuditRecord, Hash: shown.AuditHash}
}

// attestationKey is the public key of statements.
func attestationKey(p *instance.Instance) ed25519.PublicKey {
	return p.State.SigningKey(attestation.Purpose).Public().(ed25519.PublicKey)
}

// shownAttestation is what GET /attestation shows.
func shownAttestation(p *instance.Instance) admin.Attestation {
	shown := admin.Attestation{
		Kind: attestation.Kind, PublicKey: base64.StdEncoding.EncodeToString(attestationKey(p)),
	}
	if p.Audit != nil {
		if at, err := p.Audit.Head(); err == nil {
			shown.AuditRecord, shown.AuditHash = at.Seq, at.Hash
		}
	}
	return shown
}

// recordAttestation notes a statement of this installation in the audit log.
func recordAttestation(p *instance.Instance, line []byte) (admin.Attestation, error) {
	s, err := attestation.Open(line, attestationKey(p))
	if err != nil {
		return admin.Attestation{}, admin.NewBadQuestion(err)
	}
	if p.Audit == nil {
		return admin.Attestation{}, errors.New("this replica has no audit log")
	}
	sum := attestation.Sum(line)
	at, err := p.Audit.Note("attestation", audit.Field{Name: "statement", Value: sum},
		audit.Field{Name: "id", Value: s.ID}, audit.Field{Name: "target", Value: s.Target},
		audit.Field{Name: "verdict", Value: s.Verdict})
	if err != nil {
		return admin.Attestation{}, err
	}
	return admin.Attestation{
		Kind: s.Kind, PublicKey: s.PublicKey, Statement: sum, AuditRecord: at.Seq, AuditHash: at.Hash,
	}, nil
}
