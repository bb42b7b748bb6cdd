package keyserver

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"sealfront/crypto/keyservice"
	"sealfront/proxy/admin"
	"sealfront/proxy/audit"
	"sealfront/proxy/certificates"
	"sealfront/proxy/config"
	"sealfront/proxy/health"
	"sealfront/proxy/metrics"
	"sealfront/proxy/status"
)

// A Site is a key service put together from a configuration.
type Site struct {
	Service *keyservice.Service
	Health  *health.Model
	Metrics *metrics.KeyService

	config       *config.KeyService
	log          *zap.Logger
	records      *openedRecords
	roots        []namedRoot
	audit        *audit.Log // nil: none
	callers      atomic.Pointer[callers]
	sessions     *keyservice.SessionKeys // that tokens of roles are sealed under
	started      time.Time
	readiness    *admin.Readiness
	encryption   atomic.Pointer[tls.Config] // of listen.https, nil without a certificate
	certificates *certificates.Watcher
	failures     status.Failures // the last ones of requests
}

// Open puts a key service together. Its error is a config.Faults where the configuration, or what it names, is wrong.
func Open(ctx context.Context, c *config.KeyService, log *zap.Logger) (_ *Site, err error) {
	s := &Site{config: c, log: log, Metrics: metrics.NewKeyService(), started: time.Now()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	s.certificates = certificates.NewWatcher(trustedCertificates(c), log, s.Metrics.Certificates, nil)
	var encryption *tls.Config
	if c.Listen.HTTPS != "" {
		if encryption, err = serverTLS(&c.TLS); err != nil {
			return nil, err
		}
	}
	s.serve(encryption, &c.TLS)
	if err := s.SetCallers(c); err != nil {
		return nil, err
	}
	if s.roots, err = openRoots(ctx, c, func(text string) { log.Warn(text) }); err != nil {
		return nil, err
	}
	if s.records, err = openRecords(ctx, c, s.Metrics.Store); err != nil {
		return nil, err
	}
	if c.Log.Audit != "" {
		if s.audit, err = audit.Open(c.Log.Audit, audit.Options{
			Log: log, Count: s.Metrics.Audit, Keep: s.auditRequired(),
		}); err != nil {
			return nil, config.Faults{{Path: "log.audit", Why: err.Error()}}
		}
	}
	s.Service, err = keyservice.New(keyservice.Options{
		Records: s.records.Records, Roots: plain(s.roots), Region: c.Region, Earlier: c.Regions, Account: c.Account,
		Callers: func(accessKeyID, token string) (keyservice.Caller, bool) {
			return s.callers.Load().find(accessKeyID, token)
		},
		Sessions: s.session, Lifetime: c.Key.Lifetime, Freshness: c.Records.Freshness, RootTimeout: c.Key.RootTimeout,
		Observer: keyservice.Observer{Call: s.called, Root: s.rootCalled},
	})
	if err != nil {
		return nil, err
	}
	s.sessions = s.Service.SessionKeys()
	s.Health = s.newHealth()
	s.readiness = s.newReadiness()
	s.exposeHealth()
	return s, nil
}

// Close ends everything that Open has begun.
func (s *Site) Close() (err error) {
	if s.Service != nil {
		err = s.Service.Close()
	}
	if s.audit != nil {
		err = errors.Join(err, s.audit.Close())
	}
	if s.records != nil {
		s.records.close()
	}
	return errors.Join(err, closeRoots(s.roots))
}

// called notes a request in log, metrics and audit log.
func (s *Site) called(c keyservice.Call) {
	action := c.Action
	if action == "" {
		action = "none" // it isn't known, or wasn't read: names that clients invent make no series
	}
	s.Metrics.Request(action, c.Code, c.Took)
	if c.Err != nil {
		s.log.Error("a request failed by the records or a root", zap.String("action", action), zap.String("key", c.Key),
			zap.String("code", c.Code), zap.String("request", c.RequestID), zap.Error(c.Err))
	}
	if c.Status >= http.StatusBadRequest {
		s.failures.Add(failure(&c))
	}
	if s.audit == nil {
		return
	}
	decision := "permitted"
	if c.Caller == "" || c.Code == "AccessDeniedException" {
		decision = "refused"
	}
	about := ""
	if len(c.Context) > 0 {
		if text, err := json.Marshal(c.Context); err == nil {
			about = string(text)
		}
	}
	s.audit.Add(audit.Record{
		Time: time.Now(), Request: c.RequestID, Remote: c.Remote, TLS: c.TLS, Principal: c.Caller, Operation: c.Action,
		Decision: decision, KMSKey: c.Key, Context: about, Code: c.Code, Status: c.Status, Took: c.Took,
	}, s.auditRequired()) // ServeHTTP has reserved its place
}

// auditRequired reports whether requests are refused that couldn't be recorded.
func (s *Site) auditRequired() bool { return s.config.Log.AuditOnFailure == "refuse" }

// failure is a request that wasn't carried out as the status page shows it.
func failure(c *keyservice.Call) status.Failure {
	f := status.Failure{
		Time: time.Now(), Request: c.RequestID, Operation: c.Action, Bucket: c.Key, Status: c.Status, Code: c.Code,
		Cause: c.Caller,
	}
	if c.Err != nil {
		f.Cause = c.Err.Error()
	}
	return f
}

func (s *Site) rootCalled(c keyservice.RootCall) {
	name := nameOf(s.roots, c.Identity)
	s.Metrics.Root(name, c.Call, c.Err == nil, c.Took)
	if c.Err != nil {
		s.log.Error("a root could not be used", zap.String("root", name), zap.String("call", c.Call), zap.Error(c.Err))
	}
}

// newHealth is the model of what the service needs.
func (s *Site) newHealth() *health.Model {
	warm := fmt.Sprintf("keys in memory, for %v after their root was called last", s.config.Key.Lifetime)
	deps := []health.Dependency{{
		Name: "records", Ask: s.records.reach,
		Works: fmt.Sprintf("uses of keys in memory, for %v after their record was read last", s.config.Records.Freshness),
	}}
	for _, r := range s.roots {
		deps = append(deps, health.Dependency{Name: rootPrefix + r.name, Ask: r.Well, Works: warm})
	}
	deps = append(deps, health.Dependency{
		Name: "certificates", Look: s.certificates.Finding,
		Works: "connections that are open; new ones are refused by their clients",
	})
	if len(s.config.Issuers) > 0 {
		deps = append(deps, health.Dependency{
			Name: "issuers", Works: "sessions that have begun, and tokens whose keys are known, for the issuer's keep_keys",
			Look: func() health.Finding {
				if n := s.callers.Load().issuers.Failing(); n > 0 {
					return health.Finding{State: health.Away, Why: fmt.Sprintf("the keys of %d issuers can't be fetched", n)}
				}
				return health.Finding{State: health.Well}
			},
		})
	}
	if s.audit != nil {
		works := "all requests; their records are lost once they have waited for 30 s"
		if s.auditRequired() {
			works = "no requests, until records can be written (log.audit_on_failure: refuse)"
		}
		deps = append(deps, health.Dependency{
			Name: "audit", Works: works,
			Look: func() health.Finding {
				switch state := s.audit.State(); {
				case state.Hanging:
					return health.Finding{State: health.Hanging, Why: state.Why}
				case state.Failing:
					return health.Finding{State: health.Refusing, Why: state.Why}
				}
				return health.Finding{State: health.Well}
			},
		})
	}
	return health.New(health.Options{}, deps...)
}

const rootPrefix = "root "

func (s *Site) exposeHealth() {
	s.Metrics.Gauge("sealfront_ready", "1 while /readyz answers 200.", nil, func() float64 {
		return oneIf(s.readiness.Ready())
	})
	for i, d := range s.Health.Report() {
		for _, state := range health.States {
			s.Metrics.Gauge("sealfront_health",
				"1 for the state in which something is that the program needs, 0 for the others.",
				map[string]string{"dependency": d.Name, "state": string(state)},
				func() float64 { return oneIf(s.Health.Report()[i].State == state) })
		}
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
