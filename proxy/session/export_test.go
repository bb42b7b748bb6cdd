package session

// The session's binary form, which is sealed in a token.
var (
	Append = appendSession
	Parse  = parseSession
)
