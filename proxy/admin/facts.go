package admin

import (
	"crypto/fips140"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sealfront/proxy/config"
	"sealfront/proxy/status"
)

// A Situation is what the status page shows about the program itself.
type Situation struct {
	Version   string
	Since     time.Time // of the start
	Host      string
	Listeners string         // with the addresses that they have
	Config    *config.Config // in force
	Reload    Reload
	Abilities fmt.Stringer // of the store
	// Certificates are those that are shown to clients or trusted.
	Certificates []Certificate
	Issuers      []Issuer // whose tokens roles trust
	Requests     int      // that may be in flight at once; 0: no limit
	Memory       int64    // bytes that the process may use; 0: no limit is known
	MemoryBy     string   // where the limit comes from
	Audit        *Audit   // nil: no audit log
	// AttestationKey is the public key of signed statements, in base64.
	AttestationKey string
}

// An Audit is how the audit log stands.
type Audit struct {
	Failing bool          // its sink refuses, or hangs
	Why     string        // it fails
	Waiting int           // records that wait to be written
	Oldest  time.Duration // how long the oldest has waited
	Lost    int64         // records, since the start
}

// A Certificate is one that is shown to clients, or an authority that is trusted.
type Certificate struct {
	Source   string // the setting that names it
	Names    []string
	State    string // valid, ending, expired or not yet valid
	NotAfter time.Time
}

// An Issuer is one whose tokens are accepted.
type Issuer struct {
	URL     string
	Keys    int       // that are known
	Fetched time.Time // zero: not yet, or from a file
	Err     error     // of the last attempt to fetch them
}

// A Reload is the outcome of the last attempt to reload the configuration.
type Reload struct {
	At     time.Time
	Err    error
	Waits  []string  // changed settings that take effect at the next start
	Loaded time.Time // when the configuration in force was loaded
}

// facts are the lines at the top of the status page.
func (o *Options) facts() []status.Fact {
	s, started := o.Situation(), o.Config
	clock := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
	facts := []status.Fact{
		{Name: "version", Value: s.Version + ", " + runtime.Version()},
		{Name: "host", Value: s.Host},
		{Name: "listeners", Value: s.Listeners},
		{Name: "running since", Value: clock(s.Since)},
		{Name: "configuration", Value: s.Config.Digest() + ", loaded " + clock(s.Reload.Loaded)},
	}
	add := func(bad bool, name, format string, args ...any) {
		facts = append(facts, status.Fact{Name: name, Value: fmt.Sprintf(format, args...), Bad: bad})
	}
	if o := s.Reload; o.Err != nil {
		add(true, "last reload", "refused at %s: %s", clock(o.At), strings.ReplaceAll(o.Err.Error(), "\n", "; "))
	} else if len(o.Waits) > 0 {
		add(true, "waits for the next start", "%s", strings.Join(o.Waits, ", "))
	}
	add(false, "region, account", "%s, %s", started.Region, started.Account)
	add(false, "store", "%s; %s", strings.TrimSpace(started.Store.Kind+" "+started.Store.Endpoint), s.Abilities)
	add(false, "KMS", "%s", strings.TrimSpace(started.KMS.Kind+" "+started.KMS.Endpoint))
	add(false, "public key of statements", "%s (Ed25519; sealfront attest)", s.AttestationKey)
	add(false, "FIPS 140-3 mode", "%s",
		map[bool]string{true: "on, module " + fips140.Version(), false: "off"}[fips140.Enabled()])
	for _, c := range s.Certificates {
		names := ""
		if len(c.Names) > 0 {
			names = " (" + strings.Join(c.Names, " ") + ")"
		}
		add(c.State != "valid", "certificate", "%s%s, %s, until %s", c.Source, names, c.State, clock(c.NotAfter))
	}
	for _, i := range s.Issuers {
		stands := "keys known: " + strconv.Itoa(i.Keys)
		if !i.Fetched.IsZero() {
			stands += ", fetched " + clock(i.Fetched)
		}
		if i.Err != nil {
			stands += fmt.Sprintf("; they can't be fetched now: %v", i.Err)
		}
		add(i.Err != nil, "issuer", "%s, %s", i.URL, stands)
	}
	atOnce := "not bounded"
	if n := s.Requests; n > 0 {
		atOnce = strconv.Itoa(n)
	}
	add(false, "requests at once", "%s", atOnce)
	if s.Memory > 0 {
		add(false, "memory", "%d MiB (%s)", s.Memory>>20, s.MemoryBy)
	} else {
		add(false, "memory", "no limit is known")
	}
	if s.Audit != nil {
		stands := "written"
		if s.Audit.Failing {
			stands = fmt.Sprintf("can't be written: %s; %d records wait, the oldest for %v", s.Audit.Why, s.Audit.Waiting,
				s.Audit.Oldest.Round(time.Second))
		}
		if s.Audit.Lost > 0 {
			stands += fmt.Sprintf("; %d records were lost since the start", s.Audit.Lost)
		}
		add(s.Audit.Failing || s.Audit.Lost > 0, "audit log", "%s, %s", started.Log.Audit.Name(), stands)
	} else {
		add(false, "audit log", "none")
	}
	return facts
}
