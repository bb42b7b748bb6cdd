package keyring

// Secret lets tests see when a bucket key is wiped.
func (u *Use) Secret() *[32]byte { return &u.key.secret }

// HashBlobsAlike makes all blobs of a Ref meet under one name. Call it before the keyring is used.
func (k *Keyring) HashBlobsAlike() { k.hashBlob = func([]byte) uint64 { return 7 } }
