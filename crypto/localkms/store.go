package localkms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// store keeps the state in one sealed file. Changes of any service over the same directory are made one after
// the other, under a lock on a file; readers see the newest file.
type store struct {
	dir  string
	root cipher.AEAD // over the root key, with random nonces; a state is sealed once for each change

	mu   sync.RWMutex
	now  *state      // the state of file; never changed, only replaced
	file fs.FileInfo // of the file that now was read from; nil when there was none
}

const (
	rootName = "root.key"
	keysName = "keys"
	lockName = "lock"

	tempSuffix = ".tmp"
	keysMagic  = "sealfront local keys 1\n" // begins the file, and is its additional data
)

func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &store{dir: dir, now: newState()}
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := s.removeTemporary(); err != nil {
		return nil, err
	}
	root, err := s.rootKey()
	if err != nil {
		return nil, err
	}
	defer clear(root)
	block, err := aes.NewCipher(root)
	if err != nil {
		return nil, err
	}
	if s.root, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, err
	}
	return s, s.refresh()
}

// lock keeps other processes from changing the directory until unlock is called.
func (s *store) lock() (unlock func(), err error) { return lockFile(filepath.Join(s.dir, lockName)) }

// rootKey reads the root key, or makes it in a directory without keys. It refuses one that others may read.
func (s *store) rootKey() ([]byte, error) {
	path := filepath.Join(s.dir, rootName)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(s.dir, keysName)); !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing, but there are keys sealed under it", rootName)
		}
		root := make([]byte, materialSize)
		if _, err := rand.Read(root); err != nil {
			return nil, err
		}
		return root, s.replace(rootName, root)
	}
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s may be read by others (mode %04o); it must have mode 0600", rootName,
			info.Mode().Perm())
	}
	root, err := os.ReadFile(path)
	if err == nil && len(root) != materialSize {
		err = fmt.Errorf("%s has %d bytes, not %d", rootName, len(root), materialSize)
	}
	return root, err
}

// view returns the newest state, without keys that are due to be deleted or rotated. The caller changes nothing in it.
func (s *store) view(now time.Time) (*state, error) {
	s.mu.RLock()
	st, known := s.now, s.file
	s.mu.RUnlock()
	info, err := os.Stat(filepath.Join(s.dir, keysName))
	fresh := err == nil && known != nil && os.SameFile(info, known) && info.Size() == known.Size() &&
		info.ModTime().Equal(known.ModTime()) ||
		errors.Is(err, fs.ErrNotExist) && known == nil
	if !fresh {
		s.mu.Lock()
		err := s.refresh()
		st = s.now
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	if !st.anyDue(now) {
		return st, nil
	}
	return s.update(now, func(*state) *Error { return nil })
}

// update changes the state: change gets a copy of the newest one, and what it leaves is written before update returns
// the new state. When change fails nothing is written. Keys that are due are removed first, and rotations that are due
// carried out.
func (s *store) update(now time.Time, change func(*state) *Error) (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	next, _, err := s.load()
	if err != nil {
		return nil, err
	}
	next.removeDue(now)
	next.rotateDue(now)
	if failure := change(next); failure != nil {
		return nil, failure
	}
	plain, err := json.Marshal(next)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	if err := s.replace(keysName, s.root.Seal([]byte(keysMagic), nil, plain, []byte(keysMagic))); err != nil {
		return nil, err
	}
	return next, s.refresh()
}

// refresh reads the file anew; s.mu is held, or nobody else knows s yet.
func (s *store) refresh() error {
	st, info, err := s.load()
	if err != nil {
		return err
	}
	s.now, s.file = st, info
	return nil
}

// load reads and opens the file; a missing one is an empty state.
func (s *store) load() (*state, fs.FileInfo, error) {
	f, err := os.Open(filepath.Join(s.dir, keysName))
	if errors.Is(err, fs.ErrNotExist) {
		return newState(), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	sealed := make([]byte, info.Size())
	if _, err := f.ReadAt(sealed, 0); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", keysName, err)
	}
	if len(sealed) < len(keysMagic) || string(sealed[:len(keysMagic)]) != keysMagic {
		return nil, nil, fmt.Errorf("%s is no file of keys", keysName)
	}
	plain, err := s.root.Open(nil, nil, sealed[len(keysMagic):], []byte(keysMagic))
	if err != nil {
		return nil, nil, fmt.Errorf("%s is damaged, or sealed under another %s", keysName, rootName)
	}
	defer clear(plain)
	st := newState()
	if err := json.Unmarshal(plain, st); err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", keysName, err)
	}
	return st, info, nil
}

// replace writes a file of mode 0600 so that a crash leaves the old one or the new one, whole.
func (s *store) replace(name string, data []byte) error {
	f, err := os.CreateTemp(s.dir, name+".*"+tempSuffix) // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(s.dir)
}

// removeTemporary takes away what a crash in replace has left; the lock is held, so nobody is writing.
func (s *store) removeTemporary() error {
	left, err := filepath.Glob(filepath.Join(s.dir, "*"+tempSuffix))
	for _, name := range left {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
