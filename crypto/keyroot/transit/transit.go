package transit

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"

	"sealfront/crypto/keyroot"
)

// A Root wraps keys by a key of Transit. It is safe for concurrent use.
type Root struct {
	config  Config
	client  *client
	session *session
}

var _ keyroot.Root = (*Root)(nil)

// Open makes a root and begins to log in. It waits for no answer: a root that is away is for Well to say, and for each
// call. Faults of c are returned as keyroot.Faults. Close ends what Open started.
func Open(c Config) (*Root, error) {
	if err := c.Faults().Err(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	client, err := newClient(c)
	if err != nil {
		return nil, err
	}
	return &Root{config: c, client: client, session: newSession(c, client)}, nil
}

// Identity is transit:[CLUSTER@][NAMESPACE/]MOUNT/KEY: not the address, which may change.
func (r *Root) Identity() string { return r.config.identity() }

type dataKeyAnswer struct {
	Data struct {
		Plaintext  []byte `json:"plaintext"`
		Ciphertext string `json:"ciphertext"`
	} `json:"data"`
}

// Wrap has Transit make a data key and seals key under it. Transit's encrypt isn't called: with a policy that allows
// it, encrypting makes keys that don't exist.
func (r *Root) Wrap(ctx context.Context, name string, key *[keySize]byte) ([]byte, error) {
	const what = "wrap a key"
	var answer dataKeyAnswer
	defer func() { clear(answer.Data.Plaintext) }()
	err := r.call(ctx, "datakey/plaintext/"+r.config.Key, map[string]any{"bits": 8 * keySize, "context": contextOf(name)},
		&answer)
	if err != nil {
		return nil, r.explain(what, err)
	}
	if len(answer.Data.Plaintext) != keySize {
		return nil, fmt.Errorf("%s: %s answered with a data key of %d bytes, not %d", what, r.config.Address,
			len(answer.Data.Plaintext), keySize)
	}
	if !isCiphertext(answer.Data.Ciphertext) {
		return nil, fmt.Errorf("%s: the key %s in %s at %s can't be a root: its type must be aes256-gcm96, "+
			"chacha20-poly1305 or another authenticated cipher", what, r.config.Key, r.config.Mount, r.config.Address)
	}
	return seal(answer.Data.Ciphertext, answer.Data.Plaintext, name, key)
}

// Unwrap has Transit open the data key, and opens the key with it.
func (r *Root) Unwrap(ctx context.Context, name string, wrapped []byte, key *[keySize]byte) error {
	const what = "unwrap a key"
	ciphertext, sealed, err := split(wrapped)
	if err != nil {
		return err
	}
	var answer dataKeyAnswer
	defer func() { clear(answer.Data.Plaintext) }()
	err = r.call(ctx, "decrypt/"+r.config.Key, map[string]any{"ciphertext": ciphertext, "context": contextOf(name)},
		&answer)
	if err != nil {
		return r.explain(what, err)
	}
	if len(answer.Data.Plaintext) != keySize {
		return keyroot.ErrWrong // Transit opened it, so somebody encrypted something else by this key
	}
	return open(sealed, answer.Data.Plaintext, name, key)
}

// Well wraps a key of no use and unwraps it.
func (r *Root) Well(ctx context.Context) error {
	const name = "well"
	var key, got [keySize]byte
	_, _ = rand.Read(key[:])
	wrapped, err := r.Wrap(ctx, name, &key)
	if err != nil {
		return err
	}
	if err := r.Unwrap(ctx, name, wrapped, &got); err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(key[:], got[:]) != 1 {
		return fmt.Errorf("%s doesn't open what it wrapped", r.config.Address)
	}
	return nil
}

// Close ends the session: a token that a login gave is revoked, as far as the server answers.
func (r *Root) Close() error {
	r.session.close()
	r.client.close()
	return nil
}

// call sends a request to the mount with the session's token. Where the token is refused, the session finds out whether
// the token is dead, and the call is sent once more with the next one.
func (r *Root) call(ctx context.Context, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 2*r.config.Timeout) // with the wait for a login
	defer cancel()
	token, err := r.session.token(ctx)
	if err != nil {
		return err
	}
	err = r.client.call(ctx, http.MethodPost, r.config.Mount+"/"+path, token, in, out)
	said, _ := errors.AsType[*refusal](err)
	if said != nil && said.status == http.StatusForbidden {
		next, doubt := r.session.reconsider(ctx, token)
		if doubt != nil {
			return doubt
		}
		if next == token {
			return err // the token lives: its policy doesn't allow the call
		}
		err = r.client.call(ctx, http.MethodPost, r.config.Mount+"/"+path, next, in, out)
		token = next
	}
	if err == nil {
		r.session.worked(token)
	}
	return err
}
