package keyservice_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyservice"
)

func keeper(t *testing.T, m keyservice.Records, roots ...keyroot.Root) *keyservice.Keeper {
	t.Helper()
	k := keyservice.NewKeeper(m, roots, 0)
	t.Cleanup(k.Close)
	return k
}

// found verifies and returns what is wrong.
func found(t *testing.T, k *keyservice.Keeper, b *keyservice.Backup) (*keyservice.Tally, []string) {
	t.Helper()
	var list []string
	tally, err := k.Verify(t.Context(), b, func(f keyservice.Finding) {
		if f.Bad {
			list = append(list, f.Record+": "+f.What)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return tally, list
}

func TestVerifyFindsEveryDamage(t *testing.T) { verifyFindsEveryDamage(t, embedded) }

func verifyFindsEveryDamage(t *testing.T, p place) {
	m, root := newMemory(), p.root(t)
	d := newDesk(t, replica(m, root))
	arn, _ := d.key(t)
	other, _ := d.key(t)
	for _, name := range []string{"alias/kept", "alias/gone"} {
		if _, err := d.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &name, TargetKeyId: &arn}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: aws.String("alias/gone")}); err != nil {
		t.Fatal(err)
	}
	var saved bytes.Buffer
	if n, err := keeper(t, m).Backup(t.Context(), &saved); err != nil || n != 4 {
		t.Fatalf("%d records, %v", n, err)
	}
	backup, err := keyservice.ReadBackup(bytes.NewReader(saved.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	tally, list := found(t, keeper(t, m, root), backup)
	if len(list) != 0 || tally.Keys != 2 || tally.Aliases != 1 || tally.Deleted != 1 || tally.Roots[root.Identity()] != 4 {
		t.Errorf("%+v, %q", tally, list)
	}
	first, second := "keys/"+arn[len(arn)-36:], "keys/"+other[len(other)-36:]
	var good map[string]object
	m.set(func(all map[string]object) { good = maps.Clone(all) })
	for what, spoil := range map[string]func(map[string]object){
		"altered": func(all map[string]object) {
			o := object{bytes.Clone(all[first].data), "t"}
			o.data[len(o.data)-1] ^= 1
			all[first] = o
		},
		"moved":   func(all map[string]object) { all[first] = object{all[second].data, "t"} },
		"missing": func(all map[string]object) { delete(all, first) },
	} {
		m.set(func(all map[string]object) { spoil(all) })
		if _, list := found(t, keeper(t, m, root), backup); len(list) != 1 || !strings.HasPrefix(list[0], first) {
			t.Errorf("%s: %q", what, list)
		}
		m.set(func(all map[string]object) { clear(all); maps.Copy(all, good) })
	}
	// An old state, which nobody but the backup knows to be one.
	if _, err := d.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	var newer bytes.Buffer
	if _, err := keeper(t, m).Backup(t.Context(), &newer); err != nil {
		t.Fatal(err)
	}
	if backup, err = keyservice.ReadBackup(&newer); err != nil {
		t.Fatal(err)
	}
	m.set(func(all map[string]object) { maps.Copy(all, good) })
	if _, list := found(t, keeper(t, m, root), backup); len(list) != 1 || !strings.Contains(list[0], "old state") {
		t.Errorf("rolled back: %q", list)
	}
	root.take(errors.New("away"))
	if _, err := keeper(t, m, root).Verify(t.Context(), nil, func(keyservice.Finding) {}); !errors.Is(err,
		keyservice.ErrRoot) {
		t.Errorf("with the root away nothing is known: %v", err)
	}
}

func TestBackupAndRestore(t *testing.T) { backupAndRestore(t, embedded) }

func backupAndRestore(t *testing.T, p place) {
	m, root := newMemory(), p.root(t)
	d := newDesk(t, replica(m, root))
	_, blob := d.key(t)
	arn, _ := d.key(t)
	var saved bytes.Buffer
	if _, err := keeper(t, m).Backup(t.Context(), &saved); err != nil {
		t.Fatal(err)
	}
	text := saved.Bytes()
	for n := range len(text) - 1 {
		if _, err := keyservice.ReadBackup(bytes.NewReader(text[:n])); err == nil {
			t.Fatalf("a backup that was cut after %d bytes was read", n)
		}
	}
	for i := 0; i < len(text); i += 7 {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if _, err := keyservice.ReadBackup(bytes.NewReader(bad)); err == nil {
			t.Fatalf("byte %d of a backup was changed", i)
		}
	}
	backup, err := keyservice.ReadBackup(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	empty := newMemory()
	nothing := func(keyservice.Finding) {}
	if n, left, err := keeper(t, empty).Restore(t.Context(), backup, false, nothing); err != nil || n != 2 || left != 0 {
		t.Fatalf("%d restored, %d left, %v", n, left, err)
	}
	again := newDesk(t, replica(empty, root))
	if err := again.opens(t, blob); err != nil {
		t.Error(err)
	}
	if n, left, err := keeper(t, empty).Restore(t.Context(), backup, false, nothing); err != nil || n != 0 || left != 0 {
		t.Errorf("repeated: %d restored, %d left, %v", n, left, err)
	}
	if _, err := again.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	if n, left, err := keeper(t, empty).Restore(t.Context(), backup, false, nothing); err != nil || n != 0 || left != 1 {
		t.Errorf("a changed one: %d restored, %d left, %v", n, left, err)
	}
	if n, left, err := keeper(t, empty).Restore(t.Context(), backup, true, nothing); err != nil || n != 1 || left != 0 {
		t.Errorf("replaced: %d restored, %d left, %v", n, left, err)
	}
}

func TestRerootGoesOnWhereItEnded(t *testing.T) { rerootGoesOnWhereItEnded(t, embedded) }

func rerootGoesOnWhereItEnded(t *testing.T, p place) {
	m, old, fresh := newMemory(), p.root(t), p.root(t)
	d := newDesk(t, replica(m, old, fresh))
	var blobs [][]byte
	for range 3 {
		_, blob := d.key(t)
		blobs = append(blobs, blob)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if tally, err := keeper(t, m, fresh, old).Reroot(ctx, func(keyservice.Tally) { cancel() }); err == nil ||
		tally.Moved != 1 {
		t.Fatalf("%+v, %v", tally, err)
	}
	both := newDesk(t, replica(m, fresh, old))
	for _, d := range []*desk{d, both} { // while it is in progress, and in services that were running
		for _, blob := range blobs {
			if err := d.opens(t, blob); err != nil {
				t.Error(err)
			}
		}
	}
	tally, err := keeper(t, m, fresh, old).Reroot(t.Context(), func(keyservice.Tally) {})
	if err != nil || tally.Moved != 2 || tally.Roots[fresh.Identity()] != 3 {
		t.Errorf("%+v, %v", tally, err)
	}
	alone := newDesk(t, replica(m, fresh))
	for _, blob := range blobs {
		if err := alone.opens(t, blob); err != nil {
			t.Errorf("without the old root: %v", err)
		}
	}
}
