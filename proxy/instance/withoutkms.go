package instance

import (
	"context"
	"errors"

	"sealfront/crypto/keyring"
	"sealfront/proxy/objects"
)

// errWithoutKMS is the answer of a key service that is no key service.
var errWithoutKMS = errors.New("KMS is not called")

// refusing is a key service that refuses every call.
type refusing struct{}

func (refusing) GenerateDataKey(context.Context, string, map[string]string) ([]byte, []byte, error) {
	return nil, nil, errWithoutKMS
}

func (refusing) Decrypt(context.Context, string, []byte, map[string]string) ([]byte, error) {
	return nil, errWithoutKMS
}

func (refusing) DescribeKey(context.Context, string) (arn, state, manager, spec, usage string, err error) {
	return "", "", "", "", "", errWithoutKMS
}

// ObjectsWithoutKMS is Objects for a reader without a key service, and with a keyring of its own that has never seen a
// bucket key: whatever opens by it would open for anybody who can read the store.
func (i *Instance) ObjectsWithoutKMS() *objects.Objects {
	keys := keyring.New(refusing{}, keyring.Options{})
	i.closers.add(func() error {
		keys.Close()
		return nil
	})
	o := i.objectsOptions()
	o.Keys = keys
	return objects.New(o)
}
