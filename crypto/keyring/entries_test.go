package keyring_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"sealfront/crypto/keyring"
)

// manyKeys is a KMS that remembers nothing; blobs are as long as those of AWS.
type manyKeys struct{ generated uint64 }

func (m *manyKeys) GenerateDataKey(context.Context, string, map[string]string) (plaintext, blob []byte, err error) {
	m.generated++
	blob = binary.BigEndian.AppendUint64(make([]byte, 184), m.generated)
	plaintext, err = m.Decrypt(context.Background(), "", blob, nil)
	return plaintext, blob, err
}

func (*manyKeys) Decrypt(_ context.Context, _ string, blob []byte, _ map[string]string) ([]byte, error) {
	return append(make([]byte, 23), blob[183:]...), nil
}

func (*manyKeys) DescribeKey(context.Context, string) (arn, state, manager, spec, usage string, err error) {
	return "", "", "", "", "", nil
}

// heap is how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestEntriesTakeTheMemoryThatIsSaid fills both tables at default settings, the blobs of which sealing has four times
// as many, and holds what Options.Entries and OPERATING.md say of their memory.
func TestEntriesTakeTheMemoryThatIsSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	k := keyring.New(&manyKeys{}, keyring.Options{})
	defer k.Close()
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			sealOnce(t, k, refOf(fmt.Sprintf("arn:aws:s3express:us-west-2:123456789012:bucket/bucket-%06d--usw2-az1--x-s3", i),
				fmt.Sprintf("arn:aws:kms:us-west-2:123456789012:key/1234abcd-12ab-34cd-56ef-%012d", i)))
		}
	}
	before := heap()
	for _, c := range []struct{ buckets, opening, sealing, most int }{
		{65_536, 65_536, 65_536, 70 << 20}, {262_144, 65_536, 262_144, 190 << 20}, {270_000, 65_536, 262_144, 190 << 20},
	} {
		fill(k.Len(keyring.Sealing), c.buckets)
		took := int(heap() - before)
		t.Logf("%d buckets: %d MiB", c.buckets, took>>20)
		if o, s := k.Len(keyring.Opening), k.Len(keyring.Sealing); o != c.opening || s != c.sealing || took > c.most {
			t.Errorf("%d buckets: %d and %d entries, %d bytes", c.buckets, o, s, took)
		}
	}
	began := time.Now()
	k.Drop("another key")
	t.Logf("Drop took %v", time.Since(began))
	runtime.KeepAlive(k)
}
