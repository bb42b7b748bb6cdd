package proxytest

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sealfront/crypto"
)

// Overwrite replaces an existing file's content and leaves its extended attributes.
func Overwrite(t testing.TB, file string, content []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0) // the file keeps its attributes
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// Attributes returns a file's extended attributes.
func Attributes(t testing.TB, file string) map[string][]byte {
	t.Helper()
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(file, list)
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string][]byte)
	for _, name := range strings.Split(strings.TrimRight(string(list[:n]), "\x00"), "\x00") {
		value := make([]byte, 64<<10)
		n, err := unix.Lgetxattr(file, name, value)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = value[:n]
	}
	return found
}

// SetAttribute sets an extended attribute of a file.
func SetAttribute(t testing.TB, file, name string, value []byte) {
	t.Helper()
	if err := unix.Lsetxattr(file, name, value, 0); err != nil {
		t.Fatal(err)
	}
}

// StoredMetadata returns the user metadata that the embedded store has for an object: one attribute, as JSON.
func StoredMetadata(t testing.TB, file string) (attribute []byte, metadata map[string]string) {
	t.Helper()
	attribute = Attributes(t, file)["user.metadata"]
	if attribute == nil {
		t.Skip("the embedded store keeps no extended attributes on the file system of temporary directories")
	}
	if err := json.Unmarshal(attribute, &metadata); err != nil {
		t.Fatalf("%s: %v", attribute, err)
	}
	return attribute, metadata
}

// StoredFile is the embedded store's file of an object.
func StoredFile(dir, bucket, key string) string {
	return filepath.Join(dir, "store", "objects", bucket, key)
}

// Blob is the bucket key blob that an object depends on.
func (d *Damager) Blob(key string) string {
	d.T.Helper()
	e, err := crypto.ParseEnvelopeText([]byte(d.EnvelopeText(key)))
	if err != nil {
		d.T.Fatal(key, err)
	}
	return string(e.Blob)
}

// Damager changes objects in the embedded store's files.
type Damager struct {
	T           testing.TB
	Dir, Bucket string
}

// File is the file of an object.
func (d *Damager) File(key string) string { return StoredFile(d.Dir, d.Bucket, key) }

// Bytes changes an object's stored bytes.
func (d *Damager) Bytes(key string, change func([]byte) []byte) {
	d.T.Helper()
	stored, err := os.ReadFile(d.File(key))
	if err != nil {
		d.T.Fatal(err)
	}
	Overwrite(d.T, d.File(key), change(stored))
}

// Metadata changes the user metadata that is stored with an object.
func (d *Damager) Metadata(key string, change func(map[string]string)) {
	d.T.Helper()
	_, metadata := StoredMetadata(d.T, d.File(key))
	change(metadata)
	text, err := json.Marshal(metadata)
	if err != nil {
		d.T.Fatal(err)
	}
	SetAttribute(d.T, d.File(key), "user.metadata", text)
}

// EnvelopeName finds the metadata entry that holds the envelope.
func EnvelopeName(metadata map[string]string) string {
	for name, value := range metadata {
		if _, err := crypto.ParseEnvelopeText([]byte(value)); err == nil {
			return name
		}
	}
	return ""
}

// EnvelopeText returns an object's envelope as it is stored.
func (d *Damager) EnvelopeText(key string) string {
	d.T.Helper()
	_, metadata := StoredMetadata(d.T, d.File(key))
	return metadata[EnvelopeName(metadata)]
}

// Envelope changes the envelope's binary form.
func (d *Damager) Envelope(key string, change func([]byte)) {
	d.T.Helper()
	d.Metadata(key, func(m map[string]string) {
		name := EnvelopeName(m)
		b, err := base64.RawURLEncoding.DecodeString(m[name])
		if err != nil || len(b) == 0 {
			d.T.Fatal(err)
		}
		change(b)
		m[name] = base64.RawURLEncoding.EncodeToString(b)
	})
}

// FlipAt returns a change that flips one bit of the byte at this offset, from the end if it is negative.
func FlipAt(at int) func([]byte) []byte {
	return func(b []byte) []byte {
		if at < 0 {
			at += len(b)
		}
		b[at] ^= 0x10
		return b
	}
}
