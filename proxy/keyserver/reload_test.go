package keyserver_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/proxytest"
)

// An identity that is added to the file may call, without a signal; a file that can't be read changes nothing.
func TestIdentitiesAreReadAgainWhenTheFileChanges(t *testing.T) {
	text := proxytest.KeyServerConfig(t, "", "reload_every: 20ms\n")
	p := proxytest.StartKeyServer(t, text)
	another := kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String(p.Env["SEALFRONT_KMS_ENDPOINT"]), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIAANOTHER", "secret", ""),
	})
	list := func() string {
		_, err := another.ListKeys(t.Context(), &kms.ListKeysInput{})
		return code(err)
	}
	if got := list(); got != "UnrecognizedClientException" {
		t.Fatal(got)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(p.ConfigFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Replace(text, "identities:\n", "identities:\n  - {name: another, access_key: AKIAANOTHER, secret_key: "+
		"secret, policy: [{effect: Allow, action: 'kms:*', resource: '*'}]}\n", 1))
	proxytest.Eventually(t, "the new identity may call", func() bool { return list() == "" })
	write("identities: [")
	proxytest.Eventually(t, "the file is refused", func() bool {
		return strings.Contains(p.Stderr.String(), "the configuration was refused")
	})
	if got := list(); got != "" {
		t.Errorf("after a file that can't be read: %q", got)
	}
	write(text)
	proxytest.Eventually(t, "the identity is gone", func() bool { return list() == "UnrecognizedClientException" })
}
