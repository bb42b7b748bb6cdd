package keyservice

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"sealfront/crypto/keyroot"
	"sealfront/sigv4"
)

// A Service is a key service over records. It is an http.Handler and safe for concurrent use.
type Service struct {
	o         Options
	records   *recordCache
	verifiers map[string]*sigv4.Verifier // by the name of the service
	owned     []keyroot.Root             // closed with it

	mu    sync.Mutex
	usage map[string]usage     // by key id: the last use by this service
	noted map[string]time.Time // when it was written to the records last
	notes sync.WaitGroup       // writing
}

// New makes a service over o.Records, or opens the folder o.Dir. It keeps no file open; Close ends it.
func New(o Options) (*Service, error) {
	if o.Region == "" || len(o.Account) != 12 || o.Callers == nil || (o.Dir == "") == (o.Records == nil) ||
		(o.Records == nil) != (len(o.Roots) == 0) {
		return nil, errors.New("keyservice: Region, an Account of 12 digits, Callers, and Dir or Records with Roots are " +
			"required")
	}
	o = o.withDefaults()
	s := &Service{
		verifiers: newVerifiers(&o), usage: make(map[string]usage), noted: make(map[string]time.Time),
	}
	if o.Dir != "" {
		var err error
		if o.Records, o.Roots, err = openFolder(o.Dir); err != nil {
			return nil, fmt.Errorf("open the key service in %s: %w", o.Dir, err)
		}
		s.owned = o.Roots
	}
	s.o = o
	s.records = newRecordCache(&o)
	if o.Dir != "" { // damage shows at the start, not at a use
		v, err := s.records.readAll(context.Background())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open the key service in %s: %w", o.Dir, err), s.Close())
		}
		v.wipe()
	}
	return s, nil
}

// Close wipes all keys in memory. Nobody may use the service any more.
func (s *Service) Close() error {
	s.notes.Wait()
	s.records.close()
	var err error
	for _, root := range s.owned {
		err = errors.Join(err, root.Close())
	}
	return err
}

// Sweep deletes the keys whose waiting period has ended, and carries out the rotations that are due, of keys that
// nobody uses. Those in use don't wait for it.
func (s *Service) Sweep(ctx context.Context) error {
	v, err := s.records.readAll(ctx)
	if err != nil {
		return err
	}
	defer v.wipe()
	now := s.o.Now()
	for _, k := range v.Keys {
		if !k.due(now) && !k.rotationDue(now) && !k.expired(now) {
			continue
		}
		changed, e := s.records.update(ctx, func(*state) *Error { return nil }, k.ID)
		if e == nil {
			changed.wipe()
		}
		err = errors.Join(err, e)
	}
	return err
}
