package gateway_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// General purpose buckets take a KMS key by its alias; what is stored and shown is the key's ARN.
func TestAnAliasNamesTheKeyOfAGeneralPurposeObject(t *testing.T) {
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	client := p.Client(t)
	general := proxytest.MakeBucket(t, client, "general")
	keys := kms.New(kms.Options{
		Region: p.Env["AWS_REGION"], BaseEndpoint: aws.String(p.Env["SEALFRONT_KMS_ENDPOINT"]),
		Credentials: credentials.NewStaticCredentialsProvider(p.Env["AWS_ACCESS_KEY_ID"],
			p.Env["AWS_SECRET_ACCESS_KEY"], ""),
	})
	arn := p.Env["SEALFRONT_KMS_KEY"]
	if _, err := keys.CreateAlias(t.Context(),
		&kms.CreateAliasInput{AliasName: aws.String("alias/mine"), TargetKeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	header := func(key string) []sigv4.Field {
		return []sigv4.Field{
			proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
			proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", key),
		}
	}
	account := strings.Join(strings.Split(arn, ":")[:5], ":")
	for what, key := range map[string]string{"name": "alias/mine", "arn": account + ":alias/mine"} {
		a := p.Put(general, what, "body", header(key)...)
		b := p.MustCopy(general+"/"+what, general+"/copy", header(key)...)
		for _, got := range []*proxytest.Answer{a, b, p.HeadOf(general, what), p.HeadOf(general, "copy")} {
			if got.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != arn {
				t.Errorf("%s: the key is %q, want %s", key,
					got.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"), arn)
			}
		}
		proxytest.MustRead(t, client, general, "copy", []byte("body"))
	}
	absent := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + general + "/absent", Body: "body",
		Header: header("alias/absent"),
	})
	if absent.StatusCode != 400 || absent.Code() != "KMS.NotFoundException" {
		t.Errorf("an alias of nothing: %d %s", absent.StatusCode, absent.Text)
	}
	p.MustNotExist(general, "absent")
	// H-15: a directory bucket takes none, even if it points to its key.
	if a := p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + p.Env["SEALFRONT_BUCKET"] + "/absent", Body: "body",
		Header: header("alias/mine"),
	}); a.StatusCode != 400 || a.Code() != "InvalidArgument" {
		t.Errorf("a directory bucket: %d %s", a.StatusCode, a.Text)
	}
}
