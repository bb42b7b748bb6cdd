package transit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// A lease is a token and how long it lives.
type lease struct {
	token     string
	ttl       time.Duration // 0: it doesn't end
	renewable bool
}

// authority is what a session calls, one call at a time.
type authority interface {
	login(ctx context.Context) (lease, error)
	renew(ctx context.Context, token string) (lease, error)
	lookup(ctx context.Context, token string) (lease, error)
	revoke(ctx context.Context, token string) error
}

// server is the authority of a configuration: it logs in by AppRole or as Kubernetes' service account, or takes the
// token that was configured.
type server struct {
	config Config
	client *client
}

type authAnswer struct {
	Auth *struct {
		Token     string `json:"client_token"`
		Seconds   int64  `json:"lease_duration"`
		Renewable bool   `json:"renewable"`
	} `json:"auth"`
}

func (a authAnswer) lease() (lease, error) {
	if a.Auth == nil || a.Auth.Token == "" {
		return lease{}, errors.New("it answered without a token")
	}
	return lease{a.Auth.Token, time.Duration(a.Auth.Seconds) * time.Second, a.Auth.Renewable}, nil
}

func (s *server) login(ctx context.Context) (lease, error) {
	if s.config.Token.Set() {
		token, err := s.config.Token.Read()
		if err != nil {
			return lease{}, fmt.Errorf("read the token: %w", err)
		}
		return s.lookup(ctx, token)
	}
	path, body, err := s.config.login()
	if err != nil {
		return lease{}, err
	}
	defer clear(body)
	var answer authAnswer
	if err := s.client.call(ctx, http.MethodPost, path, "", body, &answer); err != nil {
		return lease{}, fmt.Errorf("log in at %s: %w", path, err)
	}
	return answer.lease()
}

func (s *server) renew(ctx context.Context, token string) (lease, error) {
	var answer authAnswer
	if err := s.client.call(ctx, http.MethodPost, "auth/token/renew-self", token, struct{}{}, &answer); err != nil {
		return lease{}, fmt.Errorf("renew the token: %w", err)
	}
	return answer.lease()
}

func (s *server) lookup(ctx context.Context, token string) (lease, error) {
	var answer struct {
		Data struct {
			Seconds   int64 `json:"ttl"`
			Renewable bool  `json:"renewable"`
		} `json:"data"`
	}
	if err := s.client.call(ctx, http.MethodGet, "auth/token/lookup-self", token, nil, &answer); err != nil {
		return lease{}, fmt.Errorf("look up the token: %w", err)
	}
	return lease{token, time.Duration(answer.Data.Seconds) * time.Second, answer.Data.Renewable}, nil
}

// revoke ends a token that a login gave; one that was configured is the operator's.
func (s *server) revoke(ctx context.Context, token string) error {
	if s.config.Token.Set() {
		return nil
	}
	return s.client.call(ctx, http.MethodPost, "auth/token/revoke-self", token, struct{}{}, nil)
}

// denied reports whether the server refused, for what was sent: the token, the role or the secret.
func denied(err error) bool {
	said, ok := errors.AsType[*refusal](err)
	return ok && said.status >= 400 && said.status < 500 && said.status != http.StatusTooManyRequests
}
