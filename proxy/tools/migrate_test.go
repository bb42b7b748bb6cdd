package tools_test

import (
	"slices"
	"strings"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/tools"
)

// An object keeps its parts where a sealed object can have such parts, and gets others only where nothing that a client
// can see depends on them.
func TestShapeOfMigratedObjects(t *testing.T) {
	t.Parallel()
	const plain, dashed = `"0123456789abcdef0123456789abcdef"`, `"0123456789abcdef0123456789abcdef-3"`
	many := slices.Repeat([]int64{5 * mib}, crypto.MaxParts)
	for _, c := range []struct {
		name      string
		length    int64
		etag      string
		checksum  string
		composite bool
		sizes     []int64
		want      []int64
		kept      bool
		refused   string
	}{
		{name: "an object of one PUT", length: 100, etag: plain, kept: true},
		{name: "the largest PUT", length: crypto.MaxObjectPut, etag: plain, checksum: "SHA256", kept: true},
		{
			name: "parts", length: 11 * mib, etag: dashed, sizes: []int64{5 * mib, 6 * mib}, want: []int64{5 * mib, 6 * mib},
			kept: true,
		},
		{name: "one part", length: 1, etag: dashed, sizes: []int64{1}, want: []int64{1}, kept: true},
		{
			name: "an empty last part", length: 5 * mib, etag: dashed, sizes: []int64{5 * mib, 0}, want: []int64{5 * mib, 0},
			kept: true,
		},
		{
			name: "as many parts as there can be", length: 5 * mib * crypto.MaxParts, etag: dashed, sizes: many, want: many,
			kept: true,
		},
		{name: "parts that the store doesn't tell", length: 11 * mib, etag: dashed, checksum: "CRC64NVME"},
		{name: "parts below 5 MiB", length: 3 * mib, etag: dashed, sizes: []int64{mib, 2 * mib}},
		{
			name: "the same with a checksum of their checksums", length: 3 * mib, etag: dashed, checksum: "SHA256",
			composite: true, sizes: []int64{mib, 2 * mib}, refused: "parts",
		},
		{
			name: "a checksum of checksums of nobody knows what", length: 11 * mib, etag: plain, checksum: "CRC32",
			composite: true, refused: "parts",
		},
		{
			name: "a hash over what one PUT can't hold", length: crypto.MaxObjectPut + 1, etag: plain, checksum: "SHA256",
			refused: "too large",
		},
		{name: "a checksum that the format doesn't have", length: 1, etag: plain, checksum: "CRC128", refused: "CRC128"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, kept, err := tools.Shape(c.length, c.etag, c.checksum, c.composite, c.sizes...)
			if c.refused != "" {
				if err == nil || !strings.Contains(err.Error(), c.refused) {
					t.Fatalf("%v, %v", got, err)
				}
				return
			}
			if err != nil || kept != c.kept || !slices.Equal(got, c.want) {
				t.Errorf("%v, kept %v, %v; want %v, %v", got, kept, err, c.want, c.kept)
			}
		})
	}
}

// What one PUT can't hold is cut into parts that cover it and that a sealed object can have.
func TestWhatOnePutCantHoldIsCut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		length int64
		sizes  []int64
	}{
		{length: crypto.MaxObjectPut + 1},
		{length: 5 << 30, sizes: []int64{5 << 30}}, // S3's largest part doesn't fit when it is sealed
		{length: 640 << 30},
		{length: 5 << 40},
		{length: 5<<40 + 12345},
	} {
		parts, kept, err := tools.Shape(c.length, "", "CRC64NVME", false, c.sizes...)
		if err != nil || kept || len(parts) == 0 || len(parts) > crypto.MaxParts {
			t.Fatalf("%d bytes: %d parts, kept %v, %v", c.length, len(parts), kept, err)
		}
		total := int64(0)
		for i, size := range parts {
			total += size
			if last := i == len(parts)-1; size <= 0 || !last && (size < crypto.MinPartSize || size%crypto.SegmentSize != 0) ||
				size > crypto.MaxPart10000 {
				t.Fatalf("%d bytes: part %d of %d has %d", c.length, i+1, len(parts), size)
			}
		}
		if total != c.length {
			t.Errorf("%d bytes were cut into %d", c.length, total)
		}
	}
}
