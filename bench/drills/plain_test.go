package drills_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sys/unix"
)

// A search looks for texts in the files of a store, all at once: a text is looked up where its first bytes are.
type search struct {
	first [1 << 16]bool
	texts map[uint64][]wanted
	found map[string]string // what is wanted: file
}

// A wanted text has 8 bytes at least.
type wanted struct {
	what string
	text []byte
}

func (s *search) add(what string, text []byte) {
	if s.texts == nil {
		s.texts, s.found = map[uint64][]wanted{}, map[string]string{}
	}
	s.first[binary.LittleEndian.Uint16(text)] = true
	begin := binary.LittleEndian.Uint64(text)
	s.texts[begin] = append(s.texts[begin], wanted{what, text})
}

// in looks for the texts in content, which is called name.
func (s *search) in(name string, content []byte) {
	for i := 0; i+8 <= len(content); i++ {
		if !s.first[binary.LittleEndian.Uint16(content[i:])] {
			continue
		}
		for _, w := range s.texts[binary.LittleEndian.Uint64(content[i:])] {
			if bytes.HasPrefix(content[i:], w.text) {
				s.found[w.what] = name
			}
		}
	}
}

// below looks through all files below a directory, and their extended attributes.
func (s *search) below(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		list := make([]byte, 64<<10)
		if n, err := unix.Llistxattr(name, list); err == nil {
			for attribute := range strings.SplitSeq(strings.TrimRight(string(list[:n]), "\x00"), "\x00") {
				value := make([]byte, 64<<10)
				if n, err := unix.Lgetxattr(name, attribute, value); err == nil {
					s.in(name+" "+attribute, value[:n])
				}
			}
		}
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(name)
		s.in(name, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The pieces of an object that are looked for.
const (
	pieceLength = 32
	pieceEvery  = 64 << 10 // besides its middle and its end
	pieceVaried = 12       // different bytes at least: others, such as zeros, may be anywhere
)

// mustHoldNothingPlain checks that nothing of what the program has written is in the files of the store: neither its
// markers nor a piece of any object, as the proxy serves it. An object that is put into the store in the clear must be
// found.
func (d *desk) mustHoldNothingPlain() {
	t := d.t
	t.Helper()
	var s search
	for n, marker := range d.markers {
		s.add(fmt.Sprint("marker ", n), []byte(marker))
	}
	control := []byte(strings.ReplaceAll("in the clear by "+d.p.name, " ", "_") + "_0123456789")
	s.add("control", control)
	direct := d.i.store.Direct()
	bucket, key := aws.String("control-of-the-search"), aws.String("clear")
	if _, err := direct.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: bucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := direct.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: bucket, Key: key,
		Body: bytes.NewReader(control),
	}); err != nil {
		t.Fatal(err)
	}
	pieces, plain := d.addObjects(&s)
	if pieces == 0 {
		t.Errorf("the program has written nothing that can be looked for")
	}
	if plain < d.p.drill.clear {
		t.Errorf("what the program wrote has %d markers in the clear, want %d: the search for them shows nothing", plain,
			d.p.drill.clear)
	}
	s.below(t, d.i.storeDir)
	if s.found["control"] == "" {
		t.Errorf("the search doesn't find an object in the clear")
	}
	delete(s.found, "control")
	for what, where := range s.found {
		t.Errorf("in the clear in the store: %s in %s", what, where)
	}
	if _, err := direct.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: bucket, Key: key}); err != nil {
		t.Error(err)
	}
	if _, err := direct.DeleteBucket(t.Context(), &s3.DeleteBucketInput{Bucket: bucket}); err != nil {
		t.Error(err)
	}
}

// addObjects adds pieces of all objects of the bucket to a search. It returns how many pieces these are, and how many
// of the markers are in an object.
func (d *desk) addObjects(s *search) (pieces, plain int) {
	t := d.t
	client := d.i.client()
	seen := map[string]bool{}
	var names strings.Builder // which the store shows, too
	var contents []wanted
	for pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &d.i.bucket}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &d.i.bucket, Key: o.Key})
			if err != nil {
				t.Fatal(*o.Key, err)
			}
			content, err := io.ReadAll(out.Body)
			if err != nil {
				t.Fatal(*o.Key, err)
			}
			names.WriteString(*o.Key + "\n")
			for _, m := range d.markers {
				seen[m] = seen[m] || bytes.Contains(content, []byte(m))
			}
			for at := 0; at+pieceLength <= len(content); at += pieceEvery {
				contents = append(contents, wanted{fmt.Sprint(*o.Key, " at ", at), bytes.Clone(content[at : at+pieceLength])})
			}
			if at := len(content) - pieceLength; at > 0 {
				contents = append(contents, wanted{*o.Key + " at its end", bytes.Clone(content[at:])},
					wanted{*o.Key + " in its middle", bytes.Clone(content[at/2 : at/2+pieceLength])})
			}
		}
	}
	for _, w := range contents {
		if different(w.text) >= pieceVaried && !strings.Contains(names.String(), string(w.text)) {
			s.add(w.what, w.text)
			pieces++
		}
	}
	for _, is := range seen {
		if is {
			plain++
		}
	}
	return pieces, plain
}

// different counts the different bytes of a text.
func different(text []byte) (n int) {
	var seen [256]bool
	for _, b := range text {
		if !seen[b] {
			seen[b] = true
			n++
		}
	}
	return n
}
