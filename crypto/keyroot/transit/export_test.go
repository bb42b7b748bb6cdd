package transit

import (
	"context"
	"time"
)

// Rewrap returns wrapped with its ciphertext changed by change, as Transit's rewrap does.
func Rewrap(wrapped []byte, change func(ciphertext string) string) []byte {
	ciphertext, sealed, err := split(wrapped)
	if err != nil {
		panic(err)
	}
	ciphertext = change(ciphertext)
	out := []byte{wrappedVersion, byte(len(ciphertext) >> 8), byte(len(ciphertext))}
	return append(append(out, ciphertext...), sealed...)
}

// An Authority is a server whose answers a test gives.
type Authority struct {
	Login, Renew, Lookup func(token string) (token2 string, ttl time.Duration, err error)
}

func answer(f func(string) (string, time.Duration, error), token string) (lease, error) {
	token, ttl, err := f(token)
	return lease{token, ttl, true}, err
}

func (a *Authority) login(context.Context) (lease, error) { return answer(a.Login, "") }
func (a *Authority) renew(_ context.Context, token string) (lease, error) {
	return answer(a.Renew, token)
}

func (a *Authority) lookup(_ context.Context, token string) (lease, error) {
	return answer(a.Lookup, token)
}
func (a *Authority) revoke(context.Context, string) error { return nil }

// A Session is a session with such a server.
type Session struct{ s *session }

// StartSession starts one; Close ends it.
func StartSession(a *Authority, warn func(string)) *Session { return &Session{startSession(a, warn)} }

func (s *Session) Token(ctx context.Context) (string, error) { return s.s.token(ctx) }
func (s *Session) Reconsider(ctx context.Context, token string) (string, error) {
	return s.s.reconsider(ctx, token)
}
func (s *Session) Worked(token string) { s.s.worked(token) }
func (s *Session) Close()              { s.s.close() }

// Refusal is the server's answer with this status.
func Refusal(status int, text string) error { return &refusal{status, []string{text}} }
