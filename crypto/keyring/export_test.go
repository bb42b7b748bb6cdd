package keyring

// Secret lets tests see when a bucket key is wiped.
func (u *Use) Secret() *[32]byte { return &u.key.secret }
