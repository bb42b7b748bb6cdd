package instance

import (
	"context"

	"sealfront/proxy/state"
	"sealfront/proxy/status"
)

// ShownReplicas are this replica and then the others, for the status page. A record that doesn't open is left out: it
// was counted and logged.
func (i *Instance) ShownReplicas(ctx context.Context, me state.Replica) ([]status.Replica, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	others, err := i.Replicas.Others(ctx)
	if err != nil && len(others) == 0 {
		return nil, err
	}
	me.ID = i.Replicas.ID()
	list := []status.Replica{shownReplica(&me)}
	for k := range others {
		list = append(list, shownReplica(&others[k]))
	}
	return list, nil
}

func shownReplica(r *state.Replica) status.Replica {
	return status.Replica{
		ID: r.ID, Host: r.Host, Version: r.Version, Started: r.Started, Ready: r.Ready, Health: r.Health,
		Silent: r.Silent.Seconds(), Lost: r.Silent >= state.ReplicaSilent,
	}
}
