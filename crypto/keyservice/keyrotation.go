package keyservice

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// rotate gives a key new material. What was sealed under the old one goes on opening.
func (k *key) rotate(kind string, now time.Time) {
	if k.Origin == originExternal {
		k.rotateImported()
	} else {
		material := make([]byte, materialSize)
		_, _ = rand.Read(material) // never fails
		k.Former, k.Material = slices.Insert(slices.Clone(k.Former), 0, k.Material), material
	}
	k.Rotations = append(slices.Clone(k.Rotations), rotation{Date: now.UTC(), Kind: kind})
}

// rotationDue reports whether an automatic rotation is to be carried out. KMS leaves keys alone that are disabled or
// pending deletion, and rotates what is due when they are enabled again.
func (k *key) rotationDue(now time.Time) bool {
	return k.RotationPeriod != 0 && k.state() == "Enabled" && !now.Before(k.NextRotation)
}

// rotatable refuses keys that KMS doesn't rotate; how is the end of a sentence.
func (k *key) rotatable(how string) *Error {
	switch {
	case k.Spec != specSymmetric || k.AWSManaged:
		return unsupported("%s can't be rotated %s: only symmetric encryption keys of customers can.", k.ARN, how)
	case k.origin() != originKMS && how != onDemand:
		return unsupported("%s can't be rotated %s: its key material is imported.", k.ARN, how)
	}
	switch k.state() {
	case statePendingDeletion:
		return invalidState(k.ARN, "pending deletion")
	case statePendingImport:
		return invalidState(k.ARN, "pending import")
	case "Disabled":
		return disabled(k.ARN)
	}
	if k.origin() != originKMS && (k.Next == nil || k.Next.Material == nil) {
		return fail("KMSInvalidStateException", "%s has no imported key material that waits for its rotation.", k.ARN)
	}
	return nil
}

// onDemand is the end of rotatable's sentence about RotateKeyOnDemand.
const onDemand = "on demand"

// materialID names a key's material and reveals nothing of it.
func (k *key) materialID(material []byte) string {
	mac := hmac.New(sha256.New, material)
	mac.Write([]byte("sealfront key material id " + k.ID))
	return hex.EncodeToString(mac.Sum(nil))
}

// maxRotations is how often KMS rotates a key on demand in its life.
const maxRotations = 25
