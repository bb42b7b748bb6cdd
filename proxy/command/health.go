package command

import (
	"errors"
	"fmt"
	"strings"

	"sealfront/crypto/keyring"
	"sealfront/proxy/breaker"
	"sealfront/proxy/health"
	"sealfront/proxy/instance"
	"sealfront/proxy/metrics"
	"sealfront/proxy/store"
)

// newHealth is the model of what p needs.
func newHealth(p *instance.Instance, r *instance.Reloader) *health.Model {
	deps := []health.Dependency{
		{
			Name: "store", Ask: p.Storage.Reach, StateOf: storeState,
			Look: func() health.Finding { return metBy(p.Storage.Client.Health()) },
			Works: "CreateSession and whatever is refused by policy; requests for objects and listings fail with 503, " +
				"at once while the store hangs",
		},
		{
			Name: "kms", Ask: p.KMS.Reach, StateOf: kmsState,
			Look: func() health.Finding { return metBy(p.KMS.Client.Health()) },
			Works: fmt.Sprintf("objects of buckets whose keys are in memory, for %v after their last unwrap; "+
				"copies, and buckets that weren't in use, fail", p.Config.KMS.BucketKey.Lifetime),
		},
		{
			Name: "certificates", Look: p.Certificates.Finding,
			Works: "connections that are open; new ones are refused by their clients",
		},
		{Name: "configuration", Look: func() health.Finding { return configurationFinding(r.Last()) }},
	}
	if p.Audit != nil {
		works := fmt.Sprintf("all requests; records are lost once they have waited for %v (log.audit.on_failure: continue)",
			p.Config.Log.Audit.MaxWait)
		if p.Config.Log.Audit.OnFailure == "refuse" {
			works = "nothing that must be recorded: requests are 503 (log.audit.on_failure: refuse)"
		}
		deps = append(deps, health.Dependency{Name: "audit", Works: works, Look: func() health.Finding {
			switch s := p.Audit.State(); {
			case s.Hanging:
				return health.Finding{State: health.Hanging, Why: s.Why}
			case s.Failing:
				return health.Finding{State: health.Refusing, Why: s.Why}
			}
			return health.Finding{State: health.Well}
		}})
	}
	every := p.HealthEvery()
	return health.New(health.Options{Every: every, Deadline: every / 5}, deps...)
}

// metBy is what requests or calls have met.
func metBy(h breaker.Health) health.Finding {
	f := health.Finding{State: health.Well, Took: h.Took}
	if h.Trouble == "" {
		return f
	}
	f.State = health.State(h.Trouble)
	if h.Last != nil {
		f.Why = h.Last.Error()
	}
	return f
}

func storeState(err error) health.State {
	var fault *store.Fault
	switch {
	case errors.Is(err, store.ErrHangs):
		return health.Hanging
	case errors.As(err, &fault):
		return health.Refusing
	}
	return health.Away
}

// kmsState: an error with a name is KMS's own, which has answered.
func kmsState(err error) health.State {
	switch {
	case errors.Is(err, breaker.ErrOpen):
		return health.Hanging
	case errors.Is(err, instance.ErrKeyState):
		return health.Refusing
	}
	var coded interface{ ErrorCode() string }
	if errors.As(err, &coded) && !errors.Is(err, keyring.ErrUnavailable) && coded.ErrorCode() != "" {
		return health.Refusing
	}
	return health.Away
}

// configurationFinding is about the last reload.
func configurationFinding(last instance.Reload) health.Finding {
	switch {
	case last.Err != nil:
		return health.Finding{
			State: health.Due, Why: "the last reload was refused, and what was in force before is: " + last.Err.Error(),
		}
	case len(last.Waits) > 0:
		return health.Finding{State: health.Due, Why: "waits for the next start: " + strings.Join(last.Waits, ", ")}
	}
	return health.Finding{State: health.Well}
}

// exposeHealth adds the metrics of the model.
func exposeHealth(m *metrics.Metrics, h *health.Model, ready func() bool) {
	m.Gauge("sealfront_ready", "1 while /readyz answers 200.", func() float64 { return oneIf(ready()) })
	for i, d := range h.Report() {
		for _, state := range health.States {
			m.GaugeFor("sealfront_health", "1 for the state in which something is that the program needs, 0 for the others.",
				map[string]string{"dependency": d.Name, "state": string(state)},
				func() float64 { return oneIf(h.Report()[i].State == state) })
		}
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
