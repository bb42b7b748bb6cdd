package sigv4

import "bytes"

// readTokens takes the two tokens from wherever they are. One token may come twice, but not as two values; both
// tokens together have no meaning.
func (a *Authentication) readTokens(h *headerAuthentication, q *queryAuthentication) error {
	a.SessionToken, a.SecurityToken = h.sessionToken, h.securityToken
	if h.sessionTokens > 1 || h.sessionTokens == 1 && q.sessionToken != nil && !bytes.Equal(h.sessionToken,
		q.sessionToken) ||
		h.securityTokens > 1 || h.securityTokens == 1 && q.securityToken != nil && !bytes.Equal(h.securityToken,
		q.securityToken) {
		return refuse("InvalidRequest", conflictingValues)
	}
	if h.sessionTokens == 0 {
		a.SessionToken = q.sessionToken
	}
	if h.securityTokens == 0 {
		a.SecurityToken = q.securityToken
	}
	if len(a.SessionToken) == 0 {
		a.SessionToken = nil
	}
	if len(a.SecurityToken) == 0 {
		a.SecurityToken = nil
	}
	if a.SessionToken != nil && a.SecurityToken != nil {
		return refuse("InvalidRequest",
			"The x-amz-security-token and x-amz-s3session-token parameters must not be used together.")
	}
	return nil
}
