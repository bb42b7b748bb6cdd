package command

import (
	"crypto/fips140"
	"runtime"
	"strconv"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
	"sealfront/proxy/audit"
	"sealfront/proxy/conn"
	"sealfront/proxy/instance"
)

// exposeGauges adds the metrics whose values the rooms return when they are read.
func exposeGauges(p *instance.Instance, server *conn.Server) {
	m := p.Metrics
	m.Gauge("sealfront_active_requests", "Requests in flight.", func() float64 { return float64(p.Gateway.Active()) })
	m.Gauge("sealfront_active_requests_limit", "Requests that may be in flight at once; 0: no limit.",
		func() float64 { return float64(p.Gateway.Limits().Requests) })
	m.Gauge("sealfront_open_connections", "Connections of clients that are open.",
		func() float64 { return float64(server.Connections()) })
	m.Gauge("sealfront_slabs_in_use", "Slabs of the body pipeline that are taken, of 68 KiB each.",
		func() float64 { return float64(crypto.SlabsInUse()) })
	for _, table := range []keyring.Table{keyring.Opening, keyring.Sealing} {
		m.GaugeOf("sealfront_bucket_key_entries",
			"Bucket keys that are kept, by table (opening: plaintexts in memory, sealing: what each bucket's new objects are "+
				"sealed under).", "table", table.String(), func() float64 { return float64(p.Keys.Len(table)) })
	}
	m.Gauge("sealfront_memory_limit_bytes", "Memory that the process may use, in bytes; 0: no limit is known.",
		func() float64 { return float64(p.Memory().Limit) })
	for _, g := range []struct {
		name, help string
		value      func(audit.State) float64
	}{
		{
			"sealfront_audit_waiting_records", "Records of the audit log that wait to be written.",
			func(s audit.State) float64 { return float64(s.Waiting) },
		},
		{
			"sealfront_audit_oldest_waiting_seconds", "How long the oldest of them has waited, in seconds.",
			func(s audit.State) float64 { return s.Oldest.Seconds() },
		},
		{
			"sealfront_audit_failing", "1 while the audit log can't be written: its sink refuses, or hangs.",
			func(s audit.State) float64 { return map[bool]float64{true: 1}[s.Failing] },
		},
		{
			"sealfront_audit_lost_records", "Records of the audit log that were lost since the start.",
			func(s audit.State) float64 { return float64(s.Lost) },
		},
	} {
		m.Gauge(g.name, g.help, func() float64 { return g.value(auditState(p)) })
	}
	m.Gauge("sealfront_issuers_failing",
		"Issuers of web identity tokens whose keys could not be fetched at the last attempt.",
		func() float64 { return float64(p.Gateway.Access().Issuers().Failing()) })
	m.Info(buildInfo())
}

// buildInfo is the metric that says which build this is: name, help and labels.
func buildInfo() (name, help string, labels map[string]string) {
	return "sealfront_build_info", "1; the program's version, its Go, and whether FIPS 140-3 mode is on.",
		map[string]string{
			"version": version(), "go": runtime.Version(), "fips": strconv.FormatBool(fips140.Enabled()),
		}
}

// auditState is how the audit log stands; all zero without one.
func auditState(p *instance.Instance) audit.State {
	if p.Audit == nil {
		return audit.State{}
	}
	return p.Audit.State()
}
