package keyservice

import (
	"math"
	"slices"
	"strings"
	"time"
)

// timestamp is a time as the protocol writes it: seconds since 1970 with a fraction.
type timestamp float64

func stamp(t time.Time) timestamp { return timestamp(math.Round(float64(t.UnixMilli())) / 1000) }

type keyMetadata struct {
	AWSAccountId           string
	KeyId                  string
	Arn                    string
	CreationDate           timestamp
	Enabled                bool
	Description            string
	KeyUsage               string
	KeyState               string
	DeletionDate           timestamp `json:",omitempty"`
	Origin                 string
	ExpirationModel        string    `json:",omitempty"`
	ValidTo                timestamp `json:",omitempty"`
	CurrentKeyMaterialId   string    `json:",omitempty"`
	KeyManager             string
	CustomerMasterKeySpec  string
	KeySpec                string
	EncryptionAlgorithms   []string `json:",omitempty"`
	SigningAlgorithms      []string `json:",omitempty"`
	KeyAgreementAlgorithms []string `json:",omitempty"`
	MacAlgorithms          []string `json:",omitempty"`
	MultiRegion            bool
	MultiRegionConfig      *multiRegion `json:"MultiRegionConfiguration,omitempty"`
}

type multiRegion struct {
	MultiRegionKeyType string
	PrimaryKey         struct{ Arn, Region string }
	ReplicaKeys        []string
}

func (k *key) metadata() *keyMetadata {
	fields := strings.SplitN(k.ARN, ":", 6)
	m := &keyMetadata{
		AWSAccountId: fields[4], KeyId: k.ID, Arn: k.ARN, CreationDate: stamp(k.Created),
		Enabled:     k.state() == "Enabled",
		Description: k.Description, KeyUsage: k.Usage, KeyState: k.state(), Origin: k.origin(), KeyManager: "CUSTOMER",
		CustomerMasterKeySpec: k.Spec, KeySpec: k.Spec, MultiRegion: k.MultiRegion,
	}
	if k.AWSManaged {
		m.KeyManager = "AWS"
	}
	if !k.Deletion.IsZero() {
		m.DeletionDate = stamp(k.Deletion)
	}
	if k.Origin == originExternal && k.Material != nil {
		m.ExpirationModel = materialStays
		for _, i := range slices.Concat([]imported{k.current()}, k.FormerImports) { // the first to end counts
			if end := stamp(i.ValidTo); !i.ValidTo.IsZero() && (m.ValidTo == 0 || end < m.ValidTo) {
				m.ExpirationModel, m.ValidTo = materialExpires, end
			}
		}
	}
	if k.Spec == specSymmetric && k.Material != nil {
		m.CurrentKeyMaterialId = k.materialID(k.Material)
	}
	k.algorithms(m)
	if k.MultiRegion {
		m.MultiRegionConfig = &multiRegion{MultiRegionKeyType: "PRIMARY", ReplicaKeys: []string{}}
		m.MultiRegionConfig.PrimaryKey.Arn, m.MultiRegionConfig.PrimaryKey.Region = k.ARN, fields[3]
	}
	return m
}

// algorithms says what the key would be used with.
func (k *key) algorithms(m *keyMetadata) {
	family, _, _ := strings.Cut(k.Spec, "_")
	switch {
	case k.Spec == specSymmetric:
		m.EncryptionAlgorithms = []string{specSymmetric}
	case family == "HMAC":
		m.MacAlgorithms = []string{"HMAC_SHA_" + strings.TrimPrefix(k.Spec, "HMAC_")}
	case k.Usage == "KEY_AGREEMENT":
		m.KeyAgreementAlgorithms = []string{"ECDH"}
	case family == "RSA" && k.Usage == usageEncrypt:
		m.EncryptionAlgorithms = []string{"RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"}
	case family == "RSA":
		m.SigningAlgorithms = []string{
			"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
			"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
		}
	case k.Spec == "ECC_NIST_P384":
		m.SigningAlgorithms = []string{"ECDSA_SHA_384"}
	case k.Spec == "ECC_NIST_P521":
		m.SigningAlgorithms = []string{"ECDSA_SHA_512"}
	default:
		m.SigningAlgorithms = []string{"ECDSA_SHA_256"}
	}
}
