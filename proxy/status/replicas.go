package status

import "time"

// A Replica is one of those that work before the same store.
type Replica struct {
	ID      string            `json:"id"`
	Host    string            `json:"host"`
	Version string            `json:"version"`
	Started time.Time         `json:"started"`
	Ready   bool              `json:"ready"`
	Health  map[string]string `json:"health"` // the state of each dependency, by its name
	Silent  float64           `json:"silent"` // seconds since it was heard of; 0 for this replica
	Lost    bool              `json:"lost"`   // it should have been heard of since
}

// How long what the store says is shown before it is read again.
const (
	bucketsLife  = 10 * time.Second
	replicasLife = 15 * time.Second
)
