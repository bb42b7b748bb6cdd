//go:build pkcs11

package pkcs11

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/miekg/pkcs11"
)

// A library is a module that was loaded and initialized. Its state is the process's, so roots share it.
type library struct {
	*pkcs11.Ctx
	path  string
	users int // under libraries
}

// libraries are the modules in use, by path.
var libraries = struct {
	sync.Mutex
	byPath map[string]*library
}{byPath: map[string]*library{}}

// load returns the module at path. release gives it back.
func load(path string) (*library, error) {
	libraries.Lock()
	defer libraries.Unlock()
	if l := libraries.byPath[path]; l != nil {
		l.users++
		return l, nil
	}
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("load the PKCS #11 module: %w", err)
	}
	l := &library{Ctx: pkcs11.New(path), path: path, users: 1}
	if l.Ctx == nil {
		return nil, fmt.Errorf("%s can't be loaded as a PKCS #11 module: is it for this machine, with all libraries that "+
			"it needs (ldd)?", path)
	}
	if err := l.start(); err != nil {
		l.Destroy()
		return nil, fmt.Errorf("initialize the PKCS #11 module %s: %w", path, err)
	}
	libraries.byPath[path] = l
	return l, nil
}

// start initializes the module, or finds it initialized.
func (l *library) start() error {
	err := l.Initialize()
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		return nil
	}
	return err
}

func (l *library) release() error {
	libraries.Lock()
	defer libraries.Unlock()
	if l.users--; l.users > 0 {
		return nil
	}
	delete(libraries.byPath, l.path)
	err := l.Finalize()
	l.Destroy()
	if errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED)) {
		return nil // by the same module under another path
	}
	return err
}
