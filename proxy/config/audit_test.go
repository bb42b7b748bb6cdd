package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"sealfront/proxy/config"
)

func TestWhereTheAuditLogGoes(t *testing.T) {
	for audit, want := range map[string]string{
		"{}":             "",
		"{sink: stdout}": "stdout",
		"{sink: syslog, address: \"unixgram:///dev/log\"}":          "unixgram /dev/log",
		"{sink: socket, address: \"unix:///run/audit.sock\"}":       "unix /run/audit.sock",
		"{sink: syslog, address: \"tcp://127.0.0.1:601\"}":          "tcp 127.0.0.1:601",
		"{sink: syslog, address: \"tls://[::1]:6514\", ca: ca.pem}": "tcp [::1]:6514 TLS",
		"{sink: stdout, file: a}": "log.audit.file: goes with log.audit.sink: file, " +
			"which is stdout",
		"{file: a, address: \"tcp://h:1\"}": "log.audit.address: goes with log.audit.sink: syslog or " +
			"socket, which is file",
		"{sink: socket}":                                         "log.audit.address: \"\" is not an address such as tls://",
		"{sink: socket, address: \"h:1\"}":                       "log.audit.address: \"h:1\" is not",
		"{sink: socket, address: \"tcp://h\"}":                   "is not an address",
		"{sink: socket, address: \"tcp://h:1/x\"}":               "is not an address",
		"{sink: socket, address: \"udp://h:1\"}":                 "is not an address",
		"{sink: socket, address: \"unix://run/x\"}":              "is not an address",
		"{sink: socket, address: \"unix:///\"}":                  "is not an address",
		"{sink: socket, address: \"tcp://h:1\", ca: ca.pem}":     "log.audit.ca: goes with an address that begins with tls://",
		"{sink: socket, address: \"tls://h:1\", ca: absent.pem}": "log.audit.ca: ",
		"{sink: sylog, address: \"tls://h:1\"}":                  "did you mean syslog?",
		"{sink: socket, address: \"tls://h:1\", max_wait: -1s}":  "log.audit.max_wait: must be positive",
	} {
		dir := installation(t, strings.Replace(right, "{audit: {file: audit.log}}", "{audit: "+audit+"}", 1))
		c, err := config.Load(filepath.Join(dir, "c.yaml"))
		if err != nil {
			if want == "" || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", audit, err, want)
			}
			continue
		}
		a := &c.Log.Audit
		got := ""
		if a.Enabled() {
			got = a.Name()
		}
		if network, address, encrypted, ok := a.Endpoint(); ok {
			got = network + " " + address + map[bool]string{true: " TLS"}[encrypted]
		}
		if got != want {
			t.Errorf("%s: %q, want %q", audit, got, want)
		}
	}
}
