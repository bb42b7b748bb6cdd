package localkms

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"sealfront/sigv4"
)

// A Service is a key service over one directory. It is an http.Handler and safe for concurrent use.
type Service struct {
	o        Options
	store    *store
	verifier *sigv4.Verifier

	mu    sync.Mutex
	usage map[string]usage     // by key id: the last use by this service
	noted map[string]time.Time // when it was written to the file last
}

// New opens the directory, or makes it and its root key. It starts no goroutine and keeps no file open.
func New(o Options) (*Service, error) {
	if o.Dir == "" || o.Region == "" || len(o.Account) != 12 || o.Credentials == nil {
		return nil, errors.New("localkms: Dir, Region, an Account of 12 digits and Credentials are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	store, err := openStore(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the key service in %s: %w", o.Dir, err)
	}
	return &Service{
		o: o, store: store, verifier: sigv4.NewVerifier(sigv4.Options{
			Regions: append([]string{o.Region}, o.Earlier...), Now: o.Now,
		}),
		usage: make(map[string]usage), noted: make(map[string]time.Time),
	}, nil
}
