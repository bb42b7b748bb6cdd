package keyserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/awskms"
	"sealfront/crypto/keyroot/file"
	"sealfront/crypto/keyroot/pkcs11"
	"sealfront/crypto/keyroot/transit"
	"sealfront/proxy/config"
)

// A namedRoot is a root by its name in the configuration.
type namedRoot struct {
	keyroot.Root
	name string
}

// openRoots opens all roots; the one that wraps comes first. All that can't be opened are in the one error, a
// config.Faults. None is ever made.
func openRoots(ctx context.Context, c *config.KeyService, warn func(text string)) ([]namedRoot, error) {
	var list []namedRoot
	var faults config.Faults
	for i := range c.Roots {
		r := &c.Roots[i]
		root, err := openRoot(ctx, r, warn)
		var wrong keyroot.Faults
		switch {
		case errors.As(err, &wrong):
			for _, f := range wrong {
				faults = append(faults, config.Fault{Path: fmt.Sprintf("roots[%d].%s.%s", i, r.Kind, f.Path), Why: f.Why})
			}
			continue
		case err != nil:
			faults = append(faults, config.Fault{Path: fmt.Sprintf("roots[%d].%s", i, r.Kind), Why: err.Error()})
			continue
		}
		if r.Name == c.Root {
			list = append([]namedRoot{{root, r.Name}}, list...)
		} else {
			list = append(list, namedRoot{root, r.Name})
		}
	}
	for i, r := range list {
		for _, earlier := range list[:i] {
			if r.Identity() == earlier.Identity() {
				faults = append(faults, config.Fault{
					Path: "roots", Why: fmt.Sprintf("%s and %s are the same root: %s", earlier.name, r.name, r.Identity()),
				})
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults, closeRoots(list))
	}
	return list, nil
}

func openRoot(ctx context.Context, r *config.Root, warn func(text string)) (keyroot.Root, error) {
	switch r.Kind {
	case "transit":
		return opened(transit.Open(transitConfig(&r.Transit, warn)))
	case "pkcs11":
		p := &r.PKCS11
		return opened(pkcs11.Open(pkcs11.Config{
			Module: p.Module, Token: p.Token, PIN: keyroot.Secret{Value: p.PIN, File: p.PINFile, Env: p.PINEnv}, Key: p.Key,
			KeyID: p.KeyID, Mechanism: p.Mechanism, Sessions: p.Sessions, Timeout: p.Timeout,
		}))
	case "awskms":
		k := &r.AWSKMS
		return opened(awskms.Open(ctx, awskms.Config{
			KeyARN: k.KeyARN, Endpoint: k.Endpoint, AccessKey: k.AccessKey,
			SecretKey: keyroot.Secret{Value: k.SecretKey, File: k.SecretKeyFile, Env: k.SecretKeyEnv},
			RoleARN:   k.RoleARN, STSEndpoint: k.STSEndpoint, CA: k.CA, Timeout: k.Timeout,
		}))
	case "file":
		root, err := file.Open(r.File)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing: bring the root key back, or make one for new records by 'sealfront kms root "+
				"%s'", r.File, r.File)
		}
		if err != nil {
			return nil, err
		}
		return root, nil
	}
	return nil, fmt.Errorf("%q is no kind of root", r.Kind)
}

// opened is a root, and nil where it couldn't be opened: no interface around a pointer that is nil.
func opened[R keyroot.Root](root R, err error) (keyroot.Root, error) {
	if err != nil {
		return nil, err
	}
	return root, nil
}

func transitConfig(t *config.TransitRoot, warn func(text string)) transit.Config {
	c := transit.Config{
		Address: t.Address, Namespace: t.Namespace, Mount: t.Mount, Key: t.Key, Cluster: t.Cluster,
		Token: keyroot.Secret{Value: t.Token, File: t.TokenFile, Env: t.TokenEnv},
		CA:    t.CA, Cert: t.Cert, CertKey: t.CertKey, ServerName: t.ServerName, Timeout: t.Timeout, Warn: warn,
	}
	if a := t.AppRole; a != nil {
		c.AppRole = &transit.AppRole{
			Mount: a.Mount, RoleID: a.RoleID,
			SecretID: keyroot.Secret{Value: a.SecretID, File: a.SecretIDFile, Env: a.SecretIDEnv},
		}
	}
	if k := t.Kubernetes; k != nil {
		c.Kubernetes = &transit.Kubernetes{Mount: k.Mount, Role: k.Role, JWTFile: k.JWTFile}
	}
	return c
}

func closeRoots(list []namedRoot) (err error) {
	for _, r := range list {
		err = errors.Join(err, r.Close())
	}
	return err
}

func plain(list []namedRoot) (roots []keyroot.Root) {
	for _, r := range list {
		roots = append(roots, r.Root)
	}
	return roots
}

// nameOf is a root's name, for the log and the metrics.
func nameOf(list []namedRoot, identity string) string {
	for _, r := range list {
		if r.Identity() == identity {
			return r.name
		}
	}
	return "unknown"
}
