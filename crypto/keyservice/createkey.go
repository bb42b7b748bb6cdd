package keyservice

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

type createKeyInput struct {
	Description, KeySpec, CustomerMasterKeySpec, KeyUsage, Origin, Policy, CustomKeyStoreId string
	MultiRegion, BypassPolicyLockoutSafetyCheck                                             bool
	Tags                                                                                    []tag
}

func (c *call) createKey(in *createKeyInput) (*describedKey, error) {
	if failure := c.mayCall("CreateKey", "*"); failure != nil {
		return nil, failure
	}
	spec := in.KeySpec
	if spec == "" {
		spec = in.CustomerMasterKeySpec
	}
	if spec == "" {
		spec = specSymmetric
	}
	usage, failure := checkSpec(spec, in.KeyUsage)
	account, wrong := c.accountTag(in.Tags)
	switch {
	case failure != nil:
		return nil, failure
	case wrong != nil:
		return nil, wrong
	case in.Origin != "" && in.Origin != originKMS && in.Origin != originExternal || in.CustomKeyStoreId != "":
		return nil, unsupported("This key service has no custom key stores.")
	case in.Origin == originExternal && spec != specSymmetric:
		return nil, unsupported("This key service has no asymmetric or HMAC keys without key material.")
	}
	if failure := firstFailure(checkDescription(in.Description), checkTags(in.Tags)); failure != nil {
		return nil, failure
	}
	k, err := c.newKey(in.Description, spec, usage, in.MultiRegion)
	if err != nil {
		return nil, err
	}
	defer k.wipe()
	if account != "" {
		k.ARN, k.Foreign = "arn:aws:kms:"+c.o.Region+":"+account+":key/"+k.ID, true
	}
	k.Tags, k.Policy = in.Tags, in.Policy
	if in.Policy != "" {
		if failure := c.checkPolicy(in.Policy, k, in.BypassPolicyLockoutSafetyCheck); failure != nil {
			return nil, failure
		}
	}
	if in.Origin == originExternal {
		k.Origin = originExternal
		clear(k.Material)
		k.Material = nil
	}
	c.about = k.ARN
	return &describedKey{k.metadata()}, c.add(c.ctx, k)
}

// accountTagKey is the tag by which CreateKey makes a key of another account.
const accountTagKey = "sealfront:account"

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

func (c *call) accountTag(tags []tag) (account string, failure *Error) {
	for _, t := range tags {
		switch {
		case c.o.Dir != "" && t.Key == accountTagKey && t.Value != c.o.Account && accountForm.MatchString(t.Value):
			account = t.Value
		case strings.HasPrefix(t.Key, "sealfront:"), strings.HasPrefix(t.Key, "aws:"):
			return "", fail("TagException", "The tag %s=%s has a meaning that this service doesn't know",
				t.Key, t.Value)
		}
	}
	return account, nil
}

// checkSpec decides which keys can be made.
func checkSpec(spec, usage string) (string, *Error) {
	allowed, known := usages[spec]
	switch {
	case !known:
		return "", validation("1 validation error detected: Value '%s' at 'keySpec' failed to satisfy constraint: "+
			"Member must satisfy enum value set", spec)
	case usage == "" && spec == specSymmetric:
		return usageEncrypt, nil
	case usage == "":
		return "", validation(
			"You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
	case !slices.Contains(allowed, usage):
		return "", validation("KeyUsage %s is not compatible with KeySpec %s", usage, spec)
	}
	return usage, nil
}

// newKey makes a key that isn't in the store yet.
func (s *Service) newKey(description, spec, usage string, multiRegion bool) (*key, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return nil, err
	}
	k := &key{Description: description, Enabled: true, keyFacts: keyFacts{
		Created: s.o.Now().UTC(), Spec: spec, Usage: usage, MultiRegion: multiRegion,
	}}
	if multiRegion {
		k.ID = "mrk-" + hex.EncodeToString(b[:])
	} else {
		b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80 // RFC 9562, version 4
		h := hex.EncodeToString(b[:])
		k.ID = h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	}
	k.ARN = s.arn("key/" + k.ID)
	if spec == specSymmetric {
		k.Material = make([]byte, materialSize)
		if _, err := rand.Read(k.Material); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// manage makes a new key one that AWS manages, and that rotates every so many days; 0: it does not.
func (k *key) manage(rotates int) {
	if k.AWSManaged = true; rotates > 0 {
		k.RotationPeriod, k.NextRotation = rotates, k.Created.AddDate(0, 0, rotates)
	}
}

func (s *Service) arn(resource string) string {
	return "arn:aws:kms:" + s.o.Region + ":" + s.o.Account + ":" + resource
}

// add writes a new key.
func (s *Service) add(ctx context.Context, k *key) error {
	v, err := s.records.update(ctx, func(st *state) *Error {
		st.Keys[k.ID] = k
		return nil
	})
	if err != nil {
		return err
	}
	v.wipe()
	return nil
}

// CreateKey makes a symmetric encryption key for the embedding program and returns its ARN.
func (s *Service) CreateKey(ctx context.Context, description string) (arn string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	k, err := s.newKey(description, specSymmetric, usageEncrypt, false)
	if err != nil {
		return "", err
	}
	return k.ARN, s.add(ctx, k)
}

type describedKey struct{ KeyMetadata *keyMetadata }

func checkDescription(text string) *Error {
	if utf8.RuneCountInString(text) > 8192 {
		return validation("1 validation error detected: Value at 'description' failed to satisfy constraint: Member " +
			"must have length less than or equal to 8192")
	}
	return nil
}

func firstFailure(failures ...*Error) *Error {
	for _, failure := range failures {
		if failure != nil {
			return failure
		}
	}
	return nil
}
