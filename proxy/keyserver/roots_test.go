package keyserver_test

import (
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"go.uber.org/zap"

	"sealfront/crypto/keyroot/pkcs11"
	"sealfront/crypto/keyservice"
	"sealfront/proxy/config"
	"sealfront/proxy/keyserver"
)

// A KMS key is a root like another: what was wrapped opens after a restart, and records say which root they need.
func TestAKMSKeyIsARoot(t *testing.T) {
	outer, err := keyservice.New(keyservice.Options{
		Dir: t.TempDir(), Region: region, Account: "123456789012",
		Callers: keyservice.Anyone(func(id string) (string, bool) { return secretKey, id == accessKey }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = outer.Close() }) // it notes the last use of keys a little later
	arn, err := outer.CreateKey(t.Context(), "a root")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(outer)
	t.Cleanup(server.Close)
	c := overStore(t, "http://"+memory(t).Address(), "")
	c.Root, c.Roots = "aws", []config.Root{{Name: "aws", Kind: "awskms", AWSKMS: config.AWSKMSRoot{
		KeyARN: arn, Endpoint: server.URL, AccessKey: accessKey, SecretKey: secretKey,
	}}}
	first := start(t, c)
	key, err := first.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := first.Encrypt(t.Context(), &kms.EncryptInput{
		KeyId: key.KeyMetadata.KeyId, Plaintext: []byte("hello"),
	})
	if err != nil {
		t.Fatal(err)
	}
	again := start(t, c)
	opened, err := again.Decrypt(t.Context(), &kms.DecryptInput{
		KeyId: aws.String(*key.KeyMetadata.KeyId), CiphertextBlob: sealed.CiphertextBlob,
	})
	if err != nil || string(opened.Plaintext) != "hello" {
		t.Errorf("%+v, %v", opened, err)
	}
}

// Each fault of a root's settings is reported with its path.
func TestFaultsOfRoots(t *testing.T) {
	for name, c := range map[string]struct {
		root config.Root
		want string
	}{
		"no transit address": {
			config.Root{Kind: "transit", Transit: config.TransitRoot{Key: "k", Token: "t"}}, "roots[0].transit.address: ",
		},
		"a role without its id": {
			config.Root{Kind: "transit", Transit: config.TransitRoot{
				Address: "https://vault", Key: "k", AppRole: &config.AppRoleLogin{SecretID: "s"},
			}}, "roots[0].transit.approle.role_id: ",
		},
		"Kubernetes without a role": {
			config.Root{Kind: "transit", Transit: config.TransitRoot{
				Address: "https://vault", Key: "k", Kubernetes: &config.KubernetesLogin{},
			}}, "roots[0].transit.kubernetes.role: ",
		},
		"an alias": {
			config.Root{Kind: "awskms", AWSKMS: config.AWSKMSRoot{KeyARN: "alias/x"}}, "roots[0].awskms.key: ",
		},
		"no root file": {config.Root{Kind: "file", File: "none"}, "roots[0].file: none is missing"},
		"an HSM":       {config.Root{Kind: "pkcs11"}, "roots[0].pkcs11"},
	} {
		if name == "an HSM" && pkcs11.Built {
			c.want = "roots[0].pkcs11.module: "
		}
		k := overStore(t, "http://127.0.0.1:1", "")
		c.root.Name, k.Root, k.Roots = "r", "r", []config.Root{c.root}
		_, err := keyserver.Open(t.Context(), k, zap.NewNop())
		var faults config.Faults
		if !errors.As(err, &faults) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
