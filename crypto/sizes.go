package crypto

// SaltSize is the size of every salt and of the object id, in bytes; KeySize that of every secret.
const (
	SaltSize = 16
	KeySize  = 32
)
