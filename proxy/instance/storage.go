package instance

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"strings"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/localstore"
	"sealfront/proxy/memstore"
	"sealfront/proxy/metrics"
	"sealfront/proxy/store"
)

// Storage is the store behind the proxy.
type Storage struct {
	Client    *store.Client
	Abilities store.Abilities // once probed
	Records   *store.Objects  // of the state bucket; nil until it is opened
	Endpoint  string          // URL

	log     *zap.Logger
	memory  *memstore.Store // with store.kind memory
	closers closers
}

// OpenStorage makes the client of the store and starts the embedded one, whose objects are in d.
func OpenStorage(
	ctx context.Context, c *config.Config, d *Data, m *metrics.Metrics, options Options,
) (_ *Storage, err error) {
	options = options.withDefaults()
	s := &Storage{log: options.Log}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	o := store.Options{
		Endpoint: c.Store.Endpoint, Region: c.Store.Region, VirtualHost: c.Store.Addressing == "virtual",
		Directory: c.Store.Kind == "directory", ControlEndpoint: c.Store.ControlEndpoint, SignPayload: c.Store.SignPayload,
		Connections: c.Store.Connections, Timeout: c.Store.Timeout, ConnectTimeout: c.Store.ConnectTimeout,
		Observe: func(operation string, status int, err error, took time.Duration) {
			trouble := ""
			if err != nil {
				trouble = store.Trouble(err)
			}
			m.Store(operation, status, trouble, took)
		},
		ClockSkew: clockSkew(m, options.Log), Now: options.Now, Dial: options.Dial,
	}
	switch {
	case c.Store.Kind == "embedded", c.Store.Kind == "memory":
		o.VirtualHost = false
		o.Endpoint, o.Credentials, err = s.serve(ctx, c, d, &options)
	default:
		o.Credentials, err = storeCredentials(ctx, c)
	}
	if err != nil {
		return nil, err
	}
	if c.Store.CA != "" {
		pool, err := ReadPool(c.Store.CA)
		if err != nil {
			return nil, config.Faults{{Path: "store.ca", Why: err.Error()}}
		}
		o.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	s.Endpoint = o.Endpoint
	if s.Client, err = store.New(o); err != nil {
		return nil, config.Faults{{Path: "store.endpoint", Why: err.Error()}}
	}
	s.closers.add(func() error {
		s.Client.Close()
		return nil
	})
	return s, nil
}

// Close ends the client and the embedded store.
func (s *Storage) Close() error { return s.closers.close() }

// serve starts the embedded store, or one in memory.
func (s *Storage) serve(
	ctx context.Context, c *config.Config, d *Data, o *Options,
) (endpoint string, _ credentials, err error) {
	var accessKey, secretKey string
	var started EmbeddedStore
	if c.Store.Kind == "memory" {
		accessKey, secretKey = newCredentials()
		s.memory, err = memstore.Start(memstore.Options{
			AccessKey: accessKey, SecretKey: secretKey, Region: c.Store.Region, MaxBytes: int64(c.Store.Memory.MaxBytes),
		})
		started = s.memory
	} else {
		accessKey, secretKey = d.StoreAccessKey, d.StoreSecretKey
		started, err = o.EmbeddedStore(ctx, localstore.Options{
			Dir: d.Join("store"), AccessKey: accessKey, SecretKey: secretKey, Region: c.Store.Region,
			Report: reportEmbedded(o.Log),
		})
	}
	if err != nil {
		return "", nil, err
	}
	s.closers.add(started.Close)
	return "http://" + started.Address(), store.Static(accessKey, secretKey), nil
}

// openRecords opens the state bucket for records.
func (s *Storage) openRecords(c *config.Config) {
	s.Records = s.Client.Objects(c.Store.StateBucket)
	if c.Store.SingleWriter && !s.Abilities.ConditionalPut { // a tool hasn't probed, and relies on the configuration
		s.Records = s.Records.SingleWriter()
	}
}

// Reach reads an object of the state bucket: an error means that the store can't be reached.
func (s *Storage) Reach(ctx context.Context) error {
	_, _, err := s.Records.Get(ctx, "probe-health") // its absence is an answer, too
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// beginTrouble gives the memory store the faults that were configured; they begin after the program's own start.
func (s *Storage) beginTrouble(m *config.Memory, log *zap.Logger) {
	if s.memory == nil {
		return
	}
	t := memstore.Trouble{P50: m.Latency.P50, P99: m.Latency.P99, ErrorRate: m.ErrorRate, Throttle: m.Throttle}
	s.memory.Trouble(t)
	log.Warn("the store is this program's memory: its content is lost when the program ends", zap.Any("trouble", t))
}

// reportEmbedded logs what the embedded store says. Its errors are expected: the probe gives uploads up on purpose, and
// clients may, too. A panic is not.
func reportEmbedded(log *zap.Logger) func(string) {
	return func(line string) {
		if strings.HasPrefix(line, "[PANIC]") {
			log.Error("the embedded store failed", zap.String("it_says", line))
			return
		}
		log.Debug("the embedded store reported an error", zap.String("it_says", line))
	}
}
