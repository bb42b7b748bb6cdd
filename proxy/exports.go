package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sealfront/proxy/config"
)

// An exported variable is one that clients read, with the value that leads them here.
type exported struct{ name, value string }

const (
	caBundle    = "AWS_CA_BUNDLE"
	exportsFile = "exports" // in the data directory
)

// shell is the line that sets it.
func (e exported) shell() string { return "export " + e.name + "=" + quote(e.value) }

// exports are the variables of this start, in the order in which they are printed.
func (p *parts) exports(c *config.Config, file string, listeners map[string]net.Listener) []exported {
	var list []exported
	add := func(name, value string) {
		if value != "" {
			list = append(list, exported{name, value})
		}
	}
	url := func(name, scheme string) string {
		ln := listeners[name]
		if ln == nil {
			return ""
		}
		return scheme + "://" + reachable(ln.Addr())
	}
	add("AWS_ENDPOINT_URL", or(url("https", "https"), url("http", "http")))
	if file == "" {
		add(caBundle, p.authority.file)
		add("AWS_ACCESS_KEY_ID", p.data.AccessKey)
		add("AWS_SECRET_ACCESS_KEY", p.data.SecretKey)
		add("AWS_REGION", c.Region)
		add("AWS_DEFAULT_REGION", c.Region) // what boto3 and the AWS CLI of version 1 read
		add("SEALFRONT_BUCKET", demoBucket)
		add("SEALFRONT_KMS_KEY", p.data.BucketKMSKey)
		add("SEALFRONT_KMS_ENDPOINT", p.kmsEndpoint)
	}
	add("SEALFRONT_ADMIN", url("admin", adminScheme(c)))
	add("SEALFRONT_HTTP_URL", url("http", "http"))
	return list
}

func adminScheme(c *config.Config) string {
	if c.Admin.Cert != "" {
		return "https"
	}
	return "http"
}

// export writes the lines that a shell can evaluate, and "# ready". A data directory keeps them for the command exports.
func (p *parts) export(w io.Writer, c *config.Config, file string, listeners map[string]net.Listener) error {
	var b strings.Builder
	for _, e := range p.exports(c, file, listeners) {
		b.WriteString(e.shell() + "\n")
	}
	if p.data != nil {
		if err := writeFile(p.data.join(exportsFile), []byte(b.String())); err != nil {
			return fmt.Errorf("keep the exports: %w", err)
		}
	}
	_, err := io.WriteString(w, b.String()+"# ready\n")
	return err
}

// prepareExports prints the exports of an installation for one kind of client.
func prepareExports(v *invocation) action {
	v.at.register(v.FlagSet)
	kind := v.String("for", "aws", "`KIND` of client: "+strings.Join(clientKinds, ", "))
	return func(context.Context, []string) error {
		if !slices.Contains(clientKinds, *kind) {
			return usagef("--for %q is none of %s", *kind, strings.Join(clientKinds, ", "))
		}
		c, err := v.at.load()
		if err != nil {
			return err
		}
		list, err := lastExports(c)
		if errors.Is(err, fs.ErrNotExist) && v.at.file == "" {
			return fmt.Errorf("%s was never served from by this release: start sealfront serve with it", c.Data)
		}
		if errors.Is(err, fs.ErrNotExist) {
			list, err = configuredExports(c), nil
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(e exported) bool { return e.name == "AWS_REGION" }) {
			list = append(list, exported{"AWS_REGION", c.Region}, exported{"AWS_DEFAULT_REGION", c.Region})
		}
		ca := ""
		if c.KeepsData() && c.TLS.Cert == "" {
			ca = filepath.Join(c.Data, "tls", "ca.pem")
		}
		_, err = io.WriteString(v.stdout, strings.Join(exportsFor(*kind, list, ca), "\n")+"\n")
		return err
	}
}

// lastExports are those of the server that runs from the data directory, or ran from it last.
func lastExports(c *config.Config) ([]exported, error) {
	if !c.KeepsData() {
		return nil, fs.ErrNotExist
	}
	text, err := os.ReadFile(filepath.Join(c.Data, exportsFile))
	if err != nil {
		return nil, err
	}
	var list []exported
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "export "), "=")
		if !ok {
			return nil, fmt.Errorf("%s has a line that sealfront didn't write: %s", exportsFile, line)
		}
		list = append(list, exported{name, unquote(value)})
	}
	return list, nil
}

// configuredExports are what a configuration says by itself: not the ports that the system chose.
func configuredExports(c *config.Config) []exported {
	var list []exported
	add := func(name, scheme, address string) bool {
		a, err := net.ResolveTCPAddr("tcp", address)
		if address == "" || err != nil || a.Port == 0 {
			return false
		}
		list = append(list, exported{name, scheme + "://" + reachable(a)})
		return true
	}
	if !add("AWS_ENDPOINT_URL", "https", c.Listen.HTTPS) {
		add("AWS_ENDPOINT_URL", "http", c.Listen.HTTP)
	}
	add("SEALFRONT_ADMIN", adminScheme(c), c.Listen.Admin)
	add("SEALFRONT_HTTP_URL", "http", c.Listen.HTTP)
	return list
}

var clientKinds = []string{"aws", "go", "node", "java", "curl", "system"}

// exportsFor are the lines for one kind of client, which differ in how it comes to trust the authority in the file ca. Programs in Go
// that bring an HTTP client of their own end at the start when they find AWS_CA_BUNDLE, so it is for the others only.
func exportsFor(kind string, list []exported, ca string) []string {
	var lines []string
	for _, e := range list {
		if e.name != caBundle {
			lines = append(lines, e.shell())
		}
	}
	if ca == "" {
		return append(lines, "# the certificate is another authority's: "+kind+" clients trust it by themselves or are told by whoever made it")
	}
	set := func(name string) { lines = append(lines, exported{name, ca}.shell()) }
	quoted := quote(ca)
	switch kind {
	case "aws":
		set(caBundle)
	case "go":
		lines = append(lines, "unset "+caBundle)
		set("SSL_CERT_FILE")
	case "node":
		set("NODE_EXTRA_CA_CERTS")
	case "curl":
		set("CURL_CA_BUNDLE")
	case "java":
		lines = append(lines,
			"# The JVM reads key stores only. Once, in a folder of your choice:",
			"#   keytool -importcert -noprompt -alias sealfront -storepass changeit -keystore sealfront.jks -file "+quoted,
			`#   export JAVA_TOOL_OPTIONS="-Djavax.net.ssl.trustStore=$PWD/sealfront.jks -Djavax.net.ssl.trustStorePassword=changeit"`)
	case "system":
		lines = append(lines,
			"# For every program of this machine, as root:",
			"#   Debian, Ubuntu, Alpine: cp "+quoted+" /usr/local/share/ca-certificates/sealfront.crt && update-ca-certificates",
			"#   Fedora, RHEL:           cp "+quoted+" /etc/pki/ca-trust/source/anchors/sealfront.pem && update-ca-trust",
			"#   macOS:                  security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "+quoted)
	}
	return lines
}

// reachable is an address that a client on this machine can use.
func reachable(a net.Addr) string {
	t, ok := a.(*net.TCPAddr)
	if ok && t.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", t.Port)
	}
	return a.String()
}

// quote makes a value one word of a POSIX shell.
func quote(value string) string {
	plain := value != "" && strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,") == ""
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
