//go:build !noembedded

package localstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"sealfront/proxy/socket"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3api"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3api/utils"
)

// startTimeout bounds how long Start waits for the listener.
const startTimeout = 20 * time.Second

// A Store is a running embedded store.
type Store struct {
	address string
	backend *posix.Posix
	server  *s3api.S3ApiServer
	served  chan error
}

// Start opens the store below o.Dir and serves it. It returns when it accepts connections.
func Start(ctx context.Context, o Options) (*Store, error) {
	if !filepath.IsAbs(o.Dir) {
		return nil, fmt.Errorf("localstore: %q is not an absolute path", o.Dir)
	}
	if o.Report != nil {
		if err := reportTo(o.Report); err != nil {
			return nil, fmt.Errorf("take over what the embedded store writes to standard error: %w", err)
		}
	}
	objects := filepath.Join(o.Dir, "objects")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return nil, fmt.Errorf("make the store's directory: %w", err)
	}
	if err := sweep(objects, time.Now()); err != nil {
		return nil, fmt.Errorf("remove what ended programs left in the embedded store: %w", err)
	}
	var opts posix.PosixOpts
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	opts.Concurrency = 5000
	// The backend refuses store-side copies above its threshold; ours end at the largest sealed PUT.
	opts.CopyObjectThreshold = 5 << 30
	// MD5 would bound the PUT path at a fifth of AES-GCM's speed.
	opts.DataIntegrityEtag = true

	var storer meta.MetadataStorer = meta.XattrMeta{}
	if err := (meta.XattrMeta{}).Test(objects); err != nil {
		side := filepath.Join(o.Dir, "meta")
		if err := os.MkdirAll(side, 0o700); err != nil {
			return nil, fmt.Errorf("make the store's metadata directory: %w", err)
		}
		sidecar, err := meta.NewSideCar(side)
		if err != nil {
			return nil, fmt.Errorf("open the store's metadata directory: %w", err)
		}
		storer, opts.SideCarDir = sidecar, side
	}
	backend, err := posix.New(objects, storer, opts)
	if err != nil {
		return nil, fmt.Errorf("open the embedded store in %s: %w", objects, err)
	}

	utils.SetBucketNameValidationStrict(true)
	root := middlewares.RootUserConfig{Access: o.AccessKey, Secret: o.SecretKey}
	iam := auth.NewIAMServiceSingle(auth.Account{Access: o.AccessKey, Secret: o.SecretKey, Role: auth.RoleAdmin})
	listening := make(chan struct{})
	server, err := s3api.New(newGuarded(backend), root, o.Region, iam, nil, nil, nil, nil,
		s3api.WithQuiet(), s3api.WithKeepAlive(), s3api.WithConcurrencyLimiter(250_000, 100_000),
		s3api.WithMpMaxParts(10_000),
		s3api.WithOnListen(func() { close(listening) }))
	if err != nil {
		backend.Shutdown()
		return nil, fmt.Errorf("make the embedded store's front end: %w", err)
	}

	address, err := socket.UnusedAddress()
	if err != nil {
		backend.Shutdown()
		return nil, fmt.Errorf("find a port for the embedded store: %w", err)
	}
	s := &Store{address: address, backend: backend, server: server, served: make(chan error, 1)}
	go func() { s.served <- server.ServeMultiPort([]string{address}) }()
	timer := time.NewTimer(startTimeout)
	defer timer.Stop()
	select {
	case <-listening:
		return s, nil
	case err := <-s.served:
		backend.Shutdown()
		return nil, fmt.Errorf("serve the embedded store on %s: %w", s.address, err)
	case <-timer.C:
		err = errors.New("no listener in time")
	case <-ctx.Done():
		err = ctx.Err()
		// A front end that is stopped before it listens would begin to listen afterwards, and never end.
		select {
		case <-listening:
		case failed := <-s.served:
			s.served <- failed // for Close
		case <-timer.C:
		}
	}
	_ = s.Close()
	return nil, fmt.Errorf("serve the embedded store on %s: %w", s.address, err)
}

// Close stops the front end, waits for requests in flight and closes the backend.
func (s *Store) Close() error {
	defer s.backend.Shutdown()
	ended := make(chan struct{})
	go func() {
		<-s.served // only says that its listener was closed
		close(ended)
	}()
	for {
		err := s.server.ShutDown()
		select {
		case <-ended:
			return err
		case <-time.After(shutDownEvery):
			// It says that it listens a moment before it can be stopped: what comes in between stops nothing.
		}
	}
}

// shutDownEvery is how often a front end that doesn't end is stopped again.
const shutDownEvery = 50 * time.Millisecond

// Address is where the store listens, host:port.
func (s *Store) Address() string { return s.address }
