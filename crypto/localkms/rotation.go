package localkms

import (
	"crypto/rand"
	"slices"
)

// maxRotations is how often KMS rotates a key on demand in its life.
const maxRotations = 25

// rotateKeyOnDemand gives a key new material. What was sealed under the old one goes on opening.
func (c *call) rotateKeyOnDemand(in *keyInput) (*keyInput, error) {
	material := make([]byte, materialSize)
	if _, err := rand.Read(material); err != nil {
		return nil, err
	}
	k, err := c.changeKey("RotateKeyOnDemand", in.KeyId, func(k *key) *Error {
		switch {
		case k.Spec != specSymmetric || k.AWSManaged:
			return unsupported("%s can't be rotated on demand: only symmetric encryption keys of customers can.", k.ARN)
		case k.origin() != originKMS:
			return unsupported("%s can't be rotated on demand: this key service imports no key material.", k.ARN)
		}
		if failure := k.usable("RotateKeyOnDemand"); failure != nil {
			return failure
		}
		if len(k.Former) >= maxRotations {
			return fail("LimitExceededException", "%s has been rotated on demand %d times.", k.ARN, maxRotations)
		}
		k.Former, k.Material = slices.Insert(slices.Clone(k.Former), 0, k.Material), material
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &keyInput{KeyId: k.ARN}, nil
}
