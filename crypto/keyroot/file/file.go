// Package file is a root in a file: 32 bytes that only the program's user may read. It is for development and for the
// embedded key service; whoever reads the file, or a copy of the disk, can open all that was wrapped under it.
//
//	wrapped = nonce (12 bytes) ‖ AES-256-GCM(key) with its tag (16 bytes), the name as additional data
//
// Promises: a file that others may read, or that has another size, is refused (TestTheFileIsGuarded); a key wrapped for
// one name, under another file, or changed in a byte doesn't open (TestWrappedKeysAreBound); Create replaces no file
// (TestCreateReplacesNothing).
package file

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"sealfront/crypto/durable"
	"sealfront/crypto/keyroot"
)

const size = 32 // bytes of the file

// A Root wraps under the key in a file.
type Root struct {
	path     string
	identity string
	aead     cipher.AEAD
}

var _ keyroot.Root = (*Root)(nil)

// Open reads the key in a file, which must have mode 0600 or less. A missing one is an error that matches
// fs.ErrNotExist; it is never made here.
func Open(path string) (*Root, error) {
	key, err := read(path)
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
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("sealfront root file identity"))
	return &Root{path: path, identity: "file:" + hex.EncodeToString(mac.Sum(nil)[:16]), aead: aead}, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the root key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (mode %04o); it must have mode 0600", path, info.Mode().Perm())
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the root key: %w", err)
	}
	if len(key) != size {
		clear(key)
		return nil, fmt.Errorf("%s has %d bytes, not %d: it is no root key", path, len(key), size)
	}
	return key, nil
}

// Create makes a file with a new key, mode 0600. One that is there already is an error that matches fs.ErrExist, and
// stays as it is. After a crash the file is there whole, or not at all.
func Create(path string) error {
	key := make([]byte, size)
	defer clear(key)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	if err := durable.Create(path, func(w io.Writer) error { _, err := w.Write(key); return err }); err != nil {
		return fmt.Errorf("make the root key: %w", err)
	}
	return nil
}

// Wrap returns key sealed for name.
func (r *Root) Wrap(_ context.Context, name string, key *[32]byte) ([]byte, error) {
	return r.aead.Seal(nil, nil, key[:], []byte(name)), nil
}

// Unwrap opens what Wrap sealed for name.
func (r *Root) Unwrap(_ context.Context, name string, wrapped []byte, key *[32]byte) error {
	plain, err := r.aead.Open(nil, nil, wrapped, []byte(name))
	if err != nil || len(plain) != len(key) {
		return keyroot.ErrWrong
	}
	copy(key[:], plain)
	clear(plain)
	return nil
}

// Identity is the same for every copy of the file, and reveals nothing of it.
func (r *Root) Identity() string { return r.identity }

// Well reports whether the file is still there as it was read: a service whose file is lost goes on until it ends, and
// would not start again.
func (r *Root) Well(context.Context) error {
	again, err := Open(r.path)
	if err == nil && again.identity != r.identity {
		err = fmt.Errorf("%s holds another root key than at the start", r.path)
	}
	return err
}

// Close does nothing.
func (r *Root) Close() error { return nil }
