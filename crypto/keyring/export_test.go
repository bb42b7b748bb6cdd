package keyring

import "time"

// Secret lets tests see when a bucket key is wiped.
func (u *Use) Secret() *[32]byte { return &u.key.secret }

// HashBlobsAlike makes all blobs of a Ref meet under one name. Call it before the keyring is used.
func (k *Keyring) HashBlobsAlike() { k.hashBlob = func([]byte) uint64 { return 7 } }

// A TestTable is a table of numbers. Its methods are the table's.
type TestTable struct{ t *table[int, int] }

// NewTestTable makes a table that calls left with each value that leaves.
func NewTestTable(size int, visit time.Duration, left func(int)) TestTable {
	return TestTable{newTable[int](size, visit, left)}
}

func (t TestTable) Get(key int, now time.Time) (int, bool)        { return t.t.get(key, now) }
func (t TestTable) Put(key, value int, now time.Time) (int, bool) { return t.t.put(key, value, now) }
func (t TestTable) Remove(key int)                                { t.t.remove(key) }
func (t TestTable) RemoveIf(end, n int, over func(int) bool) int  { return t.t.removeIf(end, n, over) }
func (t TestTable) Len() int                                      { return t.t.len() }

// Entries returns all keys and values, and how many entries are proven; ok says whether the table is in order.
func (t TestTable) Entries() (entries map[int]int, proven int, ok bool) {
	entries, ok = make(map[int]int), true
	t.t.each(func(key, value int) { entries[key] = value })
	for i, e := range t.t.all {
		ok = ok && e.index == i && t.t.found[e.key] == e
	}
	return entries, t.t.proven, ok && len(t.t.found) == len(t.t.all) && t.t.proven <= len(t.t.all)
}
