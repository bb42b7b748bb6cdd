package keyring

import "context"

// SealFresh is Seal with a new bucket key from KMS each time, which serves nobody else and is kept nowhere: for objects
// that have no bucket key.
func (k *Keyring) SealFresh(ctx context.Context, ref Ref) (*Use, error) {
	return k.fresh(ctx, ref, nil)
}

// OpenFresh is Open that calls KMS each time and keeps nothing.
func (k *Keyring) OpenFresh(ctx context.Context, ref Ref, blob []byte) (*Use, error) {
	if len(blob) == 0 {
		return nil, ErrBadKey
	}
	return k.fresh(ctx, ref, blob)
}

func (k *Keyring) fresh(ctx context.Context, ref Ref, blob []byte) (*Use, error) {
	if k.life.Err() != nil {
		return nil, ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, k.options.Timeout)
	defer cancel()
	key, err := k.fetch(ctx, ref, blob)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	use := key.use(k)
	key.retire()
	return use, nil
}

// SealAfterCall is SealPrepared that calls KMS for a new bucket key each time, whatever is in memory, and fails if that
// call does: for requests of which S3 says that each calls KMS. It makes no second call. What it returns is the bucket
// key that other objects are sealed under as well, so that they are read without a call each. The new one becomes it
// where there is none that is in memory and could be used much longer; otherwise it is wiped.
func (k *Keyring) SealAfterCall(ctx context.Context, p *Prepared) (*Use, error) {
	k.mu.Lock()
	drops := k.drops
	k.mu.Unlock()
	asked := k.options.Now()
	use, err := k.fresh(ctx, p.ref, nil)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || k.drops != drops { // the answer must not be kept, and serves this request only
		return use, nil
	}
	if shared := k.sealInMemory(p); shared != nil {
		use.end()
		return shared, nil
	}
	use.key.retired = false
	k.keepSealing(p.identity, use.key, asked, 1)
	return use, nil
}

// sealInMemory is SealPrepared that makes no call and begins no renewal; nil where one is needed. mu is held.
func (k *Keyring) sealInMemory(p *Prepared) *Use {
	now := k.options.Now()
	current, ok := k.sealing.get(p.identity, now)
	if !ok || !current.usable(now, k.options.MaxUses) || current.shouldRenew(now, &k.options) {
		return nil
	}
	use := k.useInMemory(&p.ref, current.opening, current.blob, now)
	if use != nil {
		current.uses++
	}
	return use
}
