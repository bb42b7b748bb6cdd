package keyservice_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/keyservice"
)

func TestKeysSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := open(t, options(dir))
	arn, err := s.CreateKey(t.Context(), "kept")
	if err != nil {
		t.Fatal(err)
	}
	c := client(serve(t, s), accessKey, secretKey)
	sealed, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("plain")})
	if err != nil {
		t.Fatal(err)
	}
	o := options(dir)
	o.Account = "210987654321" // keys keep the ARN they were made with
	again := client(serve(t, open(t, o)), accessKey, secretKey)
	out, err := again.Decrypt(t.Context(), &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, KeyId: &arn})
	if err != nil || string(out.Plaintext) != "plain" {
		t.Errorf("got %v", err)
	}
	if d, err := again.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn}); err != nil ||
		*d.KeyMetadata.AWSAccountId != account {
		t.Errorf("got %v", err)
	}
}

func TestKeysAreSealedAtRest(t *testing.T) {
	dir := t.TempDir()
	s := open(t, options(dir))
	arn, err := s.CreateKey(t.Context(), "a description that must not be seen")
	if err != nil {
		t.Fatal(err)
	}
	record := filepath.Join("records", "keys", arn[len(arn)-36:])
	for name, mode := range map[string]os.FileMode{"root.key": 0o600, record: 0o600, "lock": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || bytes.Contains(text, []byte(arn[len(arn)-36:])) ||
			bytes.Contains(text, []byte("description")) {
			t.Errorf("%s is readable, %v", name, err)
		}
	}
	// Every byte of the record counts, and its name.
	path := filepath.Join(dir, record)
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		if s, err := keyservice.New(options(dir)); err == nil || s != nil {
			t.Errorf("%s: opened", what)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(fmt.Sprintf("byte %d changed", i))
	}
	for name, content := range map[string][]byte{"cut": good[:len(good)-1], "empty": {}, "foreign": []byte("keys")} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(name)
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, options(dir))
	moved := filepath.Join(dir, "records", "keys", "00000000-0000-4000-8000-000000000000")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	refused("moved")
}

func TestTheRootKeyIsGuarded(t *testing.T) {
	for name, spoil := range map[string]func(root string) error{
		"readable by others": func(root string) error { return os.Chmod(root, 0o644) },
		"cut short":          func(root string) error { return os.Truncate(root, 31) },
		"exchanged":          func(root string) error { return os.WriteFile(root, bytes.Repeat([]byte{1}, 32), 0o600) },
		"lost":               os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := open(t, options(dir)).CreateKey(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			if err := spoil(filepath.Join(dir, "root.key")); err != nil {
				t.Fatal(err)
			}
			if s, err := keyservice.New(options(dir)); err == nil || s != nil {
				t.Error("the service started")
			}
			if _, err := os.Stat(filepath.Join(dir, "root.key")); name == "lost" && !errors.Is(err, os.ErrNotExist) {
				t.Error("a new root key was made over sealed keys")
			}
		})
	}
}

func TestDeletedKeysAreGone(t *testing.T) { deletedKeysAreGone(t, embedded) }

func deletedKeysAreGone(t *testing.T, p place) {
	now, o := &clock{}, p.options(t)
	o.Now = now.now
	s := open(t, o)
	arn, err := s.CreateKey(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := s.CreateKey(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	c, ctx := client(serve(t, s), accessKey, secretKey), t.Context()
	sealed, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &arn, Plaintext: []byte("plain")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateAlias(ctx, &kms.CreateAliasInput{
		AliasName:   aws.String("alias/doomed"),
		TargetKeyId: &arn,
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{
		KeyId: &arn, PendingWindowInDays: aws.Int32(7),
	}); err != nil {
		t.Fatal(err)
	}
	size := func() int {
		record, _, err := recordsOf(t, o).Get(ctx, "keys/"+arn[len(arn)-36:])
		if err != nil {
			t.Fatal(err)
		}
		return len(record)
	}
	before := size()
	now.advance(7*24*time.Hour - time.Minute)
	if d, err := later(t, o).DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn}); err != nil ||
		d.KeyMetadata.KeyState != types.KeyStatePendingDeletion {
		t.Errorf("a minute early: %v", err)
	}
	now.advance(2 * time.Minute)
	late := later(t, o)
	if _, err := late.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &arn}); code(t, err) != "NotFoundException" {
		t.Errorf("DescribeKey: %v", err)
	}
	if _, err := late.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/doomed")}); code(
		t, err) != "NotFoundException" {
		t.Errorf("by alias: %v", err)
	}
	if _, err := late.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: sealed.CiphertextBlob}); code(
		t, err) != "AccessDeniedException" {
		t.Errorf("Decrypt: %v", err)
	}
	if _, err := late.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &kept}); err != nil {
		t.Errorf("the other key: %v", err)
	}
	if size() >= before {
		t.Error("the record still holds the key")
	}
}

// later is a client of another service over the same directory; it signs by that service's clock.
func later(t *testing.T, o keyservice.Options) *kms.Client {
	return kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String(serve(t, open(t, o))), RetryMaxAttempts: 1,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		HTTPSignerV4: shiftedSigner{o.Now},
	})
}

func TestServicesShareADirectory(t *testing.T) {
	dir := t.TempDir()
	services := []*keyservice.Service{open(t, options(dir)), open(t, options(dir)), open(t, options(dir))}
	var mu sync.Mutex
	var arns []string
	var all sync.WaitGroup
	for _, s := range services {
		for range 4 {
			all.Go(func() {
				arn, err := s.CreateKey(t.Context(), "")
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				arns = append(arns, arn)
				mu.Unlock()
			})
		}
	}
	all.Wait()
	for i, s := range services {
		c := client(serve(t, s), accessKey, secretKey)
		for _, arn := range arns {
			if _, err := c.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: &arn}); err != nil {
				t.Errorf("service %d: %v", i, err)
			}
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 3 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestOptionsAreRequired(t *testing.T) {
	for name, change := range map[string]func(*keyservice.Options){
		"directory": func(o *keyservice.Options) { o.Dir = "" },
		"region":    func(o *keyservice.Options) { o.Region = "" },
		"account":   func(o *keyservice.Options) { o.Account = "12" },
		"callers":   func(o *keyservice.Options) { o.Callers = nil },
		"a directory that can't be made": func(o *keyservice.Options) {
			o.Dir = filepath.Join(o.Dir, "file")
			if err := os.WriteFile(o.Dir, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		o := options(t.TempDir())
		change(&o)
		if s, err := keyservice.New(o); err == nil || s != nil || strings.Contains(err.Error(), secretKey) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}
