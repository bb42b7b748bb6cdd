package store

import (
	"time"

	"sealfront/sigv4"
)

// AppendHead is appendHead with long-term credentials.
func (c *Client) AppendHead(dst []byte, r *Request, cred *sigv4.Credentials, t time.Time) []byte {
	z := c.scratch.Get().(*scratch)
	defer c.scratch.Put(z)
	return c.appendHead(z, dst, r, cred, nameToken, t)
}
