package keyservice_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

// What a release with all keys in one file has left in testdata/earlier: a key that was rotated, with an alias, and a
// disabled one.
const (
	earlierKey      = "arn:aws:kms:us-west-2:123456789012:key/02649373-8f6a-4ac7-bed9-040f79e3b46f"
	earlierDisabled = "arn:aws:kms:us-west-2:123456789012:key/073b6426-4733-49bc-ac11-facf1cd8694b"
	earlierFirst    = "ATAyNjQ5MzczLThmNmEtNGFjNy1iZWQ5LTA0MGY3OWUzYjQ2ZuFQHPcjkFbmqPRDM5HzaTuoA4hIwRMrHfTNsJFeqXmckOy5jEmoHNQ="
	earlierSecond   = "ATAyNjQ5MzczLThmNmEtNGFjNy1iZWQ5LTA0MGY3OWUzYjQ2ZoEDPxDZf3QPQ1aCwKC/HNK8I68eCvFTrTIltUU8djUw9Ey6ZvP6EqI="
)

func earlierFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"root.key", "keys"} {
		data, err := os.ReadFile(filepath.Join("testdata", "earlier", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// hasEarlier checks that the keys of the earlier release work.
func hasEarlier(t *testing.T, dir string) {
	t.Helper()
	c, ctx := client(serve(t, open(t, options(dir))), accessKey, secretKey), t.Context()
	for blob, want := range map[string]string{earlierFirst: "Zmlyc3Q=", earlierSecond: "c2Vjb25k"} {
		sealed, err := base64.StdEncoding.DecodeString(blob)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := c.Decrypt(ctx, &kms.DecryptInput{
			CiphertextBlob: sealed, KeyId: aws.String("alias/earlier"),
		}); err != nil || string(out.Plaintext) != want {
			t.Errorf("%s: %v", want, err)
		}
	}
	d, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(earlierDisabled)})
	if err != nil || d.KeyMetadata.KeyState != types.KeyStateDisabled {
		t.Errorf("the disabled key: %v, %v", d, err)
	}
	r, err := c.ListKeyRotations(ctx, &kms.ListKeyRotationsInput{KeyId: aws.String(earlierKey)})
	if err != nil || len(r.Rotations) != 1 {
		t.Errorf("rotations: %v, %v", r, err)
	}
}

func TestKeysOfAnEarlierReleaseAreMoved(t *testing.T) {
	dir := earlierFolder(t)
	before, err := os.ReadFile(filepath.Join(dir, "keys"))
	if err != nil {
		t.Fatal(err)
	}
	hasEarlier(t, dir)
	after, err := os.ReadFile(filepath.Join(dir, "keys"))
	if err != nil || slices.Equal(before, after) || string(after[:8]) != "The keys" {
		t.Errorf("the file of the earlier release is %.40q, %v", after, err)
	}
	hasEarlier(t, dir) // again
	// A move that was interrupted before its end begins anew, and what it left doesn't count.
	if err := os.WriteFile(filepath.Join(dir, "keys"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "records", "keys", earlierDisabled[len(earlierDisabled)-36:])); err != nil {
		t.Fatal(err)
	}
	hasEarlier(t, dir)
}

func TestADamagedFileOfAnEarlierReleaseIsRefused(t *testing.T) {
	dir := earlierFolder(t)
	path := filepath.Join(dir, "keys")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 1 + len(good)/64 {
		bad := slices.Clone(good)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keyservice.New(options(dir)); err == nil {
			t.Errorf("byte %d was changed and nobody noticed", i)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	hasEarlier(t, dir)
}
