package crypto

import "sync"

// workspace is memory for wrapping and unwrapping, much of which would otherwise come from the heap each time. What it
// held is wiped by release.
type workspace struct {
	wrapKey    [KeySize]byte
	secrets    [maxWrapped]byte
	wrapSalt   [SaltSize]byte // from here on nothing is secret
	commitment [KeySize]byte
	binary     []byte
}

var workspaces = sync.Pool{New: func() any { return new(workspace) }}

func (w *workspace) release() {
	clear(w.wrapKey[:])
	clear(w.secrets[:])
	workspaces.Put(w)
}
