package keyservice

import (
	"slices"
	"time"
)

// A key as it is kept. Fields are never changed in place: changes are made on a clone.
type key struct {
	keyFacts
	keyMaterial
	Description string    `json:"description,omitempty"`
	Enabled     bool      `json:"enabled"`
	Deletion    time.Time `json:"deletion,omitzero"` // when the waiting period ends; zero: not scheduled
	Policy      string    `json:"policy,omitempty"`  // as it was put; empty: the default
	Tags        []tag     `json:"tags,omitempty"`
	Grants      []grant   `json:"grants,omitempty"`
	LastUsed    usage     `json:"lastUsed,omitzero"` // at most usageStep old
}

// keyFacts are what a key was made as, and stays.
type keyFacts struct {
	ID          string    `json:"id"`
	ARN         string    `json:"arn"` // a later change of region or account in the options doesn't touch it
	Created     time.Time `json:"created"`
	Spec        string    `json:"spec"`
	Usage       string    `json:"usage"`
	MultiRegion bool      `json:"multiRegion,omitempty"`
	AWSManaged  bool      `json:"awsManaged,omitempty"`
	Foreign     bool      `json:"foreign,omitempty"` // of another account than the service plays for its callers
	Origin      string    `json:"origin,omitempty"`  // EXTERNAL, otherwise AWS_KMS
}

// keyMaterial is what a key seals under, and how it changes.
type keyMaterial struct {
	// 32 bytes of a symmetric encryption key; none of others, nor of one that waits for its import
	Material []byte   `json:"material,omitempty"`
	Former   [][]byte `json:"former,omitempty"` // earlier material, newest first: it opens, and seals nothing
	// with Origin EXTERNAL, id of the current material, also when it is gone
	Imported string    `json:"imported,omitempty"`
	ValidTo  time.Time `json:"validTo,omitzero"` // when the imported material ends; zero: it doesn't
	About    string    `json:"about,omitempty"`  // description of the imported material
	// FormerImports say what Former were imported as; of those that are gone Former has none.
	FormerImports []imported    `json:"formerImports,omitempty"`
	Next          *nextMaterial `json:"next,omitempty"` // imported for the next rotation on demand

	Rotations      []rotation `json:"rotations,omitempty"`      // oldest first; earlier releases kept none
	RotationPeriod int        `json:"rotationPeriod,omitempty"` // days between automatic rotations; 0: there are none
	NextRotation   time.Time  `json:"nextRotation,omitzero"`
}

// clone returns a copy that can be changed as fields are, with materials of its own.
func (k *key) clone() *key {
	c := *k
	if k.Material != nil {
		c.Material = slices.Clone(k.Material)
	}
	c.Former = make([][]byte, len(k.Former))
	for i, former := range k.Former {
		c.Former[i] = slices.Clone(former)
	}
	if k.Next != nil {
		c.Next = &nextMaterial{k.Next.imported, slices.Clone(k.Next.Material)}
	}
	return &c
}

// wipe clears the materials; the key can't be used any more, nor be asked for its state.
func (k *key) wipe() {
	clear(k.Material)
	for _, former := range k.Former {
		clear(former)
	}
	if k.Next != nil {
		clear(k.Next.Material)
	}
}

type tag struct {
	Key   string `json:"TagKey"`
	Value string `json:"TagValue"`
}

const (
	specSymmetric = "SYMMETRIC_DEFAULT"
	usageEncrypt  = "ENCRYPT_DECRYPT"
	materialSize  = 32
)

// usages says which KeyUsage each KeySpec can have; the first is the default where KMS has one.
var usages = map[string][]string{
	specSymmetric: {usageEncrypt},
	"HMAC_224":    {"GENERATE_VERIFY_MAC"}, "HMAC_256": {"GENERATE_VERIFY_MAC"},
	"HMAC_384": {"GENERATE_VERIFY_MAC"}, "HMAC_512": {"GENERATE_VERIFY_MAC"},
	"RSA_2048": {usageEncrypt, "SIGN_VERIFY"}, "RSA_3072": {usageEncrypt, "SIGN_VERIFY"},
	"RSA_4096":      {usageEncrypt, "SIGN_VERIFY"},
	"ECC_NIST_P256": {"SIGN_VERIFY", "KEY_AGREEMENT"}, "ECC_NIST_P384": {"SIGN_VERIFY", "KEY_AGREEMENT"},
	"ECC_NIST_P521": {"SIGN_VERIFY", "KEY_AGREEMENT"}, "ECC_SECG_P256K1": {"SIGN_VERIFY"},
}

const (
	originKMS      = "AWS_KMS"
	originExternal = "EXTERNAL"

	statePendingDeletion = "PendingDeletion"
	statePendingImport   = "PendingImport"
)

func (k *key) origin() string {
	if k.Origin == "" {
		return originKMS
	}
	return k.Origin
}

// state is KMS's word for what can be done with the key.
func (k *key) state() string {
	switch {
	case !k.Deletion.IsZero():
		return statePendingDeletion
	case k.incomplete():
		return statePendingImport
	case k.Enabled:
		return "Enabled"
	}
	return "Disabled"
}

// usable refuses a key that can't take part in encryption now, in KMS's order: use, then state.
func (k *key) usable(action string) *Error {
	switch {
	case k.Usage != usageEncrypt || k.Spec != specSymmetric && action != "Encrypt" && action != "Decrypt":
		return fail("InvalidKeyUsageException", "%s key usage is %s and its key spec %s, which is not valid for %s.",
			k.ARN, k.Usage, k.Spec, action)
	case k.Spec != specSymmetric:
		return unsupported("This key service does not use asymmetric keys.")
	}
	switch k.state() {
	case statePendingDeletion:
		return invalidState(k.ARN, "pending deletion")
	case statePendingImport:
		return invalidState(k.ARN, "pending import")
	case "Disabled":
		return disabled(k.ARN)
	}
	return nil
}

// A rotation is when and why a key got the material that it has had since.
type rotation struct {
	Date time.Time `json:"date"`
	Kind string    `json:"kind"`
}

const (
	rotatedOnDemand      = "ON_DEMAND"
	rotatedAutomatically = "AUTOMATIC"
)

// A usage is the last time a key sealed or opened something.
type usage struct {
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	RequestID string    `json:"requestId"`
}

// note takes note of a use, unless a later one is known.
func (k *key) note(u usage) {
	if k.LastUsed.Time.Before(u.Time) {
		k.LastUsed = u
	}
}
