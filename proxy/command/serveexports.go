package command

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"sealfront/proxy/instance"
)

// exports are the variables of this start, in the order in which they are printed.
func exports(p *instance.Instance, listeners map[string]net.Listener) []exportedVariable {
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
	if p.Authority != nil && c.TLS.Cert == "" {
		add(caBundle, p.Authority.File)
	}
	// Credentials that the program made are for clients where the configuration names none: standard output may be kept.
	if p.Data != nil && len(c.Identities) == 0 {
		add("AWS_ACCESS_KEY_ID", p.Data.AccessKey)
		add("AWS_SECRET_ACCESS_KEY", p.Data.SecretKey)
	}
	add("AWS_REGION", c.Region)
	add("AWS_DEFAULT_REGION", c.Region) // read by boto3 and the AWS CLI of version 1
	if c.MakesDemoBucket() {
		add("SEALFRONT_BUCKET", instance.DemoBucket)
		add("SEALFRONT_KMS_KEY", p.Data.BucketKMSKey)
	}
	add("SEALFRONT_KMS_ENDPOINT", p.KMS.Endpoint)
	add("SEALFRONT_ADMIN", url("admin", adminScheme(c)))
	add("SEALFRONT_HTTP_URL", url("http", "http"))
	return list
}

// export writes the lines that a shell can evaluate, and "# ready". In a data directory they are stored for the command
// exports, but for the process id, which is of this start alone.
func export(w io.Writer, p *instance.Instance, listeners map[string]net.Listener) error {
	var b strings.Builder
	for _, e := range exports(p, listeners) {
		b.WriteString(e.shell() + "\n")
	}
	if p.Data != nil {
		if err := p.Data.WriteFile(exportsFile, []byte(b.String())); err != nil {
			return fmt.Errorf("store the exports: %w", err)
		}
	}
	pid := exportedVariable{"SEALFRONT_PID", strconv.Itoa(os.Getpid())}
	_, err := io.WriteString(w, b.String()+pid.shell()+"\n# ready\n")
	return err
}
