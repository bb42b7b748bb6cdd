package keyservice_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// call sends one action as raw JSON, signed, and returns the status, the name of the error and the answer.
func call(t testing.TB, url, action, body string) (status int, failure string, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService."+action)
	sum := sha256.Sum256([]byte(body))
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, r,
		hex.EncodeToString(sum[:]), "kms", region, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return send(t, r)
}

func send(t testing.TB, r *http.Request) (int, string, map[string]any) {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	failure, _ := answer["__type"].(string)
	if resp.Header.Get("X-Amzn-Errortype") != failure ||
		resp.Header.Get("Content-Type") != "application/x-amz-json-1.1" || (resp.StatusCode == 200) != (failure == "") {
		t.Errorf("%d %v of %q", resp.StatusCode, resp.Header, text)
	}
	return resp.StatusCode, failure, answer
}

func made(t testing.TB, url, body string) (id, arn string) {
	t.Helper()
	_, failure, answer := call(t, url, "CreateKey", body)
	if failure != "" {
		t.Fatalf("CreateKey %s: %v", body, answer)
	}
	m := answer["KeyMetadata"].(map[string]any)
	return m["KeyId"].(string), m["Arn"].(string)
}

func TestActions(t *testing.T) { actions(t, embedded) }

func actions(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	id, arn := made(t, url, `{}`)
	rsa, _ := made(t, url, `{"KeySpec":"RSA_2048","KeyUsage":"ENCRYPT_DECRYPT"}`)
	signing, _ := made(t, url, `{"KeySpec":"ECC_NIST_P256","KeyUsage":"SIGN_VERIFY"}`)
	hmac, _ := made(t, url, `{"CustomerMasterKeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"}`)
	multi, _ := made(t, url, `{"MultiRegion":true}`)
	if !strings.HasPrefix(multi, "mrk-") || len(multi) != 36 {
		t.Errorf("a multi-Region key has the id %s", multi)
	}
	if _, failure, _ := call(t, url, "CreateAlias", `{"AliasName":"alias/mine","TargetKeyId":"`+id+
		`"}`); failure != "" {
		t.Fatal(failure)
	}
	words := strings.NewReplacer("$ID", id, "$ARN", arn, "$RSA", rsa, "$SIGNING", signing, "$HMAC", hmac,
		"$MULTI", multi,
		"$NONE", "00000000-0000-4000-8000-000000000000", "$FAR", strings.Replace(arn, region, "eu-west-1", 1),
		"$FOREIGN", strings.Replace(arn, account, "210987654321", 1), "$BIG",
		base64.StdEncoding.EncodeToString(make([]byte, 4097)),
		"$LONG", strings.Repeat("x", 8192))
	for _, c := range []struct{ action, body, want string }{
		{"DescribeKey", `{"KeyId":"$MULTI"}`, ""},
		{"GenerateDataKey", `{"KeyId":"$MULTI","KeySpec":"AES_128"}`, ""},
		{"GenerateDataKey", `{"KeyId":"$ID","NumberOfBytes":1024}`, ""},
		{"GenerateDataKey", `{"KeyId":"$ID","NumberOfBytes":1025}`, "ValidationException"},
		{"GenerateDataKey", `{"KeyId":"$ID","NumberOfBytes":0}`, "ValidationException"},
		{"GenerateDataKey", `{"KeyId":"$ID"}`, "ValidationException"},
		{"GenerateDataKey", `{"KeyId":"$ID","KeySpec":"AES_256","NumberOfBytes":32}`, "ValidationException"},
		{"GenerateDataKey", `{"KeyId":"$ID","KeySpec":"AES_512"}`, "ValidationException"},
		{"GenerateDataKey", `{"KeySpec":"AES_256"}`, "ValidationException"},
		{"GenerateDataKey", `{"KeyId":"$ID","KeySpec":"AES_256","DryRun":true}`, "DryRunOperationException"},
		{"GenerateDataKey", `{"KeyId":"$ID","KeySpec":"AES_256","Recipient":{}}`, "UnsupportedOperationException"},
		{
			"GenerateDataKey", `{"KeyId":"$ID","KeySpec":"AES_256","EncryptionContext":{"a":"$LONG"}}`,
			"ValidationException",
		},
		{
			"GenerateDataKey", `{"KeyId":"$ID","KeySpec":"AES_256","EncryptionContext":{"a":1}}`,
			"SerializationException",
		},
		{"GenerateDataKey", `{"KeyId":"$RSA","KeySpec":"AES_256"}`, "InvalidKeyUsageException"},
		{"GenerateDataKey", `{"KeyId":"$SIGNING","KeySpec":"AES_256"}`, "InvalidKeyUsageException"},
		{"GenerateDataKeyWithoutPlaintext", `{"KeyId":"$HMAC","KeySpec":"AES_256"}`, "InvalidKeyUsageException"},
		{"Encrypt", `{"KeyId":"$RSA","Plaintext":"AAAA"}`, "UnsupportedOperationException"},
		{"Encrypt", `{"KeyId":"$SIGNING","Plaintext":"AAAA"}`, "InvalidKeyUsageException"},
		{"Encrypt", `{"KeyId":"$ID","Plaintext":""}`, "ValidationException"},
		{"Encrypt", `{"KeyId":"$ID","Plaintext":"$BIG"}`, "ValidationException"},
		{"Encrypt", `{"KeyId":"$ID","Plaintext":"no base64"}`, "SerializationException"},
		{
			"Encrypt", `{"KeyId":"$ID","Plaintext":"AAAA","EncryptionAlgorithm":"RSAES_OAEP_SHA_256"}`,
			"InvalidKeyUsageException",
		},
		{"Encrypt", `{"KeyId":"$ID","Plaintext":"AAAA","EncryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, ""},
		{"Decrypt", `{"CiphertextBlob":"AAAA"}`, "InvalidCiphertextException"},
		{"Decrypt", `{"KeyId":"$ID","CiphertextBlob":"AAAA"}`, "InvalidCiphertextException"},
		{"Decrypt", `{"KeyId":"$ID"}`, "ValidationException"},
		{"Decrypt", `{"KeyId":"$NONE","CiphertextBlob":"AAAA"}`, "NotFoundException"},
		{"DescribeKey", `{"KeyId":"$NONE"}`, "NotFoundException"},
		{"DescribeKey", `{"KeyId":"$FAR"}`, "NotFoundException"},
		{"DescribeKey", `{"KeyId":"$FOREIGN"}`, "NotFoundException"},
		{"DescribeKey", `{"KeyId":"alias/none"}`, "NotFoundException"},
		{"DescribeKey", `{"KeyId":"key/$ID"}`, "NotFoundException"},
		{"DescribeKey", `{"KeyId":"arn:aws:s3:::x"}`, "InvalidArnException"},
		{"DescribeKey", `{}`, "ValidationException"},
		{"DescribeKey", `[]`, "SerializationException"},
		{"DescribeKey", `{"KeyId":`, "SerializationException"},
		{"DisableKey", `{"KeyId":"alias/mine"}`, "NotFoundException"},
		{"DisableKey", `{"KeyId":"$RSA"}`, ""},
		{"ScheduleKeyDeletion", `{"KeyId":"$SIGNING","PendingWindowInDays":31}`, "ValidationException"},
		{"ScheduleKeyDeletion", `{"KeyId":"$SIGNING"}`, ""},
		{"CreateAlias", `{"AliasName":"alias/x","TargetKeyId":"$SIGNING"}`, "KMSInvalidStateException"},
		{"CreateAlias", `{"AliasName":"alias/mine","TargetKeyId":"$ID"}`, "AlreadyExistsException"},
		{"CreateAlias", `{"AliasName":"mine","TargetKeyId":"$ID"}`, "InvalidAliasNameException"},
		{"CreateAlias", `{"AliasName":"alias/aws/s3","TargetKeyId":"$ID"}`, "InvalidAliasNameException"},
		{"CreateAlias", `{"AliasName":"alias/y","TargetKeyId":"$NONE"}`, "NotFoundException"},
		{"CreateAlias", `{"AliasName":"alias/y","TargetKeyId":"alias/mine"}`, "NotFoundException"},
		{"CreateKey", `{"KeySpec":"RSA_2048"}`, "ValidationException"},
		{"CreateKey", `{"KeySpec":"RSA_2048","KeyUsage":"GENERATE_VERIFY_MAC"}`, "ValidationException"},
		{"CreateKey", `{"KeySpec":"DES"}`, "ValidationException"},
		{
			"CreateKey", `{"Origin":"EXTERNAL","KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`,
			"UnsupportedOperationException",
		},
		{"CreateKey", `{"Origin":"AWS_CLOUDHSM"}`, "UnsupportedOperationException"},
		{"CreateKey", `{"Policy":"{}"}`, "MalformedPolicyDocumentException"},
		{"CreateKey", `{"Description":"$LONG!"}`, "ValidationException"},
		{"ListKeys", `{"Limit":0}`, "ValidationException"},
		{"ListAliases", `{"Limit":101}`, "ValidationException"},
		{"ListAliases", `{"KeyId":"$NONE"}`, "NotFoundException"},
		{"ReplicateKey", `{}`, "UnknownOperationException"},
		{"", `{}`, "UnknownOperationException"},
	} {
		status, failure, answer := call(t, url, c.action, words.Replace(c.body))
		if failure != c.want || failure != "" && status != 400 {
			t.Errorf("%s %.80s: got %d %q (%v), want %q", c.action, c.body, status, failure, answer, c.want)
		}
	}
	for body, want := range map[string]string{
		`{"KeyId":"$NONE"}`:      "Invalid keyId '$NONE'",
		`{"KeyId":"$FAR"}`:       "Invalid arn eu-west-1",
		`{"KeyId":"$FOREIGN"}`:   "Key '$FOREIGN' does not exist",
		`{"KeyId":"alias/none"}`: "Alias alias/none is not found.",
	} {
		if _, _, answer := call(t, url, "DescribeKey", words.Replace(body)); answer["message"] != words.Replace(want) {
			t.Errorf("%s: %v", body, answer)
		}
	}
	for body, want := range map[string]string{
		`{"KeyId":"$RSA"}`: "$RSA is disabled", `{"KeyId":"$SIGNING"}`: "$SIGNING is pending deletion",
	} {
		_, _, answer := call(t, url, "DescribeKey", words.Replace(body))
		m := answer["KeyMetadata"].(map[string]any)
		if state := m["KeyState"].(string); !strings.Contains(strings.ToLower(want),
			strings.ToLower(strings.TrimPrefix(state, "Pending"))) {
			t.Errorf("%s: %v", want, m)
		}
	}
}

// What is true of a blob: it belongs to one key and one context, and to no other.
func TestBlobsAreBound(t *testing.T) { blobsAreBound(t, embedded) }

func blobsAreBound(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	id, arn := made(t, url, `{}`)
	other, _ := made(t, url, `{}`)
	seal := func(context string) string {
		_, failure, answer := call(t, url, "Encrypt", `{"KeyId":"`+id+`","Plaintext":"c2VjcmV0","EncryptionContext":`+
			context+`}`)
		if failure != "" {
			t.Fatal(failure)
		}
		return answer["CiphertextBlob"].(string)
	}
	opened := func(key, blob, context string) string {
		if key != "" {
			key = `"KeyId":"` + key + `",`
		}
		_, failure, answer := call(t, url, "Decrypt", `{`+key+`"CiphertextBlob":"`+blob+
			`","EncryptionContext":`+context+`}`)
		if failure == "" && (answer["Plaintext"] != "c2VjcmV0" || answer["KeyId"] != arn) {
			t.Errorf("opened as %v", answer)
		}
		return failure
	}
	const context = `{"a":"bc","d":"e"}`
	blob := seal(context)
	for _, c := range []struct{ name, key, context, want string }{
		{"its key and context", id, context, ""},
		{"its key by itself", "", context, ""},
		{"pairs in another order", id, `{"d":"e","a":"bc"}`, ""},
		{"another key", other, context, "IncorrectKeyException"},
		{"no context", id, `{}`, "InvalidCiphertextException"},
		{"a pair less", id, `{"a":"bc"}`, "InvalidCiphertextException"},
		{"a pair more", id, `{"a":"bc","d":"e","f":"g"}`, "InvalidCiphertextException"},
		{"another value", id, `{"a":"bc","d":"f"}`, "InvalidCiphertextException"},
		{"other letters", id, `{"A":"bc","d":"e"}`, "InvalidCiphertextException"},
		{"a boundary moved", id, `{"ab":"c","d":"e"}`, "InvalidCiphertextException"},
	} {
		if got := opened(c.key, blob, c.context); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
	raw, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := base64.StdEncoding.DecodeString(seal(context)); bytes.Equal(again, raw) {
		t.Error("two blobs of one plaintext are equal")
	}
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		if got := opened("", base64.StdEncoding.EncodeToString(changed),
			context); got != "InvalidCiphertextException" && got != "AccessDeniedException" {
			t.Errorf("byte %d changed: %q", i, got)
		}
	}
	for _, cut := range [][]byte{raw[:len(raw)-1], raw[:53], raw[:1], append(bytes.Clone(raw), 0)} {
		if got := opened(id, base64.StdEncoding.EncodeToString(cut), context); got != "InvalidCiphertextException" {
			t.Errorf("%d bytes: %q", len(cut), got)
		}
	}
}

func TestTheSignatureCoversTheBody(t *testing.T) {
	url := serve(t, open(t, options(t.TempDir())))
	signed := func(hash string, at time.Time, service string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"Limit":5}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Amz-Target", "TrentService.ListKeys")
		if strings.Contains(hash, "UNSIGNED") {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{
			AccessKeyID: accessKey, SecretAccessKey: secretKey,
		}, r, hash, service, region, at); err != nil {
			t.Fatal(err)
		}
		return r
	}
	sum := sha256.Sum256([]byte(`{"Limit":5}`))
	right := hex.EncodeToString(sum[:])
	unsigned := signed(right, time.Now(), "kms")
	unsigned.Header.Del("Authorization")
	altered := signed(right, time.Now(), "kms")
	altered.Header.Set("X-Amz-Target", "TrentService.ListAliases")
	for _, c := range []struct {
		name string
		r    *http.Request
		want string
	}{
		{"rightly signed", signed(right, time.Now(), "kms"), ""},
		{"signed over another body", signed(strings.Repeat("0", 64), time.Now(), "kms"), "InvalidSignatureException"},
		{"with an unsigned body", signed("UNSIGNED-PAYLOAD", time.Now(), "kms"), "InvalidSignatureException"},
		{"with another action than signed", altered, "InvalidSignatureException"},
		{"signed an hour ago", signed(right, time.Now().Add(-time.Hour), "kms"), "InvalidSignatureException"},
		{"signed for another service", signed(right, time.Now(), "s3"), "IncompleteSignatureException"},
		{"not signed", unsigned, "MissingAuthenticationTokenException"},
	} {
		if _, failure, answer := send(t, c.r); failure != c.want {
			t.Errorf("%s: got %q (%v), want %q", c.name, failure, answer, c.want)
		}
	}
	status, failure, _ := call(t, url, "Encrypt", `{"x":"`+strings.Repeat("x", 300<<10)+`"}`)
	if status != 400 || failure != "SerializationException" {
		t.Errorf("a body without end: %d %s", status, failure)
	}
}
