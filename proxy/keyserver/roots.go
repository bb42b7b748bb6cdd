package keyserver

import (
	"errors"
	"fmt"
	"io/fs"

	"sealfront/crypto/keyroot"
	"sealfront/crypto/keyroot/file"
	"sealfront/proxy/config"
)

// A namedRoot is a root by its name in the configuration.
type namedRoot struct {
	keyroot.Root
	name string
}

// openRoots opens all roots; the one that wraps comes first. All that can't be opened are in the one error, a
// config.Faults. None is ever made.
func openRoots(c *config.KeyService) ([]namedRoot, error) {
	var list []namedRoot
	var faults config.Faults
	for i := range c.Roots {
		r := &c.Roots[i]
		root, err := openRoot(r)
		if err != nil {
			faults = append(faults, config.Fault{Path: fmt.Sprintf("roots[%d].%s", i, settingOf(r.Kind)), Why: err.Error()})
			continue
		}
		if r.Name == c.Root {
			list = append([]namedRoot{{root, r.Name}}, list...)
		} else {
			list = append(list, namedRoot{root, r.Name})
		}
	}
	for i, r := range list {
		for _, earlier := range list[:i] {
			if r.Identity() == earlier.Identity() {
				faults = append(faults, config.Fault{
					Path: "roots", Why: fmt.Sprintf("%s and %s are the same root: %s", earlier.name, r.name, r.Identity()),
				})
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults, closeRoots(list))
	}
	return list, nil
}

// settingOf is the setting that says where a root of a kind is.
func settingOf(kind string) string {
	if kind == "file" {
		return "file"
	}
	return "kind"
}

func openRoot(r *config.Root) (keyroot.Root, error) {
	switch r.Kind {
	case "file":
		root, err := file.Open(r.File)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s is missing: bring the root key back, or make one for new records by 'sealfront kms root "+
				"%s'", r.File, r.File)
		}
		if err != nil {
			return nil, err
		}
		return root, nil
	}
	return nil, fmt.Errorf("%q is no kind of root", r.Kind)
}

func closeRoots(list []namedRoot) (err error) {
	for _, r := range list {
		err = errors.Join(err, r.Close())
	}
	return err
}

func plain(list []namedRoot) (roots []keyroot.Root) {
	for _, r := range list {
		roots = append(roots, r.Root)
	}
	return roots
}

// nameOf is a root's name, for the log and the metrics.
func nameOf(list []namedRoot, identity string) string {
	for _, r := range list {
		if r.Identity() == identity {
			return r.name
		}
	}
	return "unknown"
}
