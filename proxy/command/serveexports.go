package command

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"strings"

	"sealfront/proxy/instance"
)

// exports are the variables of this start, in the order in which they are printed.
func exports(p *instance.Instance, file string, listeners map[string]net.Listener) []exportedVariable {
	c := p.Config
	var list []exportedVariable
	add := func(name, value string) {
		if value != "" {
			list = append(list, exportedVariable{name, value})
		}
	}
	url := func(name, scheme string) string {
		ln := listeners[name]
		if ln == nil {
			return ""
		}
		return scheme + "://" + reachable(ln.Addr())
	}
	add("AWS_ENDPOINT_URL", cmp.Or(url("https", "https"), url("http", "http")))
	if file == "" {
		add(caBundle, p.Authority.File)
		add("AWS_ACCESS_KEY_ID", p.Data.AccessKey)
		add("AWS_SECRET_ACCESS_KEY", p.Data.SecretKey)
		add("AWS_REGION", c.Region)
		add("AWS_DEFAULT_REGION", c.Region) // read by boto3 and the AWS CLI of version 1
		add("SEALFRONT_BUCKET", instance.DemoBucket)
		add("SEALFRONT_KMS_KEY", p.Data.BucketKMSKey)
		add("SEALFRONT_KMS_ENDPOINT", p.KMS.Endpoint)
	}
	add("SEALFRONT_ADMIN", url("admin", adminScheme(c)))
	add("SEALFRONT_HTTP_URL", url("http", "http"))
	return list
}

// export writes the lines that a shell can evaluate, and "# ready". In a data directory they are stored for the command
// exports.
func export(w io.Writer, p *instance.Instance, file string, listeners map[string]net.Listener) error {
	var b strings.Builder
	for _, e := range exports(p, file, listeners) {
		b.WriteString(e.shell() + "\n")
	}
	if p.Data != nil {
		if err := p.Data.WriteFile(exportsFile, []byte(b.String())); err != nil {
			return fmt.Errorf("store the exports: %w", err)
		}
	}
	_, err := io.WriteString(w, b.String()+"# ready\n")
	return err
}
