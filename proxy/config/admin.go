package config

import (
	"net"
	"os"
)

// validateAdmin finds what is wrong with the admin address: in the wrong hands it drops keys and reads memory.
func (c *Config) validateAdmin(f *Faults) {
	a := &c.Admin
	if (a.Cert == "") != (a.Key == "") {
		f.add("admin.key", "admin.cert and admin.key must be set together")
	}
	if a.ClientCA != "" && a.Cert == "" {
		f.add("admin.cert", "must be set: admin.client_ca needs TLS")
	}
	for _, file := range []struct{ path, name string }{
		{"admin.cert", a.Cert},
		{"admin.key", a.Key},
		{"admin.client_ca", a.ClientCA},
	} {
		if file.name == "" {
			continue
		}
		if _, err := os.Stat(file.name); err != nil {
			f.add(file.path, "%s", missing(file.name, err))
		}
	}
	for _, need := range a.ReadyNeeds {
		oneOf(f, "admin.ready_needs", need, "store", "kms")
	}
	host, _, err := net.SplitHostPort(c.Listen.Admin)
	if err != nil || a.Token != "" || a.ClientCA != "" || a.HealthOnly || host == "localhost" {
		return
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		f.add("listen.admin",
			"isn't a loopback address: set admin.token (or token_file), admin.client_ca, or admin.health_only")
	}
}
