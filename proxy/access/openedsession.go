package access

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"sealfront/proxy/session"
)

// An openedSession is what a session token says. Opening it again would say the same: nothing but the time can end it,
// its principal and its bucket are looked at for each request anyway.
type openedSession struct {
	session     session.Session
	credentials session.Credentials
}

// openedSessions is how many of them are kept, some 1 KiB each.
const openedSessions = 8192

func newOpenedSessions() *lru.Cache[string, *openedSession] {
	opened, err := lru.New[string, *openedSession](openedSessions)
	if err != nil {
		panic("gateway: internal error: " + err.Error())
	}
	return opened
}
