package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/sigv4"
)

// General purpose buckets take a KMS key by its alias; what is stored and shown is the key's ARN.
func TestAnAliasNamesTheKeyOfAGeneralPurposeObject(t *testing.T) {
	p := startEmbedded(t, t.TempDir())
	client := p.client(t)
	general := makeBucket(t, client, "general")
	keys := kms.New(kms.Options{
		Region: p.env["AWS_REGION"], BaseEndpoint: aws.String(p.env["SEALFRONT_KMS_ENDPOINT"]),
		Credentials: credentials.NewStaticCredentialsProvider(p.env["AWS_ACCESS_KEY_ID"], p.env["AWS_SECRET_ACCESS_KEY"], ""),
	})
	arn := p.env["SEALFRONT_KMS_KEY"]
	if _, err := keys.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/mine"), TargetKeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	header := func(key string) []sigv4.Field {
		return []sigv4.Field{field("X-Amz-Server-Side-Encryption", "aws:kms"), field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", key)}
	}
	account := strings.Join(strings.Split(arn, ":")[:5], ":")
	for what, key := range map[string]string{"name": "alias/mine", "arn": account + ":alias/mine"} {
		a := p.put(general, what, "body", header(key)...)
		b := p.mustCopy(general+"/"+what, general+"/copy", header(key)...)
		for _, got := range []*answer{a, b, p.headOf(general, what), p.headOf(general, "copy")} {
			if got.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id") != arn {
				t.Errorf("%s: the key is %q, want %s", key, got.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"), arn)
			}
		}
		mustRead(t, client, general, "copy", []byte("body"))
	}
	absent := p.do(&rawRequest{method: "PUT", path: "/" + general + "/absent", body: "body", header: header("alias/absent")})
	if absent.StatusCode != 400 || absent.code() != "KMS.NotFoundException" {
		t.Errorf("an alias of nothing: %d %s", absent.StatusCode, absent.body)
	}
	p.mustNotExist(general, "absent")
	// H-15: a directory bucket takes none, even if it points to its key.
	if a := p.do(&rawRequest{method: "PUT", path: "/" + p.env["SEALFRONT_BUCKET"] + "/absent", body: "body", header: header("alias/mine")}); a.StatusCode != 400 || a.code() != "InvalidArgument" {
		t.Errorf("a directory bucket: %d %s", a.StatusCode, a.body)
	}
}
