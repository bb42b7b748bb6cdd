package transit

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"sealfront/crypto/keyroot"
)

// explain makes the error of a call out of what came back: what was tried, where, and what to do. It wraps
// keyroot.ErrWrong for a ciphertext that the server says isn't the key's, and for nothing else: what an operator can
// put right must not look like a damaged record.
func (r *Root) explain(what string, err error) error {
	if err == nil {
		return nil
	}
	c := r.config
	said, ok := errors.AsType[*refusal](err)
	switch {
	case errors.Is(err, errNoToken): // says itself what it is
		return fmt.Errorf("%s by %s: %w", what, c.Address, err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s by %s: %w", what, c.Address, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s by %s: no answer in time: %w", what, c.Address, err)
	case !ok:
		return fmt.Errorf("%s by %s: it can't be reached: %w", what, c.Address, err)
	case said.says("encryption key not found"):
		return fmt.Errorf("%s: the Transit key %s doesn't exist in %s at %s: restore it from the cluster's snapshot, or, "+
			"before anything was wrapped by it, make it: bao write -f %s/keys/%s (%w)",
			what, c.Key, c.Mount, c.Address, c.Mount, c.Key, said)
	case said.says("too old"):
		return fmt.Errorf("%s: the key %s at %s no longer opens versions below its min_decryption_version: lower it "+
			"(bao write %s/keys/%s/config min_decryption_version=…) until the records are moved (%w)",
			what, c.Key, c.Address, c.Mount, c.Key, said)
	case said.status == http.StatusBadRequest &&
		(said.says("message authentication failed") || said.says("invalid ciphertext")):
		return fmt.Errorf("%w: %s says %w", keyroot.ErrWrong, c.Address, said)
	case said.status == http.StatusForbidden:
		return fmt.Errorf("%s: %s denies it: the token's policy must allow update on %s/datakey/plaintext/%s and "+
			"%s/decrypt/%s (%w)", what, c.Address, c.Mount, c.Key, c.Mount, c.Key, said)
	case said.status == http.StatusNotFound:
		return fmt.Errorf("%s: %s has no Transit engine at %s (%w)", what, c.Address, c.Mount, said)
	case said.status == http.StatusServiceUnavailable:
		return fmt.Errorf("%s: %s is sealed or starting: unseal it (%w)", what, c.Address, said)
	case said.status == http.StatusTooManyRequests:
		return fmt.Errorf("%s: %s limits the rate of calls (%w)", what, c.Address, said)
	}
	return fmt.Errorf("%s by %s: %w", what, c.Address, said)
}
