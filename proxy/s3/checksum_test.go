package s3_test

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"slices"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/policy"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/s3"
)

// The table of kinds has what the reference has: names, headers and values of "hello" come from elsewhere.
func TestChecksumKindsAreThoseOfS3(t *testing.T) {
	if len(s3.ChecksumKinds) != len(proxytest.Algorithms) || len(s3.ChecksumKinds) != len(policy.ChecksumAlgorithms) {
		t.Errorf("%d kinds, %d in the tests' table, %d in the rules", len(s3.ChecksumKinds), len(proxytest.Algorithms),
			len(policy.ChecksumAlgorithms))
	}
	for i := range proxytest.Algorithms {
		g := &proxytest.Algorithms[i]
		kind := s3.ChecksumByName(g.Name)
		if kind == nil {
			t.Errorf("%s is unknown", g.Name)
			continue
		}
		if s3.ChecksumByHeader(strings.ToLower(g.Header())) != kind || s3.ChecksumOf(kind.Algorithm) != kind {
			t.Errorf("%s is another one by its header or its algorithm", g.Name)
		}
		h := kind.Make()
		h.Write([]byte("hello"))
		sum := h.Sum(nil)
		if hex.EncodeToString(sum) != g.Hello || len(sum) != kind.Algorithm.Size() {
			t.Errorf("%s of hello is %x", g.Name, sum)
		}
		if kind.Full != strings.HasPrefix(g.Name, "CRC") || kind.Composite != (g.Name != "CRC64NVME") {
			t.Errorf("%s: full object %t, composite %t", g.Name, kind.Full, kind.Composite)
		}
		if !slices.Contains(policy.ChecksumAlgorithms[:], g.Name) ||
			!strings.Contains(s3.UnsupportedAlgorithm().Error(), g.Name) {
			t.Errorf("%s isn't among the valid types", g.Name)
		}
	}
}

func TestUnknownChecksumsHaveNoKind(t *testing.T) {
	if s3.ChecksumByName("crc32") != nil || s3.ChecksumByName("") != nil {
		t.Error("a name of S3's is taken in another case")
	}
	if s3.ChecksumByHeader("x-amz-checksum-type") != nil || s3.ChecksumByHeader("X-Amz-Checksum-Crc32") != nil {
		t.Error("a header that has no checksum, or isn't in lower case, has a kind")
	}
	if s3.ChecksumOf(0) != nil {
		t.Error("no algorithm has a kind")
	}
}

// What is shown is what a client sends back.
func TestChecksumsAreShownAndReadBack(t *testing.T) {
	for i := range s3.ChecksumKinds {
		kind := &s3.ChecksumKinds[i]
		sum := bytes.Repeat([]byte{0xa5}, kind.Algorithm.Size())
		c := s3.NewChecksum(kind, sum)
		sum[0]++ // the value is its own
		if c.Value[0] != 0xa5 || c.Algorithm != kind.Algorithm || c.Type != crypto.FullObject {
			t.Errorf("%s: %+v", kind.Name, c)
		}
		text := s3.ShownChecksum(c, 7)
		if text != s3.ChecksumText(c) || s3.ChecksumType(c.Type) != "FULL_OBJECT" {
			t.Errorf("%s of a full object is shown as %s, %s", kind.Name, text, s3.ChecksumType(c.Type))
		}
		got, err := s3.DecodeChecksum(kind, " "+text+" ")
		if err != nil || !bytes.Equal(got, c.Value) {
			t.Errorf("%s came back as %x, %v", kind.Name, got, err)
		}
		c.Type = crypto.Composite
		if shown := s3.ShownChecksum(c, 7); shown != text+"-7" || s3.ChecksumType(c.Type) != "COMPOSITE" {
			t.Errorf("%s of seven parts is shown as %s, %s", kind.Name, shown, s3.ChecksumType(c.Type))
		}
		for name, value := range map[string]string{
			"nothing": "", "too short": proxytest.Base64(sum[1:]...), "too long": proxytest.Base64(append(sum, 0)...),
			"hexadecimal": hex.EncodeToString(sum), "no base64": "#" + text[1:],
		} {
			if got, err := s3.DecodeChecksum(kind, value); err == nil {
				t.Errorf("%s, %s: %x", kind.Name, name, got)
			}
		}
	}
}

func TestPartCountsAreThoseOfUploads(t *testing.T) {
	for text, want := range map[string]bool{
		"1": true, "10000": true, "0": false, "10001": false, "": false, "-1": false, "+1": false, "1a": false,
		"99999999999999999999": false,
	} {
		if s3.IsPartCount(text) != want {
			t.Errorf("%q is a number of parts: %t", text, !want)
		}
	}
}

// In documents a checksum stands in the element of its algorithm, and nothing in the others.
func TestChecksumElementsAreThoseOfTheirAlgorithm(t *testing.T) {
	var none s3.ChecksumElements
	none.Set(nil, 1)
	none.Show(nil)
	if none != (s3.ChecksumElements{}) {
		t.Errorf("no checksum is shown as %+v", none)
	}
	for i := range s3.ChecksumKinds {
		kind := &s3.ChecksumKinds[i]
		sum := make([]byte, kind.Algorithm.Size())
		c := &crypto.Checksum{Type: crypto.Composite, Algorithm: kind.Algorithm, Value: sum}
		value := proxytest.Base64(sum...)
		show := func(want string, set func(e *s3.ChecksumElements)) {
			t.Helper()
			var e struct {
				XMLName xml.Name `xml:"E"`
				s3.ChecksumElements
			}
			set(&e.ChecksumElements)
			got, err := xml.Marshal(&e)
			if err != nil || string(got) != "<E>"+want+"</E>" {
				t.Errorf("%s: %s, %v, want %s", kind.Name, got, err, want)
			}
		}
		element := func(text string) string {
			return "<Checksum" + kind.Name + ">" + text + "</Checksum" + kind.Name +
				">"
		}
		show(element(value), func(e *s3.ChecksumElements) { e.Show(c) })
		show(element(value+"-3")+"<ChecksumType>COMPOSITE</ChecksumType>", func(e *s3.ChecksumElements) { e.Set(c, 3) })
		show(element(value)+"<ChecksumType>COMPOSITE</ChecksumType>",
			func(e *s3.ChecksumElements) { e.Set(c, 3); e.DropCount(c) })
		if !slices.Contains(s3.ChecksumPaths("Part/"), "Part/Checksum"+kind.Name) {
			t.Errorf("%s has no path", kind.Name)
		}
	}
	if n := len(s3.ChecksumPaths("")); n != len(s3.ChecksumKinds) {
		t.Errorf("%d paths", n)
	}
}

func TestOnlyCRCsAreCombined(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("checksums that can't be combined were")
		}
	}()
	s3.CombineCRC(crypto.SHA256, nil, nil, 1)
}
