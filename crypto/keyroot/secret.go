package keyroot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// A Secret is a token, PIN or password of a root: given as it is, or by a file or an environment variable that holds
// it. One of the three is set. It is looked up at each use, so that a file that was replaced counts from then on.
type Secret struct {
	Value string
	File  string // a line end at its end doesn't count
	Env   string // name of the variable
}

// maxSecret bounds what is read from a file, in bytes: more than any token has, less than a wrong file may.
const maxSecret = 64 << 10

// Set reports whether the secret is given in one way at least.
func (s Secret) Set() bool { return s.Value != "" || s.File != "" || s.Env != "" }

// Check adds what is wrong with the settings path, path_file and path_env. It reads nothing.
func (s Secret) Check(f *Faults, path string, required bool) {
	ways := 0
	for _, way := range []string{s.Value, s.File, s.Env} {
		if way != "" {
			ways++
		}
	}
	switch {
	case ways > 1:
		f.Add(path, "only one of %[1]s, %[1]s_file and %[1]s_env may be set", lastWord(path))
	case ways == 0 && required:
		f.Add(path, "one of %[1]s, %[1]s_file and %[1]s_env must be set", lastWord(path))
	}
}

func lastWord(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// Read returns the secret. Errors name where it was looked for and never hold a part of it.
func (s Secret) Read() (string, error) {
	var value string
	switch {
	case s.File != "":
		file, err := os.Open(s.File)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return "", fmt.Errorf("the file %s doesn't exist", s.File)
			}
			return "", err
		}
		defer func() { _ = file.Close() }()
		buffer, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
		if err != nil {
			return "", err
		}
		value = strings.TrimRight(string(buffer), "\r\n")
		clear(buffer)
		if len(buffer) > maxSecret {
			return "", fmt.Errorf("the file %s has more than %d bytes, which is no secret", s.File, maxSecret)
		}
		if value == "" {
			return "", fmt.Errorf("the file %s is empty", s.File)
		}
	case s.Env != "":
		if value = os.Getenv(s.Env); value == "" {
			return "", fmt.Errorf("the environment variable %s isn't set", s.Env)
		}
	default:
		value = s.Value
	}
	if strings.ContainsAny(value, "\r\n\x00") {
		return "", errors.New("the secret has more than one line")
	}
	return value, nil
}
