package keyservice_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a key sealed before a rotation opens after it, also in a service that reads the file anew. What it seals then
// doesn't open with the material it had.
func TestRotatedKeysOpenWhatTheySealedBefore(t *testing.T) {
	rotatedKeysOpenWhatTheySealedBefore(t, embedded)
}

func rotatedKeysOpenWhatTheySealedBefore(t *testing.T, p place) {
	o := p.options(t)
	service := open(t, o)
	url := serve(t, service)
	id, arn := made(t, url, `{}`)
	other, _ := made(t, url, `{}`)
	var blobs, plaintexts []string
	generate := func() {
		t.Helper()
		_, failure, answer := call(t, url, "GenerateDataKey", `{"KeyId":"`+id+
			`","KeySpec":"AES_256","EncryptionContext":{"a":"b"}}`)
		if failure != "" {
			t.Fatal(answer)
		}
		blobs, plaintexts = append(blobs, answer["CiphertextBlob"].(string)),
			append(plaintexts, answer["Plaintext"].(string))
	}
	generate()
	service.WaitForNotes() // they are written beside what is copied
	before := o
	if m, ok := o.Records.(*memory); ok {
		before.Records = m.copy()
	} else {
		before.Dir = t.TempDir()
		if err := os.CopyFS(before.Dir, os.DirFS(o.Dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(before.Dir, "root.key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if _, failure, answer := call(t, url, "RotateKeyOnDemand", `{"KeyId":"`+id+`"}`); failure != "" ||
			answer["KeyId"] != arn {
			t.Fatal(answer)
		}
		generate()
	}
	old := serve(t, open(t, before))
	for i, blob := range blobs {
		want := ""
		if i > 0 {
			want = "InvalidCiphertextException"
		}
		if _, failure, _ := call(t, old, "Decrypt", `{"CiphertextBlob":"`+blob+
			`","EncryptionContext":{"a":"b"}}`); failure != want {
			t.Errorf("blob made after %d rotations, with the earlier material: %q", i, failure)
		}
	}
	again := serve(t, open(t, o))
	for i, blob := range blobs {
		for _, service := range []string{url, again} {
			_, failure, answer := call(t, service, "Decrypt", `{"KeyId":"`+arn+`","CiphertextBlob":"`+blob+
				`","EncryptionContext":{"a":"b"}}`)
			if failure != "" || answer["Plaintext"] != plaintexts[i] {
				t.Errorf("blob of after %d rotations: %v", i, answer)
			}
		}
		if _, failure, _ := call(t, url, "Decrypt", `{"CiphertextBlob":"`+blob+
			`","EncryptionContext":{"a":"c"}}`); failure != "InvalidCiphertextException" {
			t.Errorf("another context after %d rotations: %s", i, failure)
		}
		if _, failure, _ := call(t, url, "Decrypt", `{"KeyId":"`+other+`","CiphertextBlob":"`+blob+
			`","EncryptionContext":{"a":"b"}}`); failure != "IncorrectKeyException" {
			t.Errorf("another key after %d rotations: %s", i, failure)
		}
	}
}

func TestKeysThatDoNotRotate(t *testing.T) { keysThatDoNotRotate(t, embedded) }

func keysThatDoNotRotate(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	rotate := func(id string) string {
		t.Helper()
		_, failure, _ := call(t, url, "RotateKeyOnDemand", `{"KeyId":"`+id+`"}`)
		return failure
	}
	symmetric, _ := made(t, url, `{}`)
	for n := range 25 {
		if failure := rotate(symmetric); failure != "" {
			t.Fatalf("rotation %d: %s", n+1, failure)
		}
	}
	disabled, _ := made(t, url, `{}`)
	deleted, _ := made(t, url, `{}`)
	rsa, _ := made(t, url, `{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`)
	imported, _ := made(t, url, `{"Origin":"EXTERNAL"}`)
	managed := describe(t, url, "alias/aws/s3")["KeyId"].(string)
	call(t, url, "DisableKey", `{"KeyId":"`+disabled+`"}`)
	call(t, url, "ScheduleKeyDeletion", `{"KeyId":"`+deleted+`"}`)
	for id, want := range map[string]string{
		symmetric: "LimitExceededException", disabled: "DisabledException", deleted: "KMSInvalidStateException",
		rsa: "UnsupportedOperationException", imported: "KMSInvalidStateException",
		managed:        "AccessDeniedException",
		"alias/aws/s3": "NotFoundException", strings.Repeat("0", 8): "NotFoundException",
	} {
		if failure := rotate(id); failure != want {
			t.Errorf("%s: %q, want %s", id, failure, want)
		}
	}
}
