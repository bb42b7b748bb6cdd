package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/sigv4"
)

// storeMetadata returns the user metadata that the embedded store keeps of an object: one attribute, as JSON.
func storeMetadata(t *testing.T, file string) (attribute []byte, metadata map[string]string) {
	t.Helper()
	attribute = attributes(t, file)["user.metadata"]
	if attribute == nil {
		t.Skip("the embedded store keeps no extended attributes on the file system of temporary directories")
	}
	if err := json.Unmarshal(attribute, &metadata); err != nil {
		t.Fatalf("%s: %v", attribute, err)
	}
	return attribute, metadata
}

// A reader that knows FORMAT.md, the store's files and a KMS, but nothing of the program, opens whatever the program has
// stored: every way in which an object comes to be.
func TestTheNaiveReaderOpensWhatIsStored(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		missingPython(t, "python3 is not installed")
	}
	if err := exec.Command(python, "-c", "import cryptography").Run(); err != nil {
		missingPython(t, "python3 has no package cryptography")
	}
	reader, err := filepath.Abs("../crypto/testdata/naive_reader.py")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := startEmbedded(t, dir)
	client := p.client(t)
	directory, general := p.env["SEALFRONT_BUCKET"], makeBucket(t, client, "general")
	key := p.kms("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	kms := []sigv4.Field{
		field("X-Amz-Server-Side-Encryption", "aws:kms"), field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", key),
		field("X-Amz-Server-Side-Encryption-Context", base64.StdEncoding.EncodeToString([]byte(`{"department":"10","a":"ä"}`))),
	}
	ok := func(a *answer) {
		t.Helper()
		if a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.body)
		}
	}
	stored := 0
	for bucket, numbers := range map[string][]int32{directory: {1, 2}, general: {7, 9000}} {
		for _, n := range []int{0, 1, 65535, 65536, 65537, 5*mib + 1} {
			ok(p.do(&rawRequest{method: "PUT", path: fmt.Sprintf("/%s/put-%d", bucket, n), body: string(randomBytes(n))}))
		}
		ok(p.do(&rawRequest{method: "PUT", path: "/" + bucket + "/folder/%C3%A4%20b%2Bc", body: "in a folder, by another name"}))
		p.fullUpload(client, bucket, "one-part", randomBytes(100))
		p.fullUpload(client, bucket, "parts", randomBytes(5*mib), randomBytes(5*mib+70_000), randomBytes(3))
		u := newUploaderOf(t, client, bucket, "empty-end", "FULL_OBJECT") // whose numbers may have gaps
		u.part(numbers[0], randomBytes(5*mib+1))
		u.part(numbers[1], nil)
		if _, err := u.complete(numbers...); err != nil {
			t.Fatal(err)
		}
		p.mustCopy("/"+bucket+"/put-65537", bucket+"/copy")
		p.mustCopy("/"+bucket+"/parts", bucket+"/copy-of-parts")
		p.mustCopy("/"+bucket+"/parts", bucket+"/copy-with-sum", field("X-Amz-Checksum-Algorithm", "SHA256"))
		stored += 13
	}
	p.mustCopy("/"+directory+"/parts", general+"/copy-from-directory")
	p.mustCopy("/"+general+"/empty-end", directory+"/copy-from-general")
	p.mustCopy("/"+general+"/parts", general+"/copy-under-another-key", kms...)
	ok(p.do(&rawRequest{method: "PUT", path: "/" + general + "/with-context", body: string(randomBytes(100_000)), header: kms}))
	ok(p.do(&rawRequest{method: "PUT", path: "/" + general + "/with-bucket-key", body: "x", header: append(kms, field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true"))}))
	ok(p.do(&rawRequest{method: "PUT", path: "/" + directory + "/appended", body: string(randomBytes(70_000))}))
	ok(p.appendTo(directory, "appended", 70_000, "and more"))
	p.fullUpload(client, directory, "appended-to-parts", randomBytes(5*mib), randomBytes(100))
	ok(p.appendTo(directory, "appended-to-parts", 5*mib+100, string(randomBytes(6*mib))))
	ok(p.do(&rawRequest{method: "PUT", path: "/" + directory + "/before", body: "renamed"}))
	ok(p.rename(directory, "before", "after"))
	stored += 8

	opened := 0
	for _, bucket := range []string{directory, general} {
		root := storedFile(dir, bucket, "")
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, file)
			if err != nil || !d.Type().IsRegular() || strings.HasPrefix(name, ".") {
				return err
			}
			_, metadata := storeMetadata(t, file)
			envelope, err := crypto.ParseEnvelopeText([]byte(metadata["sealfront"]))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			arn, context := "arn:aws:s3:::"+bucket, map[string]string{}
			if bucket == directory {
				account := strings.Split(key, ":")[4]
				arn = "arn:aws:s3express:us-west-2:" + account + ":bucket/" + bucket
				context["aws:s3express:arn"] = arn
			} else {
				context["aws:s3:arn"] = arn
			}
			for _, pair := range envelope.Context {
				context[pair.Name] = pair.Value
			}
			bucketKey, err := base64.StdEncoding.DecodeString(p.kms("Decrypt", map[string]any{
				"KeyId": envelope.KeyARN, "CiphertextBlob": envelope.Blob, "EncryptionContext": context,
			})["Plaintext"].(string))
			if err != nil {
				return err
			}
			var plain, fault bytes.Buffer
			cmd := exec.CommandContext(t.Context(), python, reader, "open", hex.EncodeToString(bucketKey), arn, name, metadata["sealfront"], file)
			cmd.Stdout, cmd.Stderr = &plain, &fault
			if err := cmd.Run(); err != nil {
				t.Errorf("%s/%s: %v %s", bucket, name, err, &fault)
				return nil
			}
			a := p.do(&rawRequest{method: "GET", path: "/" + bucket + "/" + strings.ReplaceAll(url.PathEscape(name), "%2F", "/")})
			if a.StatusCode != 200 || a.bodyErr != nil || a.body != plain.String() {
				t.Errorf("%s/%s: the reader gives %d bytes, the program %d (%d)", bucket, name, plain.Len(), len(a.body), a.StatusCode)
			}
			opened++
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if opened != stored {
		t.Errorf("%d objects were opened, %d stored", opened, stored)
	}
}
