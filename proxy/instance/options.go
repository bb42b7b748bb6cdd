package instance

import (
	"cmp"
	"context"
	"io"
	"net"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/localstore"
)

// A Need is how much of a proxy is opened.
type Need int

const (
	// Serving opens everything. It locks the data directory, creates what is missing in it and in the store, and probes
	// the store.
	Serving Need = iota
	// Reading is for a tool that works while servers run: it creates nothing, and leaves probing and sweeping to them.
	Reading
	// Writing is Reading for a tool that writes to the store, whose abilities it must know.
	Writing
	// Restoring is Reading where the state bucket may be lost: it is created again if it is missing.
	Restoring
	// Keys is the key service and the keyring alone.
	Keys
	// Storing is the store alone, for a tool that works although the key service is away: no keyring, no state.
	Storing
)

// Options are what no configuration sets. The program uses the zero values; others are for tests.
type Options struct {
	Log     *zap.Logger // default: none
	Version string      // of the program, for traces
	Stdout  io.Writer   // for the audit log, with sink stdout; default os.Stdout

	Now        func() time.Time // default time.Now
	RecordLife time.Duration    // state.Options.CacheLife
	ClaimAge   time.Duration    // state.Options.ClaimAge; patience is three times as long
	SweepEvery time.Duration    // state.Options.SweepEvery; default an hour
	RoleLife   time.Duration    // the longest session of a role; default the configuration's
	CopyLimit  int64            // gateway.Options.CopyLimit and tools.Installation.CopyLimit, in bytes
	PutLimit   int64            // tools.Migration.PutLimit, in bytes
	// HealthEvery is how often store and KMS are asked how they are; default 10 s. They have a fifth of it to answer.
	HealthEvery time.Duration

	// Dial connects to the store; default net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// EmbeddedStore starts the store of store.kind embedded; default localstore.Start, which serves one store a process.
	EmbeddedStore func(context.Context, localstore.Options) (EmbeddedStore, error)
	// Shared: the process isn't this proxy's alone. The Go runtime's memory limit and the pace of its collector stay as
	// they are, requests aren't refused because the process has used up its memory, and OpenTelemetry's errors aren't
	// logged.
	Shared bool
}

// An EmbeddedStore is a store that listens on a loopback port.
type EmbeddedStore interface {
	Address() string // host:port
	Close() error
}

// withDefaults returns the options with defaults for what is zero.
func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.SweepEvery = cmp.Or(o.SweepEvery, time.Hour)
	if o.EmbeddedStore == nil {
		o.EmbeddedStore = func(ctx context.Context, l localstore.Options) (EmbeddedStore, error) {
			s, err := localstore.Start(ctx, l)
			if err != nil {
				return nil, err
			}
			return s, nil
		}
	}
	return o
}
