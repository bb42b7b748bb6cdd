package gateway_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

// A reader that knows FORMAT.md, the store's files and a KMS, but nothing of the program, opens whatever the program
// has stored: every way in which an object comes to be.
func TestTheNaiveReaderOpensWhatIsStored(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		proxytest.MissingPython(t, "python3 is not installed")
	}
	if err := exec.Command(python, "-c", "import cryptography").Run(); err != nil {
		proxytest.MissingPython(t, "python3 has no package cryptography")
	}
	reader, err := filepath.Abs("../../crypto/testdata/naive_reader.py")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client := p.Client(t)
	directory, general := p.Env["SEALFRONT_BUCKET"], proxytest.MakeBucket(t, client, "general")
	key := p.KMS("CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)["Arn"].(string)
	kms := []sigv4.Field{
		proxytest.Field("X-Amz-Server-Side-Encryption", "aws:kms"),
		proxytest.Field("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", key),
		proxytest.Field("X-Amz-Server-Side-Encryption-Context",
			base64.StdEncoding.EncodeToString([]byte(`{"department":"10","a":"ä"}`))),
	}
	ok := func(a *proxytest.Answer) {
		t.Helper()
		if a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	stored := 0
	for bucket, numbers := range map[string][]int32{directory: {1, 2}, general: {7, 9000}} {
		for _, n := range []int{0, 1, 65535, 65536, 65537, 5*proxytest.MiB + 1} {
			ok(p.Do(&proxytest.Request{
				Method: "PUT", Path: fmt.Sprintf("/%s/put-%d", bucket, n),
				Body: string(proxytest.RandomBytes(n)),
			}))
		}
		ok(p.Do(&proxytest.Request{
			Method: "PUT", Path: "/" + bucket + "/folder/%C3%A4%20b%2Bc",
			Body: "in a folder, by another name",
		}))
		p.FullUpload(client, bucket, "one-part", proxytest.RandomBytes(100))
		p.FullUpload(client, bucket, "parts", proxytest.RandomBytes(5*proxytest.MiB),
			proxytest.RandomBytes(5*proxytest.MiB+70_000), proxytest.RandomBytes(3))
		u := proxytest.NewUploaderOf(t, client, bucket, "empty-end", "FULL_OBJECT") // whose numbers may have gaps
		u.Part(numbers[0], proxytest.RandomBytes(5*proxytest.MiB+1))
		u.Part(numbers[1], nil)
		if _, err := u.Complete(numbers...); err != nil {
			t.Fatal(err)
		}
		p.MustCopy("/"+bucket+"/put-65537", bucket+"/copy")
		p.MustCopy("/"+bucket+"/parts", bucket+"/copy-of-parts")
		p.MustCopy("/"+bucket+"/parts", bucket+"/copy-with-sum", proxytest.Field("X-Amz-Checksum-Algorithm", "SHA256"))
		stored += 13
	}
	p.MustCopy("/"+directory+"/parts", general+"/copy-from-directory")
	p.MustCopy("/"+general+"/empty-end", directory+"/copy-from-general")
	p.MustCopy("/"+general+"/parts", general+"/copy-under-another-key", kms...)
	ok(p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + general + "/with-context",
		Body: string(proxytest.RandomBytes(100_000)), Header: kms,
	}))
	ok(p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + general + "/with-bucket-key", Body: "x",
		Header: append(kms, proxytest.Field("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")),
	}))
	ok(p.Do(&proxytest.Request{
		Method: "PUT", Path: "/" + directory + "/appended",
		Body: string(proxytest.RandomBytes(70_000)),
	}))
	ok(p.AppendTo(directory, "appended", 70_000, "and more"))
	p.FullUpload(client, directory, "appended-to-parts", proxytest.RandomBytes(5*proxytest.MiB),
		proxytest.RandomBytes(100))
	ok(p.AppendTo(directory, "appended-to-parts", 5*proxytest.MiB+100, string(proxytest.RandomBytes(6*proxytest.MiB))))
	ok(p.Do(&proxytest.Request{Method: "PUT", Path: "/" + directory + "/before", Body: "renamed"}))
	ok(p.Rename(directory, "before", "after"))
	stored += 8

	opened := 0
	for _, bucket := range []string{directory, general} {
		root := proxytest.StoredFile(dir, bucket, "")
		err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, file)
			if err != nil || !d.Type().IsRegular() || strings.HasPrefix(name, ".") {
				return err
			}
			_, metadata := proxytest.StoredMetadata(t, file)
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
			bucketKey, err := base64.StdEncoding.DecodeString(p.KMS("Decrypt", map[string]any{
				"KeyId": envelope.KeyARN, "CiphertextBlob": envelope.Blob, "EncryptionContext": context,
			})["Plaintext"].(string))
			if err != nil {
				return err
			}
			var plain, fault bytes.Buffer
			cmd := exec.CommandContext(t.Context(), python, reader, "open", hex.EncodeToString(bucketKey), arn, name,
				metadata["sealfront"], file)
			cmd.Stdout, cmd.Stderr = &plain, &fault
			if err := cmd.Run(); err != nil {
				t.Errorf("%s/%s: %v %s", bucket, name, err, &fault)
				return nil
			}
			a := p.Do(&proxytest.Request{
				Method: "GET",
				Path:   "/" + bucket + "/" + strings.ReplaceAll(url.PathEscape(name), "%2F", "/"),
			})
			if a.StatusCode != 200 || a.Err != nil || a.Text != plain.String() {
				t.Errorf("%s/%s: the reader gives %d bytes, the program %d (%d)", bucket, name, plain.Len(),
					len(a.Text), a.StatusCode)
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
