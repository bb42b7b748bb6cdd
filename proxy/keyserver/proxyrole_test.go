package keyserver_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/proxytest"
)

// A proxy calls the key service by a role, with the token of its pod and no secret: AWS's variables are all that it
// has.
func TestAProxyHoldsNoSecretForTheKeyService(t *testing.T) {
	t.Parallel()
	i := proxytest.NewIssuer(t)
	token := filepath.Join(t.TempDir(), "token")
	i.WriteToken(token, i.Token("system:serviceaccount:prod:sealfront", "sealfront-kms", nil))
	service := proxytest.StartKeyServer(t, proxytest.KeyServerConfig(t, "", fmt.Sprintf(`
issuers: [{url: %q}]
roles:
- name: sealfront
  trust:
  - issuer: %q
    audience: sealfront-kms
    condition: {StringEquals: {"%s:sub": "system:serviceaccount:prod:sealfront"}}
  policy: [{effect: Allow, action: ["kms:GenerateDataKey", "kms:Decrypt", "kms:DescribeKey"], resource: "*"}]
`, i.URL, i.URL, strings.TrimPrefix(i.URL, "http://"))))
	endpoint := service.Env["SEALFRONT_KMS_ENDPOINT"]
	made, err := kmsClient(endpoint).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	key := *made.KeyMetadata.Arn
	p := proxytest.StartWith(t, fmt.Sprintf(`
listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
store: {kind: embedded}
data: %s
kms: {kind: aws, endpoint: %q, service_key: %q}
`, t.TempDir(), endpoint, key), proxytest.As(proxytest.Processes), proxytest.Environment(
		"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=/dev/null",
		"AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_REGION="+region, "AWS_ENDPOINT_URL_STS="+endpoint,
		"AWS_ROLE_ARN="+roleARN("sealfront"), "AWS_WEB_IDENTITY_TOKEN_FILE="+token, "AWS_ROLE_SESSION_NAME=pod-1"))
	b := proxytest.NewKMSBucket(p, "role--local-az1--x-s3", key)
	b.Must(&proxytest.Request{Method: "PUT", Path: b.Path("object"), Body: "body"})
	p.DropKeys("")
	if a := p.Do(&proxytest.Request{Method: "GET", Path: b.Path("object")}); a.StatusCode != http.StatusOK ||
		a.Text != "body" {
		t.Errorf("%d %s", a.StatusCode, a.Text)
	}
}
