package keyring_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"sealfront/crypto/keyring"
)

// TestATableIsAMapWithABound compares a table with a map, over very many random steps.
func TestATableIsAMapWithABound(t *testing.T) {
	for _, size := range []int{1, 2, 5, 40} {
		t.Run(fmt.Sprintf("%d entries", size), func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, uint64(size)))
			gone := map[int]bool{}
			table := keyring.NewTestTable(size, time.Second, func(value int) {
				if gone[value] {
					t.Fatalf("the value %d left twice", value)
				}
				gone[value] = true
			})
			model := map[int]int{}
			now := time.Unix(0, 0)
			for step := range 20_000 {
				key := random.IntN(2 * size)
				now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
				switch random.IntN(8) {
				case 0, 1, 2:
					value, ok := table.Get(key, now)
					if want, known := model[key]; ok != known || value != want {
						t.Fatalf("step %d: got %d, %v, want %d, %v", step, value, ok, want, known)
					}
				case 3, 4, 5, 6:
					_, replaces := model[key]
					evicted, ok := table.Put(key, step, now)
					if ok == (replaces || len(model) < size) {
						t.Fatalf("step %d: with %d entries, something was driven out: %v", step, len(model), ok)
					}
					if ok {
						maps.DeleteFunc(model, func(_, value int) bool { return value == evicted })
					}
					model[key] = step
				case 7:
					table.Remove(key)
					delete(model, key)
				}
				if step%100 == 0 {
					for end := table.Len(); end > 0; {
						end = table.RemoveIf(end, 3, func(value int) bool { return value%7 == 0 })
					}
					maps.DeleteFunc(model, func(_, value int) bool { return value%7 == 0 })
				}
				entries, proven, ok := table.Entries()
				if !ok || !maps.Equal(entries, model) || len(entries) > size || proven > size*4/5 {
					t.Fatalf("step %d: in order: %v, %d proven\ngot  %v\nwant %v", step, ok, proven, entries, model)
				}
			}
			for _, value := range model {
				if gone[value] {
					t.Fatalf("%d has left and is still there", value)
				}
			}
		})
	}
}

func TestASweepLooksAtAFewEntriesAtOnce(t *testing.T) {
	table := keyring.NewTestTable(100_000, time.Second, func(int) {})
	for i := range 100_000 {
		table.Put(i, i, time.Unix(0, 0))
	}
	seen := 0
	for end := table.Len(); end > 0; {
		before := seen
		end = table.RemoveIf(end, 512, func(value int) bool {
			seen++
			return value%2 == 0
		})
		if seen-before > 512 {
			t.Fatalf("%d entries looked at", seen-before)
		}
	}
	if seen != 100_000 || table.Len() != 50_000 {
		t.Errorf("%d looked at, %d left", seen, table.Len())
	}
}

// visit is what a client does with a bucket: an object put and got.
func visit(t *testing.T, k *keyring.Keyring, i int) []byte {
	t.Helper()
	ref := refOf(fmt.Sprintf("arn:aws:s3express:us-west-2:123456789012:bucket/%d--az1--x-s3", i), kmsKeyA)
	blob := sealOnce(t, k, ref)
	open(t, k, ref, blob).Release()
	return blob
}

func TestBucketsVisitedOnceDoNotDriveOutThoseInUse(t *testing.T) {
	bubble(t, keyring.Options{Entries: 100}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		const inUse = 80
		calls := func() int { return kms.count("GenerateDataKey") + kms.count("Decrypt") }
		for range 2 {
			for i := range inUse {
				visit(t, k, i)
			}
			time.Sleep(10 * time.Second)
		}
		of := 0
		for round := range 10 {
			for i := range 2000 {
				visit(t, k, 1000+2000*round+i)
			}
			before := calls()
			for i := range inUse {
				visit(t, k, i)
			}
			of += calls() - before
			time.Sleep(10 * time.Second)
		}
		if of > 0 {
			t.Errorf("buckets in use took %d calls while 20,000 others were visited", of)
		}
	})
}

