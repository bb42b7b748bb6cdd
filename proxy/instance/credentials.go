package instance

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"fmt"

	"sealfront/crypto/awskms"
	"sealfront/proxy/config"
	"sealfront/proxy/store"
	"sealfront/sigv4"
)

// credentials return what requests to a store are signed with.
type credentials = func(context.Context) (sigv4.Credentials, error)

// storeCredentials are those of the configuration, or of the SDK's chain.
func storeCredentials(ctx context.Context, c *config.Config) (credentials, error) {
	if c.Store.AccessKey != "" {
		return store.Static(c.Store.AccessKey, c.Store.SecretKey), nil
	}
	chain, err := awskms.Credentials(ctx, c.Store.Region)
	if err != nil {
		return nil, fmt.Errorf("find credentials for the store: %w", err)
	}
	return func(ctx context.Context) (sigv4.Credentials, error) {
		id, secret, token, err := chain(ctx)
		return sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, err
	}, nil
}

// newCredentials makes a random access key id and secret in AWS's form. The secret never begins with a
// hyphen: programs that take it as an argument (mc alias set) would read it as an option.
func newCredentials() (accessKey, secretKey string) {
	var b [42]byte
	for {
		rand.Read(b[:])
		secretKey = base64.RawURLEncoding.EncodeToString(b[12:])
		if secretKey[0] != '-' {
			return "AKIA" + base32.StdEncoding.EncodeToString(b[:10]), secretKey
		}
	}
}
