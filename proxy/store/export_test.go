package store

import (
	"time"

	"sealfront/sigv4"
)

// AppendHead is appendHead with long-term credentials.
func (c *Client) AppendHead(dst []byte, r *Request, cred *sigv4.Credentials, t time.Time) []byte {
	return c.appendHead(dst, r, cred, nameToken, t)
}
