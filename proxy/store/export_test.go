package store

import (
	"strings"
	"time"

	"sealfront/sigv4"
)

// AppendHead is appendHead with long-term credentials.
func (c *Client) AppendHead(dst []byte, r *Request, cred *sigv4.Credentials, t time.Time) []byte {
	z := c.scratch.Get().(*scratch)
	defer c.scratch.Put(z)
	return c.appendHead(z, dst, r, cred, nameToken, t)
}

// WithCharacters is the rule with these odd characters among those that come back.
func (n Names) WithCharacters(kept string) Names {
	for i, r := range oddCharacters {
		if strings.ContainsRune(kept, r) {
			n.Characters = n.Characters.With(i)
		}
	}
	return n
}

// Marker is the marker that stands for a client's.
func (n Names) Marker(after string) string { return n.marker(after) }

// Folds reports whether the store folds a segment of a name or marker.
func (n Names) Folds(s string) bool { _, _, _, found := n.foldedAt(s); return found }

// Connections is how many are open.
func (c *Client) Connections() int {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.pool.open
}
