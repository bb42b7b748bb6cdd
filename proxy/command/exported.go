package command

import (
	"fmt"
	"net"
	"strings"

	"sealfront/proxy/config"
)

// An exportedVariable is an environment variable that clients read, with the value that makes them use this server.
type exportedVariable struct{ name, value string }

const (
	caBundle    = "AWS_CA_BUNDLE"
	exportsFile = "exports" // in the data directory
)

// shell is the line that sets it.
func (e exportedVariable) shell() string { return "export " + e.name + "=" + quote(e.value) }

// reachable is an address that a client on this machine can use.
func reachable(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if ok && t.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", t.Port)
	}
	return a.String()
}

// quote quotes a value as one word of a POSIX shell.
func quote(value string) string {
	plain := value != "" &&
		strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,") == ""
	if plain {
		return value
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}

// unquote is quote's inverse.
func unquote(word string) string {
	if inner, ok := strings.CutPrefix(word, "'"); ok {
		return strings.ReplaceAll(strings.TrimSuffix(inner, "'"), `'\''`, "'")
	}
	return word
}

func adminScheme(c *config.Config) string {
	if c.Admin.Cert != "" {
		return "https"
	}
	return "http"
}
