package localkms

import (
	"math"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// actions has a row an action of KMS that this service knows.
var actions = map[string]action{
	"CreateKey":                       typed((*Service).createKey),
	"DescribeKey":                     typed((*Service).describeKey),
	"ListKeys":                        typed((*Service).listKeys),
	"EnableKey":                       typed((*Service).enableKey),
	"DisableKey":                      typed((*Service).disableKey),
	"ScheduleKeyDeletion":             typed((*Service).scheduleKeyDeletion),
	"CancelKeyDeletion":               typed((*Service).cancelKeyDeletion),
	"CreateAlias":                     typed((*Service).createAlias),
	"ListAliases":                     typed((*Service).listAliases),
	"GenerateDataKey":                 typed((*Service).generateDataKey),
	"GenerateDataKeyWithoutPlaintext": typed((*Service).generateDataKeyWithoutPlaintext),
	"Encrypt":                         typed((*Service).encrypt),
	"Decrypt":                         typed((*Service).decrypt),
}

// timestamp is a time as the protocol writes it: seconds since 1970 with a fraction.
type timestamp float64

func stamp(t time.Time) timestamp { return timestamp(math.Round(float64(t.UnixMilli())) / 1000) }

type keyMetadata struct {
	AWSAccountId          string
	KeyId                 string
	Arn                   string
	CreationDate          timestamp
	Enabled               bool
	Description           string
	KeyUsage              string
	KeyState              string
	DeletionDate          timestamp `json:",omitempty"`
	Origin                string
	KeyManager            string
	CustomerMasterKeySpec string
	KeySpec               string
	EncryptionAlgorithms  []string `json:",omitempty"`
	MultiRegion           bool
	MultiRegionConfig     *multiRegion `json:"MultiRegionConfiguration,omitempty"`
}

type multiRegion struct {
	MultiRegionKeyType string
	PrimaryKey         struct{ Arn, Region string }
	ReplicaKeys        []string
}

func (k *key) metadata() *keyMetadata {
	fields := strings.SplitN(k.ARN, ":", 6)
	m := &keyMetadata{
		AWSAccountId: fields[4], KeyId: k.ID, Arn: k.ARN, CreationDate: stamp(k.Created), Enabled: k.state() == "Enabled",
		Description: k.Description, KeyUsage: k.Usage, KeyState: k.state(), Origin: "AWS_KMS", KeyManager: "CUSTOMER",
		CustomerMasterKeySpec: k.Spec, KeySpec: k.Spec, MultiRegion: k.MultiRegion,
	}
	if !k.Deletion.IsZero() {
		m.DeletionDate = stamp(k.Deletion)
	}
	if k.Spec == specSymmetric {
		m.EncryptionAlgorithms = []string{specSymmetric}
	}
	if k.MultiRegion {
		m.MultiRegionConfig = &multiRegion{MultiRegionKeyType: "PRIMARY", ReplicaKeys: []string{}}
		m.MultiRegionConfig.PrimaryKey.Arn, m.MultiRegionConfig.PrimaryKey.Region = k.ARN, fields[3]
	}
	return m
}

type describedKey struct{ KeyMetadata *keyMetadata }

type createKeyInput struct {
	Description, KeySpec, CustomerMasterKeySpec, KeyUsage, Origin, Policy, CustomKeyStoreId string
	MultiRegion                                                                             bool
	Tags                                                                                    []tag
}

func (s *Service) createKey(in *createKeyInput) (*describedKey, error) {
	spec := in.KeySpec
	if spec == "" {
		spec = in.CustomerMasterKeySpec
	}
	if spec == "" {
		spec = specSymmetric
	}
	usage, failure := checkSpec(spec, in.KeyUsage)
	switch {
	case failure != nil:
		return nil, failure
	case in.Origin != "" && in.Origin != "AWS_KMS" || in.CustomKeyStoreId != "":
		return nil, unsupported("This key service makes its own key material.")
	case in.Policy != "":
		return nil, unsupported("This key service has no key policies.")
	case utf8.RuneCountInString(in.Description) > 8192:
		return nil, validation("1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length less than or equal to 8192")
	}
	k, err := s.newKey(in.Description, spec, usage, in.MultiRegion)
	if err != nil {
		return nil, err
	}
	k.Tags = in.Tags
	return &describedKey{k.metadata()}, s.add(k)
}

// add writes a new key.
func (s *Service) add(k *key) error {
	_, err := s.store.update(s.o.Now(), func(st *state) *Error {
		st.Keys[k.ID] = k
		return nil
	})
	return err
}

type keyInput struct{ KeyId string }

func (s *Service) describeKey(in *keyInput) (*describedKey, error) {
	k, err := s.find(in.KeyId)
	if err != nil {
		return nil, err
	}
	return &describedKey{k.metadata()}, nil
}

// find looks a key up in the newest state.
func (s *Service) find(name string) (*key, error) {
	if name == "" {
		return nil, validation("1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	st, err := s.store.view(s.o.Now())
	if err != nil {
		return nil, err
	}
	k, failure := st.find(name, s.o.Region)
	if failure != nil {
		return nil, failure
	}
	return k, nil
}

// changeKey changes a key named by id or ARN, and returns it as it is then.
func (s *Service) changeKey(name string, change func(k *key) *Error) (*key, error) {
	var changed *key
	_, err := s.store.update(s.o.Now(), func(st *state) *Error {
		k, failure := st.findByID(name, s.o.Region)
		if failure != nil {
			return failure
		}
		changed = k
		return change(k)
	})
	return changed, err
}

func (s *Service) setEnabled(name string, enabled bool) (*struct{}, error) {
	_, err := s.changeKey(name, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		k.Enabled = enabled
		return nil
	})
	return &struct{}{}, err
}

func (s *Service) enableKey(in *keyInput) (*struct{}, error) { return s.setEnabled(in.KeyId, true) }

func (s *Service) disableKey(in *keyInput) (*struct{}, error) { return s.setEnabled(in.KeyId, false) }

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

func (s *Service) scheduleKeyDeletion(in *scheduleInput) (*scheduled, error) {
	days := 30
	if in.PendingWindowInDays != nil {
		days = *in.PendingWindowInDays
	}
	if days < 7 || days > 30 {
		return nil, validation("PendingWindowInDays must be between 7 and 30 (inclusive)")
	}
	k, err := s.changeKey(in.KeyId, func(k *key) *Error {
		if !k.Deletion.IsZero() {
			return invalidState(k.ARN, "pending deletion")
		}
		k.Deletion = s.o.Now().UTC().AddDate(0, 0, days)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &scheduled{KeyId: k.ARN, DeletionDate: stamp(k.Deletion), KeyState: k.state(), PendingWindowInDays: days}, nil
}

func (s *Service) cancelKeyDeletion(in *keyInput) (*keyInput, error) {
	k, err := s.changeKey(in.KeyId, func(k *key) *Error {
		if k.Deletion.IsZero() {
			return invalidState(k.ARN, "not pending deletion")
		}
		k.Deletion, k.Enabled = time.Time{}, false // KMS leaves the key disabled
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &keyInput{KeyId: k.ARN}, nil
}

type aliasInput struct{ AliasName, TargetKeyId string }

var aliasForm = regexp.MustCompile(`^alias/[a-zA-Z0-9/_-]{1,250}$`)

func (s *Service) createAlias(in *aliasInput) (*struct{}, error) {
	if !aliasForm.MatchString(in.AliasName) || strings.HasPrefix(in.AliasName, "alias/aws/") {
		return nil, fail("InvalidAliasNameException", "%s is not a valid name of an alias", in.AliasName)
	}
	_, err := s.store.update(s.o.Now(), func(st *state) *Error {
		k, failure := st.findByID(in.TargetKeyId, s.o.Region)
		switch {
		case failure != nil:
			return failure
		case !k.Deletion.IsZero():
			return invalidState(k.ARN, "pending deletion")
		case st.Aliases[in.AliasName] != nil:
			return fail("AlreadyExistsException", "An alias with the name %s already exists", st.Aliases[in.AliasName].ARN)
		}
		st.Aliases[in.AliasName] = &alias{ARN: s.arn(in.AliasName), KeyID: k.ID, Created: s.o.Now().UTC()}
		return nil
	})
	return &struct{}{}, err
}
