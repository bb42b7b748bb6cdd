package localkms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"sealfront/sigv4"
)

// Options configure a Service. Dir, Region, Account and Credentials are required.
type Options struct {
	Dir    string // made with mode 0700 if it isn't there; an absolute path if the process changes its directory
	Region string // of new keys, and of the requests that are accepted
	// Earlier are regions that it had before: keys made then are found by the ARNs that they keep.
	Earlier []string
	Account string // of new keys, 12 digits
	// Credentials returns the secret of an access key id. It is called for every request, by many goroutines.
	Credentials func(accessKeyID string) (secret string, ok bool)
	// Now is the clock, for signatures and key deletion; default time.Now.
	Now func() time.Time
	// Fault, if set, is asked before each action that came over the wire ("Decrypt"); an error it returns is the answer.
	// An *Error is answered as it is, any other error as KMSInternalException.
	Fault func(action string) error
}

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
		o: o, store: store, verifier: sigv4.NewVerifier(sigv4.Options{Regions: append([]string{o.Region}, o.Earlier...), Now: o.Now}),
		usage: make(map[string]usage), noted: make(map[string]time.Time),
	}, nil
}

// CreateKey makes a symmetric encryption key for the embedding program and returns its ARN.
func (s *Service) CreateKey(ctx context.Context, description string) (arn string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	k, err := s.newKey(description, specSymmetric, usageEncrypt, false)
	if err != nil {
		return "", err
	}
	return k.ARN, s.add(k)
}

// Serve answers requests on ln until ctx ends, then waits up to 5 seconds for those under way, but not for connections on which
// nothing was asked: clients keep some in store. It closes ln, and returns nil when ctx was the reason.
func (s *Service) Serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
	var mu sync.Mutex
	unused := make(map[net.Conn]bool)
	server.ConnState = func(c net.Conn, state http.ConnState) {
		mu.Lock()
		defer mu.Unlock()
		if state == http.StateNew {
			unused[c] = true
		} else {
			delete(unused, c)
		}
	}
	server.RegisterOnShutdown(func() { // else they are waited for
		mu.Lock()
		defer mu.Unlock()
		for c := range unused {
			_ = c.Close()
		}
	})
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := server.Shutdown(closing)
	if err != nil {
		err = errors.Join(err, server.Close())
	}
	<-failed
	return err
}
