package keyring

import "time"

// swept is how many entries are looked at under one lock: some tens of microseconds.
const swept = 512

// sweep removes what is over: plaintexts that nobody used since they expired, which wipes them, and what no new object
// can be sealed under. An entry that moves while a round goes on may be missed by it, so there are two in the time that
// is promised.
func (k *Keyring) sweep() {
	ticker := time.NewTicker(max(k.options.Lifetime/20, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-k.life.Done():
			return
		case <-ticker.C:
		}
		now := k.options.Now()
		sweepTable(k, k.opening, func(b *bucketKey) bool { return !now.Before(b.expires) })
		sweepTable(k, k.sealing, func(s *sealingKey) bool { return !s.usable(now, k.options.MaxUses) })
	}
}

func sweepTable[K comparable, V any](k *Keyring, t *table[K, V], over func(V) bool) {
	k.mu.Lock()
	end := t.len()
	k.mu.Unlock()
	for end > 0 && k.life.Err() == nil {
		k.mu.Lock()
		end = t.removeIf(end, swept, over)
		k.mu.Unlock()
	}
}
