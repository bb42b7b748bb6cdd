package command

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

func exportsCommand() command {
	return command{
		name: "exports", summary: "write the environment of a client, for a shell to evaluate",
		synopsis: []string{"sealfront exports [--for KIND] [" + toolWhere + "]"},
		description: []string{
			"Writes endpoint, Region and, with an installation of its own store and key service, credentials and names to " +
				"stdout, as 'serve' does when it is ready: those of the server that runs from the data directory, or ran " +
				"from it last. With a configuration that embeds nothing, the values of the configuration.",
			"KIND selects how the client learns to trust the program's own certificate authority. aws (default): " +
				"AWS_CA_BUNDLE, for the AWS CLI and SDKs. go: SSL_CERT_FILE, since programs in Go that bring an HTTP client of " +
				"their own end at the start where AWS_CA_BUNDLE is set. node: NODE_EXTRA_CA_CERTS. curl: CURL_CA_BUNDLE. java " +
				"and system: the commands to run once, as comments.",
		},
		examples: []example{
			{
				"For the AWS CLI, while a server runs; to be evaluated: eval \"$(…)\"",
				"sealfront exports --data ./sealfront-data",
			},
			{"For rclone, litestream, docker-registry and others in Go", "sealfront exports --for go --data ./sealfront-data"},
		},
		files: []entry{
			configFile, embeddedData, {"DIR/exports", "what the last start exported; readable by the owner only"},
		},
		prepare: prepareExports,
	}
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
			return fmt.Errorf("this release never served from %s: start sealfront serve with it", c.Data)
		}
		if errors.Is(err, fs.ErrNotExist) {
			list, err = configuredExports(c), nil
		}
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(e exportedVariable) bool { return e.name == "AWS_REGION" }) {
			list = append(list, exportedVariable{"AWS_REGION", c.Region}, exportedVariable{"AWS_DEFAULT_REGION", c.Region})
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
func lastExports(c *config.Config) ([]exportedVariable, error) {
	if !c.KeepsData() {
		return nil, fs.ErrNotExist
	}
	text, err := os.ReadFile(filepath.Join(c.Data, exportsFile))
	if err != nil {
		return nil, err
	}
	var list []exportedVariable
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "export "), "=")
		if !ok {
			return nil, fmt.Errorf("%s has a line that sealfront didn't write: %s", exportsFile, line)
		}
		list = append(list, exportedVariable{name, unquote(value)})
	}
	return list, nil
}

// configuredExports are those that the configuration determines: not the ports that the system chose.
func configuredExports(c *config.Config) []exportedVariable {
	var list []exportedVariable
	add := func(name, scheme, address string) bool {
		a, err := net.ResolveTCPAddr("tcp", address)
		if address == "" || err != nil || a.Port == 0 {
			return false
		}
		list = append(list, exportedVariable{name, scheme + "://" + reachable(a)})
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

// exportsFor are the lines for one kind of client, which differ in how it trusts the authority in the file ca.
// Programs in Go that bring an HTTP client of their own end at the start when they find AWS_CA_BUNDLE, so it is for the
// others only.
func exportsFor(kind string, list []exportedVariable, ca string) []string {
	var lines []string
	for _, e := range list {
		if e.name != caBundle {
			lines = append(lines, e.shell())
		}
	}
	if ca == "" {
		return append(lines,
			"# the certificate is another authority's: "+kind+" clients trust it already, or follow its issuer's instructions")
	}
	set := func(name string) { lines = append(lines, exportedVariable{name, ca}.shell()) }
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
			`#   export JAVA_TOOL_OPTIONS="-Djavax.net.ssl.trustStore=$PWD/sealfront.jks `+
				`-Djavax.net.ssl.trustStorePassword=changeit"`)
	case "system":
		lines = append(lines,
			"# For every program of this machine, as root:",
			"#   Debian, Ubuntu, Alpine: cp "+quoted+" /usr/local/share/ca-certificates/sealfront.crt && update-ca-certificates",
			"#   Fedora, RHEL:           cp "+quoted+" /etc/pki/ca-trust/source/anchors/sealfront.pem && update-ca-trust",
			"#   macOS:                  security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "+
				quoted)
	}
	return lines
}
