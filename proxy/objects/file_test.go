package objects_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/objects"
)

// badDisk can't be read.
type badDisk struct{}

func (badDisk) ReadAt([]byte, int64) (int, error) { return 0, io.ErrUnexpectedEOF }

// A file is opened by the key service alone, once may has agreed to the key.
func TestOpenFile(t *testing.T) {
	t.Parallel()
	i := install(t, nil)
	datas := map[string][]byte{"one": random(1, 2*crypto.SegmentSize), "empty": nil}
	for key, data := range datas {
		i.put(t, key, data)
	}
	parts := [][]byte{random(2, crypto.MinPartSize), random(3, 10)}
	i.mustUpload(t, "parts", parts...)
	datas["parts"] = bytes.Join(parts, nil)
	file := func(key string) (*objects.Object, *objects.File) {
		body, header := i.front.stored(t, things+"-s", key)
		return i.object(t, key), &objects.File{
			Envelope: header.Get("X-Amz-Meta-Sealfront"), Bytes: bytes.NewReader(body),
			Size: int64(len(body)),
		}
	}
	for key, data := range datas {
		x, f := file(key)
		i.front.set(nil)
		opened, err := x.OpenFile(t.Context(), f, anyone)
		if err != nil {
			t.Fatal(key, err)
		}
		var got []byte
		err = x.ReadWhole(opened, f.Body(), func(segment []byte) error { got = append(got, segment...); return nil })
		if err != nil || !bytes.Equal(got, data) || opened.Length != int64(len(data)) || len(i.front.sent()) > 0 {
			t.Errorf("%s: %d bytes, %v; the store got %q", key, len(got), err, i.front.sent())
		}
		opened.Secrets.Wipe()
	}

	no := errors.New("no")
	x, f := file("one")
	i.kms.called()
	if _, err := x.OpenFile(t.Context(), f, func(keyARN string) error {
		if keyARN != customKey {
			t.Error(keyARN)
		}
		return no
	}); !errors.Is(err, no) || len(i.kms.called()) > 0 {
		t.Errorf("KMS was called, or: %v", err)
	}
	for kind, change := range map[string]func(){
		"envelope": func() { f.Envelope = "x" },
		"length":   func() { f.Size-- },
		"trailer": func() {
			body, _ := i.front.stored(t, things+"-s", "one")
			body[len(body)-40] ^= 1
			f.Bytes = bytes.NewReader(body)
		},
		"": func() { f.Bytes = badDisk{} },
	} {
		x, f = file("one")
		change()
		_, err := x.OpenFile(t.Context(), f, anyone)
		d, ok := errors.AsType[*objects.Damage](err)
		if err == nil || ok != (kind != "") || ok && d.Kind != kind {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
