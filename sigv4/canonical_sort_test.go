package sigv4

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
)

// Few fields and many are sorted alike: by name, those of one name as they came.
func TestSortByName(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 3 * fewFields {
		for range 50 {
			fields := make([]canonicalField, n)
			for i := range fields {
				name := make([]byte, r.IntN(3))
				for j := range name {
					name[j] = 'a' + byte(r.IntN(3))
				}
				fields[i] = canonicalField{name: name, position: i}
			}
			want := slices.Clone(fields)
			slices.SortStableFunc(want, func(a, b canonicalField) int { return bytes.Compare(a.name, b.name) })
			sortByName(fields)
			for i := range want {
				if want[i].position != fields[i].position {
					t.Fatalf("%d fields: %v, want %v", n, fields, want)
				}
			}
		}
	}
}
