package command

import (
	"crypto/fips140"
	"runtime"
	"strconv"

	"sealfront/crypto"
	"sealfront/crypto/keyring"
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
	m.Info("sealfront_build_info", "1; the program's version, its Go, and whether FIPS 140-3 mode is on.",
		map[string]string{
			"version": version(), "go": runtime.Version(), "fips": strconv.FormatBool(fips140.Enabled()),
		})
}
