package localkms

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// actions has a row an action of KMS that this service knows.
var actions = map[string]action{
	"CreateKey":                       typed((*call).createKey),
	"DescribeKey":                     typed((*call).describeKey),
	"ListKeys":                        typed((*call).listKeys),
	"EnableKey":                       typed((*call).enableKey),
	"DisableKey":                      typed((*call).disableKey),
	"ScheduleKeyDeletion":             typed((*call).scheduleKeyDeletion),
	"CancelKeyDeletion":               typed((*call).cancelKeyDeletion),
	"RotateKeyOnDemand":               typed((*call).rotateKeyOnDemand),
	"EnableKeyRotation":               typed((*call).enableKeyRotation),
	"DisableKeyRotation":              typed((*call).disableKeyRotation),
	"GetKeyRotationStatus":            typed((*call).getKeyRotationStatus),
	"ListKeyRotations":                typed((*call).listKeyRotations),
	"UpdateKeyDescription":            typed((*call).updateKeyDescription),
	"GetKeyLastUsage":                 typed((*call).getKeyLastUsage),
	"TagResource":                     typed((*call).tagResource),
	"UntagResource":                   typed((*call).untagResource),
	"ListResourceTags":                typed((*call).listResourceTags),
	"CreateGrant":                     typed((*call).createGrant),
	"ListGrants":                      typed((*call).listGrants),
	"ListRetirableGrants":             typed((*call).listRetirableGrants),
	"RetireGrant":                     typed((*call).retireGrant),
	"RevokeGrant":                     typed((*call).revokeGrant),
	"GenerateRandom":                  typed((*call).generateRandom),
	"CreateAlias":                     typed((*call).createAlias),
	"UpdateAlias":                     typed((*call).updateAlias),
	"DeleteAlias":                     typed((*call).deleteAlias),
	"ListAliases":                     typed((*call).listAliases),
	"PutKeyPolicy":                    typed((*call).putKeyPolicy),
	"GetKeyPolicy":                    typed((*call).getKeyPolicy),
	"ListKeyPolicies":                 typed((*call).listKeyPolicies),
	"GenerateDataKey":                 typed((*call).generateDataKey),
	"GenerateDataKeyWithoutPlaintext": typed((*call).generateDataKeyWithoutPlaintext),
	"Encrypt":                         typed((*call).encrypt),
	"Decrypt":                         typed((*call).decrypt),
}

type describedKey struct{ KeyMetadata *keyMetadata }

type createKeyInput struct {
	Description, KeySpec, CustomerMasterKeySpec, KeyUsage, Origin, Policy, CustomKeyStoreId string
	MultiRegion, BypassPolicyLockoutSafetyCheck                                             bool
	Tags                                                                                    []tag
}

func (c *call) createKey(in *createKeyInput) (*describedKey, error) {
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
	return &describedKey{k.metadata()}, c.add(k)
}

// accountTagKey is the tag by which CreateKey makes a key of another account.
const accountTagKey = "sealfront:account"

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)

func (c *call) accountTag(tags []tag) (account string, failure *Error) {
	for _, t := range tags {
		switch {
		case t.Key == accountTagKey && t.Value != c.o.Account && accountForm.MatchString(t.Value):
			account = t.Value
		case strings.HasPrefix(t.Key, "sealfront:"), strings.HasPrefix(t.Key, "aws:"):
			return "", fail("TagException", "The tag %s=%s has a meaning that this service doesn't know", t.Key, t.Value)
		}
	}
	return account, nil
}

// add writes a new key.
func (s *Service) add(k *key) error {
	_, err := s.store.update(s.o.Now(), func(st *state) *Error {
		st.Keys[k.ID] = k
		return nil
	})
	return err
}

