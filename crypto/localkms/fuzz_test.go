package localkms_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"
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
	_, failure, answer := call(f, url, "Encrypt", `{"KeyId":"`+id+`","Plaintext":"c2VjcmV0","EncryptionContext":{"a":"b"}}`)
	if failure != "" {
		f.Fatal(failure)
	}
	sealed := decoded(f, answer["CiphertextBlob"].(string))
	f.Add(sealed, "a", "b")
	f.Add(sealed, "ab", "")
	f.Add(sealed[:53], "a", "b")
	f.Add([]byte{1}, "", "")
	f.Fuzz(func(t *testing.T, blob []byte, name, value string) {
		in, err := json.Marshal(map[string]any{"CiphertextBlob": blob, "EncryptionContext": map[string]string{name: value}})
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
