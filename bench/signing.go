package main

import (
	"time"

	"sealfront/sigv4"
)

// signing is what the requests of one client are signed with, and the memory for it.
type signing struct {
	signer      *sigv4.Signer
	credentials sigv4.Credentials
	now         time.Time
	chunkSigner sigv4.ChunkSigner
	chunks      sigv4.ChunkWriter
}