func checkDescription(text string) *Error {
	if utf8.RuneCountInString(text) > 8192 {
		return validation("1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 8192")
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

type keyInput struct{ KeyId string }

func (c *call) describeKey(in *keyInput) (*describedKey, error) {
	if in.KeyId == managedAlias || in.KeyId == c.arn(managedAlias) {
		if err := c.makeManagedKey(); err != nil {
			return nil, err
		}
	}
	k, err := c.find("DescribeKey", in.KeyId, nil)
	if err != nil {
		return nil, err
	}
	return &describedKey{k.metadata()}, nil
}

// managedAlias names the key that AWS manages for S3. As in KMS, it is made when it is described for the first time.
const managedAlias = "alias/aws/s3"

func (c *call) makeManagedKey() error {
	st, err := c.store.view(c.o.Now())
	if err != nil || st.Aliases[managedAlias] != nil {
		return err
	}
	k, err := c.newKey("Default key that protects my S3 objects when no other key is defined", specSymmetric, usageEncrypt, false)
	if err != nil {
		return err
	}
	k.AWSManaged = true
	_, err = c.store.update(c.o.Now(), func(st *state) *Error {
		if st.Aliases[managedAlias] == nil {
			st.Keys[k.ID] = k
			st.Aliases[managedAlias] = &alias{ARN: c.arn(managedAlias), KeyID: k.ID, Created: k.Created}
		}
		return nil
	})
	return err
}

// find looks a key up in the newest state, for an action that its policy allows.
func (c *call) find(action, name string, context map[string]string) (*key, error) {
	if name == "" {
		return nil, validation("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	st, err := c.store.view(c.o.Now())
	if err != nil {
		return nil, err
	}
	k, failure := st.find(name, &c.o)
	if failure != nil {
		return nil, failure
	}
	if failure := c.permit(k, action, context); failure != nil {
		return nil, failure
	}
	return k, nil
}

// findByID is find for the actions that take no alias.
func (c *call) findByID(action, name string) (*key, error) {
	st, err := c.store.view(c.o.Now())
	if err != nil {
		return nil, err
	}
	k, failure := st.findByID(name, &c.o)
	if failure == nil {
		failure = c.permit(k, action, nil)
	}
	if failure != nil {
		return nil, failure
	}
	return k, nil
}

// changeKey changes a key named by id or ARN, and returns it as it is then.
func (c *call) changeKey(action, name string, change func(k *key) *Error) (*key, error) {
	var changed *key
	_, err := c.store.update(c.o.Now(), func(st *state) *Error {
		k, failure := st.findByID(name, &c.o)
		if failure != nil {
			return failure
		}
		if failure := c.permit(k, action, nil); failure != nil {
			return failure
		}
		changed = k
		return change(k)
	})
	return changed, err
}

func (c *call) setEnabled(action, name string, enabled bool) (*struct{}, error) {
	_, err := c.changeKey(action, name, func(k *key) *Error {
		switch state := k.state(); state {
		case statePendingDeletion:
			return invalidState(k.ARN, "pending deletion")
		case statePendingImport:
			return invalidState(k.ARN, "pending import")
		}
		k.Enabled = enabled
		return nil
	})
	return &struct{}{}, err
}

func (c *call) enableKey(in *keyInput) (*struct{}, error) {
	return c.setEnabled("EnableKey", in.KeyId, true)
}

func (c *call) disableKey(in *keyInput) (*struct{}, error) {
	return c.setEnabled("DisableKey", in.KeyId, false)
}

type descriptionInput struct{ KeyId, Description string }

func (c *call) updateKeyDescription(in *descriptionInput) (*struct{}, error) {
	if failure := checkDescription(in.Description); failure != nil {
		return nil, failure
	}
	_, err := c.changeKey("UpdateKeyDescription", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		k.Description = in.Description
		return nil
	})
	return &struct{}{}, err
}

type scheduleInput struct {
	KeyId               string
	PendingWindowInDays *int
}

type scheduled struct {
	KeyId               string
	DeletionDate        timestamp
	KeyState            string
	PendingWindowInDays int
}

func (c *call) scheduleKeyDeletion(in *scheduleInput) (*scheduled, error) {
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, validation("PendingWindowInDays must be between 7 and 30 (inclusive)")
	}
	k, err := c.changeKey("ScheduleKeyDeletion", in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		k.Deletion = c.o.Now().UTC().AddDate(0, 0, days)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &scheduled{KeyId: k.ARN, DeletionDate: stamp(k.Deletion), KeyState: k.state(), PendingWindowInDays: days}, nil
}

func (c *call) cancelKeyDeletion(in *keyInput) (*keyInput, error) {
	k, err := c.changeKey("CancelKeyDeletion", in.KeyId, func(k *key) *Error {
		if k.Deletion.IsZero() {
			return invalidState(k.ARN, "not pending deletion")
		}
		k.Deletion, k.Enabled = time.Time{}, false // KMS leaves the key disabled, or pending import
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &keyInput{KeyId: k.ARN}, nil
}
