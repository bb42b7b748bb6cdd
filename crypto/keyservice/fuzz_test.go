package keyservice_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"sealfront/crypto/keyservice"
)

func decoded(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// FuzzDecrypt asserts that what opens is what was sealed: the same blob, with the same context.
func FuzzDecrypt(f *testing.F) {
	url := serve(f, open(f, options(f.TempDir())))
	id, _ := made(f, url, `{}`)
	_, failure, answer := call(f, url, "Encrypt", `{"KeyId":"`+id+
		`","Plaintext":"c2VjcmV0","EncryptionContext":{"a":"b"}}`)
	if failure != "" {
		f.Fatal(failure)
	}
	sealed := decoded(f, answer["CiphertextBlob"].(string))
	f.Add(sealed, "a", "b")
	f.Add(sealed, "ab", "")
	f.Add(sealed[:53], "a", "b")
	f.Add([]byte{1}, "", "")
	f.Fuzz(func(t *testing.T, blob []byte, name, value string) {
		in, err := json.Marshal(map[string]any{
			"CiphertextBlob": blob, "EncryptionContext": map[string]string{name: value},
		})
		if err != nil {
			t.Fatal(err)
		}
		status, failure, answer := call(t, url, "Decrypt", string(in))
		same := string(blob) == string(sealed) && name == "a" && value == "b"
		if (failure == "") != same || failure != "" && (status != 400 || answer["Plaintext"] != nil) {
			t.Errorf("%d %q %v", status, failure, answer)
		}
		if same && string(decoded(t, answer["Plaintext"].(string))) != "secret" {
			t.Errorf("opened as %v", answer)
		}
	})
}

// What is understood is one JSON object whose Deny wins over all else.
func FuzzKeyPolicy(f *testing.F) {
	f.Add(policyText(`"*"`, "kms:*", ""), "GenerateDataKey", "value")
	f.Add(policyText(`{"AWS":["123456789012"]}`, "kms:Gen?rate*",
		`,"Condition":{"StringLike":{"kms:EncryptionContext:name":["v*","w"]}}`), "Decrypt", "value")
	f.Add(`{"Statement":{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*"}}`, "Decrypt", "")
	f.Fuzz(func(t *testing.T, text, action, value string) {
		const caller = "arn:aws:iam::123456789012:user/me"
		context := map[string]string{"name": value}
		allowed, understood := keyservice.PolicyAllows(text, caller, action, context)
		if allowed && !understood {
			t.Fatal("allowed without being understood")
		}
		if !understood {
			return
		}
		var document map[string]any
		if err := json.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("understood, but no JSON: %v", err)
		}
		list, ok := document["Statement"].([]any)
		if !ok {
			list = []any{document["Statement"]}
		}
		document["Statement"] = append(list, map[string]any{
			"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
		})
		denied, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		if len(denied) > 32<<10 {
			return
		}
		if allowed, understood := keyservice.PolicyAllows(string(denied), caller, action, context); allowed ||
			!understood {
			t.Errorf("with a Deny of everything: allowed %v, understood %v: %s", allowed, understood, denied)
		}
	})
}
