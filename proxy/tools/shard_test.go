package tools_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"sealfront/proxy/store"
	"sealfront/proxy/tools"
)

// Each key belongs to exactly one of n shards, for any keys and any n, and no shard has much more than its share.
func TestShardsAreDisjointAndWhole(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 7, 16, 100, 1000} {
		held := make([]int, n)
		const keys = 5000
		for i := range keys {
			key := fmt.Sprintf("2026/%06d", i)
			if i%2 == 0 { // any bytes
				b := make([]byte, 8+random.IntN(40))
				for j := range b {
					b[j] = byte(random.Uint32())
				}
				key = string(b)
			}
			found := 0
			for number := 1; number <= n; number++ {
				if (tools.Shard{Number: number, Of: n}).Has(key) {
					held[number-1]++
					found++
				}
			}
			if found != 1 {
				t.Fatalf("%q belongs to %d of %d shards", key, found, n)
			}
		}
		if share := keys / n; n <= 16 && (slices.Min(held) < share*3/4 || slices.Max(held) > share*5/4) {
			t.Errorf("%d shards have %v keys", n, held)
		}
	}
	// Machines of different releases share a bucket: where a key belongs never changes.
	for key, want := range map[string]int{"": 5, "a": 3, "2026/01/report.csv": 6, "ключ": 1} {
		for number := 1; number <= 8; number++ {
			if got := (tools.Shard{Number: number, Of: 8}).Has(key); got != (number == want) {
				t.Errorf("%q in shard %d/8: %t; want shard %d", key, number, got, want)
			}
		}
	}
}

// What isn't I/N with I from 1 to N is refused with an example of what is.
func TestShardsAreRead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1/1", "1/4", "4/4", "1000000/1000000"} {
		s, err := tools.ParseShard(text)
		if want := text; err != nil || s.String() != want && want != "1/1" || want == "1/1" && s.String() != "" {
			t.Errorf("%s: %+v, %v", text, s, err)
		}
	}
	for _, text := range []string{
		"", "1", "0/4", "5/4", "-1/4", "1/0", "1/-4", "a/4", "1/b", "1/4/2", "1/1000001", " 1/4",
	} {
		if s, err := tools.ParseShard(text); !errors.Is(err, tools.ErrUsage) ||
			!strings.Contains(err.Error(), "1/4 to 4/4 for four") {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
}

// All shards of each tool look at each key of the bucket once, and at no other; each says that it is one.
func TestShardsOfEachToolShareTheBucket(t *testing.T) {
	t.Parallel()
	const shards, n = 3, 25
	s := newSite(t)
	bucket, target := s.bucket("shared"), s.bucket("migrated")
	makeBucket(t, s.raw, "clear")
	var keys []string
	for i := range n {
		key := fmt.Sprintf("k/%03d", i)
		keys = append(keys, key)
		s.put(bucket, key, []byte(key))
		put(t, s.raw, "clear", key, []byte(key), awss3.PutObjectInput{})
	}
	s.put(bucket, "other", []byte("not below the prefix"))
	var verified, rewrapped, migrated int64
	for number := 1; number <= shards; number++ {
		shard := tools.Shard{Number: number, Of: shards}
		mine := int64(0)
		for _, key := range keys {
			if shard.Has(key) {
				mine++
			}
		}
		says := func(tool, named string, notes []string, done int64) {
			t.Helper()
			if named != shard.String() || done != mine || !slices.ContainsFunc(notes, func(note string) bool {
				return strings.Contains(note, "only the keys of shard "+named)
			}) {
				t.Errorf("%s: shard %q, %d objects of %d, %q", tool, named, done, mine, notes)
			}
		}
		v, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket, Key: "k/"},
			tools.WalkOptions{Out: io.Discard, Shard: shard})
		if err != nil {
			t.Fatal(err)
		}
		says("verify", v.Shard, v.Notes, v.Checked)
		verified += v.Checked
		r, err := s.rewrap(bucket, "k/", tools.RewrapOptions{WalkOptions: tools.WalkOptions{Shard: shard}})
		if err != nil {
			t.Fatal(err)
		}
		says("rewrap", r.Shard, r.Notes, r.Rewrapped)
		rewrapped += r.Rewrapped
		m, err := s.migrate("clear", target, tools.WalkOptions{Shard: shard})
		if err != nil {
			t.Fatal(err)
		}
		says("migrate", m.Shard, m.Notes, m.Copied)
		if m.Equal != mine || m.Present != 0 {
			t.Errorf("migrate: %+v", m)
		}
		migrated += m.Copied
	}
	if verified != n || rewrapped != n || migrated != n {
		t.Errorf("verified %d, rewrapped %d, migrated %d; want %d each", verified, rewrapped, migrated, n)
	}
	s.mustVerify(target, n)
}

// A faulty object fails the shard that it belongs to, and no other; a name that can't be resolved may be any shard's,
// and fails each.
func TestAShardFailsByItsOwnKeys(t *testing.T) {
	t.Parallel()
	const shards = 4
	s := newSite(t)
	bucket := s.bucket("partly")
	for i := range 12 {
		s.put(bucket, fmt.Sprint("k", i), []byte("x"))
	}
	s.put(bucket, "bad", []byte("x"))
	s.replace(bucket, "k5", &stored{body: []byte("not sealed")})
	for number := 1; number <= shards; number++ {
		shard := tools.Shard{Number: number, Of: shards}
		_, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket},
			tools.WalkOptions{Out: io.Discard, Shard: shard})
		if errors.Is(err, tools.ErrFound) != shard.Has("k5") || err != nil && !errors.Is(err, tools.ErrFound) {
			t.Errorf("shard %s, which has the key: %t; %v", shard, shard.Has("k5"), err)
		}
	}
	s.garble("bad")
	for number := 1; number <= shards; number++ {
		shard := tools.Shard{Number: number, Of: shards}
		in := s.installation()
		in.Abilities = store.Abilities{ConditionalPut: true} // it wasn't probed
		v, err := in.Verify(t.Context(), tools.Target{Bucket: bucket}, tools.WalkOptions{Out: io.Discard, Shard: shard})
		if !errors.Is(err, tools.ErrFound) || v.Unchecked != 1 || v.Damaged > 1 {
			t.Errorf("shard %s of a bucket with a garbled name: %+v, %v", shard, v, err)
		}
	}
}

// A resume file of one shard isn't continued by another, nor by a walk over all keys.
func TestAResumeFileBelongsToItsShard(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	bucket := s.bucket("resumed")
	s.put(bucket, "k", []byte("x"))
	file := writeFile(t, `{"walk":"verify s3://resumed/ shard 1/2","after":"","done":0,"failed":0}`)
	for _, shard := range []tools.Shard{{}, {Number: 2, Of: 2}, {Number: 1, Of: 3}, {Number: 1, Of: 2}} {
		_, err := s.installation().Verify(t.Context(), tools.Target{Bucket: bucket},
			tools.WalkOptions{Out: io.Discard, Resume: file, Shard: shard})
		if own := shard == (tools.Shard{Number: 1, Of: 2}); own != (err == nil) || !own && !errors.Is(err, tools.ErrUsage) {
			t.Errorf("shard %q: %v", shard, err)
		}
	}
}