// Where the entry used least recently made room, each visit of the second round and all later ones would take a call.
func TestAFewBucketsTooManyTakeAFewCalls(t *testing.T) {
	for _, test := range []struct{ buckets, rounds, most int }{{1001, 10, 100}, {1100, 20, 250}, {2000, 20, 1250}} {
		t.Run(fmt.Sprintf("%d buckets in 1000 entries", test.buckets), func(t *testing.T) {
			bubble(t, keyring.Options{Entries: 1000}, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
				blobs := map[string]bool{}
				last := 0
				for round := range test.rounds {
					before := kms.count("Decrypt")
					for i := range test.buckets {
						blobs[string(visit(t, k, i))] = true
					}
					if last = kms.count("Decrypt") - before; round == 0 && last > 0 {
						t.Errorf("%d Decrypt in the first round", last)
					}
					time.Sleep(10 * time.Second)
				}
				if last > test.most {
					t.Errorf("%d visits took %d calls, want %d at most", test.buckets, last, test.most)
				}
				if len(blobs) != test.buckets || kms.count("GenerateDataKey") != test.buckets {
					t.Errorf("%d blobs, %d GenerateDataKey", len(blobs), kms.count("GenerateDataKey"))
				}
			})
		})
	}
}

// Other buckets than before are those whose keys are kept once the earlier ones' have expired, at the latest.
func TestOtherBucketsInUseTakeThePlace(t *testing.T) {
	misses := 0
	options := keyring.Options{Entries: 1000, Observer: keyring.Observer{Miss: func() { misses++ }}}
	bubble(t, options, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		const inUse = 800
		use := func(from int) {
			misses = 0
			for i := range inUse {
				visit(t, k, from+i)
			}
			time.Sleep(10 * time.Second)
		}
		for range 3 {
			use(0)
		}
		for range 36 {
			use(10_000)
		}
		if misses > 0 {
			t.Errorf("%d buckets took %d calls", inUse, misses)
		}
	})
}

// A bucket that is new stays for its visit, also while very many others come.
func TestABucketStaysForItsVisit(t *testing.T) {
	misses := 0
	options := keyring.Options{Entries: 1000, Observer: keyring.Observer{Miss: func() { misses++ }}}
	bubble(t, options, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		for range 2 { // proven ones, so that there is least room
			for i := range 1000 {
				visit(t, k, i)
			}
			time.Sleep(10 * time.Second)
		}
		const n, later = 4000, 8
		refs, blobs := [n]keyring.Ref{}, [n][]byte{}
		misses = 0
		for i := range n {
			refs[i] = refOf(fmt.Sprintf("arn:aws:s3express:us-west-2:123456789012:bucket/new-%d--az1--x-s3", i), kmsKeyA)
			blobs[i] = sealOnce(t, k, refs[i])
			if i >= later {
				open(t, k, refs[i-later], blobs[i-later]).Release()
			}
		}
		if late := misses - n; late > n/10 {
			t.Errorf("%d of %d were gone before the end of their visit", late, n)
		}
	})
}

func TestASealingKeyIsFoundAgain(t *testing.T) {
	evicted := map[keyring.Table]int{}
	options := keyring.Options{Entries: 1, Observer: keyring.Observer{Evicted: func(of keyring.Table) { evicted[of]++ }}}
	bubble(t, options, func(t *testing.T, k *keyring.Keyring, kms *fakeKMS) {
		var blobs [4]string
		for round := range 5 {
			for i := range blobs {
				if blob := string(visit(t, k, i)); round == 0 {
					blobs[i] = blob
				} else if blob != blobs[i] {
					t.Fatalf("bucket %d is sealed under %s, then under %s", i, blobs[i], blob)
				}
			}
		}
		wantCalls(t, kms, 4, 16)
		if evicted[keyring.Opening] != 19 || evicted[keyring.Sealing] != 0 || k.Len(keyring.Opening) != 1 ||
			k.Len(keyring.Sealing) != 4 {
			t.Errorf("%v made room, there are %d and %d", evicted, k.Len(keyring.Opening), k.Len(keyring.Sealing))
		}
		visit(t, k, 4)
		if evicted[keyring.Sealing] != 1 || k.Len(keyring.Sealing) != 4 {
			t.Errorf("%v made room, %d sealing", evicted, k.Len(keyring.Sealing))
		}
		// Nothing is kept that is of no use any more, and what goes then wasn't driven out.
		time.Sleep(2 * time.Hour)
		if k.Len(keyring.Opening) != 0 || k.Len(keyring.Sealing) != 0 || evicted[keyring.Opening] != 20 {
			t.Errorf("%d and %d are left, %v", k.Len(keyring.Opening), k.Len(keyring.Sealing), evicted)
		}
	})
}
