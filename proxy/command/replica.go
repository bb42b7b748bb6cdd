package command

import (
	"os"
	"time"

	"sealfront/proxy/admin"
	"sealfront/proxy/health"
	"sealfront/proxy/state"
)

// A thisReplica is what this process says of itself to the other replicas and on the status page.
type thisReplica struct {
	host    string
	started time.Time
	health  *health.Model
	admin   *admin.Server
}

func newThisReplica(h *health.Model) *thisReplica {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &thisReplica{host: host, started: time.Now(), health: h}
}

func (r *thisReplica) now() state.Replica {
	me := state.Replica{
		Host: r.host, Version: version(), Started: r.started.UTC(), Ready: r.admin.Ready(), Health: make(map[string]string),
	}
	for _, d := range r.health.Report() {
		me.Health[d.Name] = string(d.State)
	}
	return me
}
