package keyservice_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"sealfront/crypto/awskms"
)

// One suite of what the proxy relies on, against this service and, where it is installed, against another
// emulator (moto), through the client that the proxy uses. enforces reports whether key states are enforced, which moto
// doesn't do; it also leaves out a key usage that wasn't asked for, and has another word for a blob of another key.
func TestSameBehaviourAsAnotherKMS(t *testing.T) {
	t.Run("keyservice", func(t *testing.T) { sameBehaviour(t, embedded) })
	t.Run("moto", func(t *testing.T) {
		t.Parallel() // it takes seconds to start
		url := moto(t)
		behave(t, url, false)
		administer(t, url, false)
	})
}

func sameBehaviour(t *testing.T, p place) {
	url := serve(t, open(t, p.options(t)))
	behave(t, url, true)
	administer(t, url, true)
}

func behave(t *testing.T, url string, enforces bool) {
	admin, ctx := client(url, accessKey, secretKey), t.Context()
	c, err := awskms.New(ctx, awskms.Options{Region: region, Endpoint: url, AccessKey: accessKey, SecretKey: secretKey})
	if err != nil {
		t.Fatal(err)
	}
	create := func() (id, arn string) {
		out, err := admin.CreateKey(ctx, &kms.CreateKeyInput{KeyUsage: types.KeyUsageTypeEncryptDecrypt})
		if err != nil {
			t.Fatal(err)
		}
		return *out.KeyMetadata.KeyId, *out.KeyMetadata.Arn
	}
	id, arn := create()
	otherID, other := create()
	for _, name := range []string{id, arn} {
		got, state, manager, spec, usage, err := c.DescribeKey(ctx, name)
		if err != nil || got != arn || state != "Enabled" || manager != "CUSTOMER" || spec != "SYMMETRIC_DEFAULT" ||
			usage != "ENCRYPT_DECRYPT" {
			t.Errorf("DescribeKey %s: %s %s %s %s %s %v", name, got, state, manager, spec, usage, err)
		}
	}
	if _, err := admin.CreateAlias(ctx, &kms.CreateAliasInput{
		AliasName:   aws.String("alias/demo"),
		TargetKeyId: &id,
	}); err != nil {
		t.Fatal(err)
	}
	if got, _, _, _, _, err := c.DescribeKey(ctx, "alias/demo"); got != arn {
		t.Errorf("by alias: %s, %v", got, err)
	}
	pairs := map[string]string{
		"aws:s3express:arn": "arn:aws:s3express:us-west-2:123456789012:bucket/demo--usw2-az1--x-s3",
	}
	plain, blob, err := c.GenerateDataKey(ctx, arn, pairs)
	if err != nil || len(plain) != 32 || bytes.Contains(blob, plain) {
		t.Fatalf("GenerateDataKey: %d bytes, %v", len(plain), err)
	}
	if again, err := c.Decrypt(ctx, arn, blob, pairs); !bytes.Equal(again, plain) {
		t.Errorf("Decrypt: %v", err)
	}
	fails := func(what, want string, err error) {
		t.Helper()
		if got := code(t, err); got != want {
			t.Errorf("%s: got %q (%v), want %q", what, got, err, want)
		}
	}
	_, err = c.Decrypt(ctx, arn, blob, map[string]string{"aws:s3express:arn": "another"})
	fails("another context", "InvalidCiphertextException", err)
	_, err = c.Decrypt(ctx, arn, blob, nil)
	fails("no context", "InvalidCiphertextException", err)
	_, err = c.Decrypt(ctx, other, blob, pairs)
	if got := code(t, err); got != "IncorrectKeyException" && (enforces || got != "AccessDeniedException") {
		t.Errorf("another key: %v", err)
	}
	_, _, err = c.GenerateDataKey(ctx, "00000000-0000-4000-8000-000000000000", pairs)
	fails("an unknown key", "NotFoundException", err)
	_, _, _, _, _, err = c.DescribeKey(ctx, "alias/nobody")
	fails("an unknown alias", "NotFoundException", err)

	if _, err := admin.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &id}); err != nil {
		t.Fatal(err)
	}
	if _, _, err = c.GenerateDataKey(ctx, arn, pairs); enforces {
		fails("a disabled key", "DisabledException", err)
	}
	if _, state, _, _, _, err := c.DescribeKey(ctx, arn); state != "Disabled" {
		t.Errorf("a disabled key is %s, %v", state, err)
	}
	if _, err := admin.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{
		KeyId: &otherID, PendingWindowInDays: aws.Int32(7),
	}); err != nil {
		t.Fatal(err)
	}
	if _, _, err = c.GenerateDataKey(ctx, other, pairs); enforces {
		fails("a key pending deletion", "KMSInvalidStateException", err)
	}
	if _, state, _, _, _, err := c.DescribeKey(ctx, other); state != "PendingDeletion" {
		t.Errorf("a key pending deletion is %s, %v", state, err)
	}
}

// moto starts the emulator on a free port and returns its URL.
func moto(t *testing.T) string {
	python, err := exec.LookPath("python3")
	if err != nil {
		missing(t, "python3 is not installed")
	}
	if err := exec.CommandContext(t.Context(), python, "-c", "import moto.server").Run(); err != nil {
		missing(t, "python3 has no moto with its server")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	cmd := exec.CommandContext(ctx, python, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0")
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	found := make(chan string, 1)
	go func() {
		defer close(done)
		running := regexp.MustCompile(`Running on (http://127\.0\.0\.1:[0-9]+)`)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := running.FindStringSubmatch(lines.Text()); m != nil {
				found <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		if err := cmd.Wait(); err == nil || !errors.Is(ctx.Err(), context.Canceled) {
			t.Errorf("moto ended by itself: %v", err)
		}
		_ = in.Close()
		<-done
	})
	select {
	case url := <-found:
		return url
	case <-ctx.Done():
		t.Fatal("moto didn't start")
		return ""
	}
}
