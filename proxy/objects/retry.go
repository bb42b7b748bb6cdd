package objects

import (
	"errors"

	"sealfront/proxy/s3"
)

// ErrReplaced means that the object was overwritten between two requests to the store.
var ErrReplaced = s3.Unavailable(errors.New("the object was replaced while it was read"))

// GetAttempts is how often a read starts again when the object is overwritten under it.
const GetAttempts = 3

// Retry runs do, which reads an object, again when the object was replaced meanwhile.
func Retry(do func() error) (err error) {
	for range GetAttempts {
		if err = do(); !errors.Is(err, ErrReplaced) {
			return err
		}
	}
	return err
}
