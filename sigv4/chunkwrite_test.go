package sigv4_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"sealfront/sigv4"
)

func TestWhatAChunkWriterWritesAChunkReaderReads(t *testing.T) {
	var w sigv4.ChunkWriter // one for all: what is reused must not leak into the next body
	for _, size := range []int{0, 1, 8191, 8192, 8193, 16384, 65535, 65536, 65537, 200_000} {
		for _, chunk := range []int{8192, 65552} {
			for _, piece := range []int{1000, 8192, 65552, 300_000} {
				u := newUpload(t, signedChunks, size)
				body := bytes.Repeat([]byte("0123456789abcdef-"), size/17+1)[:size]
				var out bytes.Buffer
				w.Reset(&out, &u.signer, chunk)
				for at := 0; at < size; at += piece {
					part := body[at:min(at+piece, size)]
					if n, err := w.Write(part); n != len(part) || err != nil {
						t.Fatalf("Write: %d, %v", n, err)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if got, want := int64(out.Len()), sigv4.EncodedLength(int64(size), int64(chunk)); got != want {
					t.Errorf("%d bytes in chunks of %d: %d, want %d", size, chunk, got, want)
				}
				if got, _, err := u.read(&out); err != nil || !bytes.Equal(got, body) {
					t.Errorf("%d bytes in chunks of %d by %d: %d bytes, %v", size, chunk, piece, len(got), err)
				}
			}
		}
	}
}

func TestABodyThatIsNotClosedIsNotWhole(t *testing.T) {
	for _, size := range []int{0, 1, 8192, 20_000} {
		u := newUpload(t, signedChunks, size)
		var out bytes.Buffer
		var w sigv4.ChunkWriter
		w.Reset(&out, &u.signer, 8192)
		if _, err := w.Write(make([]byte, size)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := u.read(&out); code(err) != "IncompleteBody" {
			t.Errorf("%d bytes: %v, want IncompleteBody", size, err)
		}
	}
}

type failingWriter struct {
	after int
	err   error
}

func (f *failingWriter) Write(p []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(p), nil
}

func TestAnErrorOfTheWriterBeneathIsFinal(t *testing.T) {
	u := newUpload(t, signedChunks, 100_000)
	beneath := &failingWriter{2, errors.New("broken")}
	var w sigv4.ChunkWriter
	w.Reset(beneath, &u.signer, 8192)
	if n, err := w.Write(make([]byte, 100_000)); !errors.Is(err, beneath.err) || n != 3*8192 {
		t.Errorf("Write: %d, %v", n, err)
	}
	beneath.after = 10
	if n, err := w.Write([]byte("x")); !errors.Is(err, beneath.err) || n != 0 {
		t.Errorf("Write after an error: %d, %v", n, err)
	}
	if err := w.Close(); !errors.Is(err, beneath.err) {
		t.Errorf("Close after an error: %v", err)
	}
	w.Reset(io.Discard, &u.signer, 8192)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := w.Close(); err == nil {
		t.Error("closed twice")
	}
}

func TestWritingChunksAllocatesNothing(t *testing.T) {
	u := newUpload(t, signedChunks, 1<<20)
	piece := make([]byte, 65552)
	var w sigv4.ChunkWriter
	w.Reset(io.Discard, &u.signer, len(piece))
	allocations(t, "ChunkWriter", func() {
		w.Reset(io.Discard, &u.signer, len(piece))
		for range 4 {
			_, _ = w.Write(piece)
		}
		_ = w.Close()
	})
}
