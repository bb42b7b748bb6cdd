package keyservice

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sealfront/crypto/durable"
	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyservice/folder"
)

// Earlier releases had all keys in one file, sealed under the root key itself: magic ‖ AES-256-GCM(state) with a random
// nonce, the magic as additional data. It is read once, and replaced by movedText when every record is on the disk;
// until then it counts, whatever records there are. An earlier release refuses movedText.
const (
	earlierMagic = "sealfront local keys 1\n"
	movedText    = "The keys are in the folder records. A release before it can't open them.\n"
)

// lockEarlier holds off earlier releases, and others of this one that move the keys.
func lockEarlier(dir string) (unlock func(), err error) {
	return folder.LockFile(filepath.Join(dir, "lock"))
}

// moveEarlier moves the keys of an earlier release into records; the lock is held.
func moveEarlier(dir string, records Records, root keyroot.Root) error {
	path := filepath.Join(dir, keysName)
	sealed, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && string(sealed) == movedText {
		return nil
	}
	if err != nil {
		return err
	}
	st, err := openEarlier(dir, sealed)
	if err != nil {
		return err
	}
	defer func() {
		for _, k := range st.Keys {
			k.wipe()
		}
	}()
	list, err := (&view{state: st, snapshots: map[string]*snapshot{}}).changes(st.newest())
	if err != nil {
		return err
	}
	o := Options{Records: records, Roots: []keyroot.Root{root}}.withDefaults()
	c := newRecordCache(&o)
	defer c.close()
	ctx := context.Background()
	for _, w := range list {
		s, err := c.get(ctx, w.name, 0) // one that an interrupted move has left is replaced
		if err != nil {
			return err
		}
		err = c.put(ctx, s, w.body)
		s.wipe()
		if err != nil {
			return err
		}
	}
	if err := durable.Replace(path, []byte(movedText)); err != nil {
		return fmt.Errorf("move the keys of an earlier release: %w", err)
	}
	return nil
}

// openEarlier opens the file of an earlier release.
func openEarlier(dir string, sealed []byte) (*state, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(earlierMagic))
	if !ok {
		return nil, fmt.Errorf("%s is no file of keys", keysName)
	}
	key, err := os.ReadFile(filepath.Join(dir, rootName)) // its mode and size were checked
	if err != nil {
		return nil, err
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, rest, []byte(earlierMagic))
	if err != nil {
		return nil, fmt.Errorf("%s is damaged, or sealed under another %s", keysName, rootName)
	}
	defer clear(plain)
	st := newState()
	if err := json.Unmarshal(plain, st); err != nil {
		return nil, fmt.Errorf("read %s: %w", keysName, err)
	}
	return st, nil
}
