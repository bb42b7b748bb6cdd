package config

import (
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealfront/policy"
)

// validate finds what is wrong beyond types.
func (c *Config) validate() Faults {
	var f Faults
	c.validateListen(&f)
	c.validateStore(&f)
	c.validateKMS(&f)
	if c.Region == "" || strings.ContainsAny(c.Region, ":/* ") {
		f.add("region", "%q is not a region", c.Region)
	}
	if len(c.Account) != 12 || strings.Trim(c.Account, "0123456789") != "" {
		f.add("account", "%q is not 12 digits; quote it, or YAML takes it for a number", c.Account)
	}
	for i, d := range c.Domains {
		switch rest, wildcard := strings.CutPrefix(d, "*."); {
		case wildcard:
			f.add(path("domains", i), "%q must be %s: buckets in front of a domain are always served", d, rest)
		case d == "" || strings.HasPrefix(d, ".") || strings.ContainsAny(d, ":/* "):
			f.add(path("domains", i), "%q is not a host name such as s3.example.com", d)
		}
	}
	c.validateIdentities(&f)
	c.validateIssuers(&f)
	c.validateRoles(&f)
	oneOf(&f, "general_purpose.default_encryption", c.GeneralPurpose.DefaultEncryption, "AES256", "aws:kms")
	oneOf(&f, "checksums.on_get", c.Checksums.OnGet, "always", "free")
	oneOf(&f, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	c.validateAudit(&f)
	oneOf(&f, "log.format", c.Log.Format, "json", "console")
	c.validateLimits(&f)
	endpoint(&f, "tracing.endpoint", c.Tracing.Endpoint, false)
	if !(c.Tracing.Sample >= 0 && c.Tracing.Sample <= 1) {
		f.add("tracing.sample", "must be from 0 to 1")
	}
	if !(c.Log.Sample >= 0 && c.Log.Sample <= 1) {
		f.add("log.sample", "must be from 0 to 1")
	}
	if c.ReloadEvery < 0 {
		f.add("reload_every", "must not be negative")
	}
	if c.KeepsData() && c.Data == "" {
		f.add("data", "must be set: an embedded part stores its data there")
	}
	return f
}

func (c *Config) validateLimits(f *Faults) {
	l := &c.Limits
	for _, limit := range []struct {
		path  string
		value float64
	}{
		{"connections", float64(l.Connections)},
		{"requests", float64(l.Requests)},
		{"concurrency", float64(l.Concurrency)},
		{"requests_per_second", l.RequestsPerSecond},
		{"burst", float64(l.Burst)},
		{"min_rate", float64(l.MinRate)},
		{"progress_timeout", l.ProgressTimeout.Seconds()},
		{"head_timeout", l.HeadTimeout.Seconds()},
		{"idle_timeout", l.IdleTimeout.Seconds()},
		{"drain_timeout", l.DrainTimeout.Seconds()},
		{"drain_delay", l.DrainDelay.Seconds()},
		{"failed_logins", min(l.FailedLogins.Rate, float64(l.FailedLogins.Burst), float64(l.FailedLogins.Entries))},
	} {
		if !(limit.value >= 0) {
			f.add("limits."+limit.path, "must not be negative")
		}
	}
	if l.Memory > 0 && l.Memory < leastMemory {
		f.add("limits.memory", "must be at least 64MiB")
	}
}

// leastMemory is what the process needs to do anything.
const leastMemory = 64 << 20

func path(list string, i int) string {
	return list + "[" + strconv.Itoa(i) + "]"
}

func oneOf(f *Faults, path, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		hint := ""
		if meant := policy.Nearest(value, allowed); meant != "" {
			hint = ": did you mean " + meant + "?"
		}
		f.add(path, "%q is not one of %s%s", value, strings.Join(allowed, ", "), hint)
	}
}

func (c *Config) validateListen(f *Faults) {
	for _, l := range []struct{ path, value string }{
		{"listen.https", c.Listen.HTTPS},
		{"listen.http", c.Listen.HTTP},
		{"listen.admin", c.Listen.Admin},
	} {
		if l.value == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", l.value); err != nil {
			f.add(l.path, "%q is not an address such as 0.0.0.0:8443: %v", l.value, err)
		}
	}
	c.validatePorts(f)
	if c.Listen.HTTPS == "" && c.Listen.HTTP == "" {
		f.add("listen.https", "nothing to listen on: set listen.https, listen.http or both")
	}
	oneOf(f, "tls.min_version", c.TLS.MinVersion, "1.2", "1.3")
	oneOf(f, "tls.require", c.TLS.Require, "kms", "all")
	switch {
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		f.add("tls.key", "tls.cert and tls.key must be set together")
	case c.Listen.HTTPS != "" && c.TLS.Cert == "" && !c.KeepsData():
		f.add("tls.cert", "must be set: listen.https needs a certificate")
	}
	for _, file := range []struct{ path, name string }{
		{"tls.cert", c.TLS.Cert},
		{"tls.key", c.TLS.Key},
		{"tls.client_ca", c.TLS.ClientCA},
		{"store.ca", c.Store.CA},
		{"kms.ca", c.KMS.CA},
	} {
		if file.name == "" {
			continue
		}
		if _, err := os.Stat(file.name); err != nil {
			f.add(file.path, "%s", missing(file.name, err))
		}
	}
	c.validateAdmin(f)
	oneOf(f, "tls.client_certificates", c.TLS.ClientCertificates, "required", "optional")
	for i, pair := range c.TLS.Certificates {
		for _, file := range []struct{ path, name string }{{".cert", pair.Cert}, {".key", pair.Key}} {
			switch _, err := os.Stat(file.name); {
			case file.name == "":
				f.add(path("tls.certificates", i)+file.path, "must be set: a pair is a cert and its key")
			case err != nil:
				f.add(path("tls.certificates", i)+file.path, "%s", missing(file.name, err))
			}
		}
	}
	for i, p := range c.TLS.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err != nil {
			right := "a network such as 10.0.0.0/8"
			if ip, err := netip.ParseAddr(p); err == nil {
				right = netip.PrefixFrom(ip, ip.BitLen()).String() + " for this one address"
			}
			f.add(path("tls.trusted_proxies", i), "%q must be %s", p, right)
		}
	}
}

// validatePorts finds two listeners of one port.
func (c *Config) validatePorts(f *Faults) {
	listeners := []struct{ path, value string }{
		{"listen.https", c.Listen.HTTPS}, {"listen.http", c.Listen.HTTP}, {"listen.admin", c.Listen.Admin},
	}
	for i, l := range listeners {
		host, port, err := net.SplitHostPort(l.value)
		if err != nil || port == "0" {
			continue
		}
		for _, earlier := range listeners[:i] {
			other, otherPort, err := net.SplitHostPort(earlier.value)
			if err == nil && port == otherPort && (host == other || isAny(host) || isAny(other)) {
				f.add(l.path, "%s and %s of %s have the same port: give each its own", l.value, earlier.value, earlier.path)
			}
		}
	}
}

// isAny reports whether a host to listen on means all addresses.
func isAny(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func (c *Config) validateStore(f *Faults) {
	s := &c.Store
	oneOf(f, "store.kind", s.Kind, "s3", "directory", "embedded", "memory")
	switch s.Kind {
	case "s3", "directory":
		service(f, "store.endpoint", s.Endpoint, true)
	case "memory":
		s.Memory.validate(f)
	}
	directory := s.Kind == "directory"
	if s.ControlEndpoint != "" && !directory {
		f.add("store.control_endpoint", "is for kind directory")
	}
	service(f, "store.control_endpoint", s.ControlEndpoint, false)
	oneOf(f, "store.addressing", s.Addressing, "path", "virtual")
	oneOf(f, "store.bucket_names", s.BucketNames, "prefix", "record")
	if s.BucketNames == "record" {
		f.add("store.bucket_names", "record is not supported by this version")
	}
	name, refused := policy.ParseBucketName(s.StateBucket)
	switch {
	case directory && (refused != nil || name.Kind != policy.Directory):
		f.add("store.state_bucket", "%q is not the name of a directory bucket, such as sealfront-state--usw2-az1--x-s3",
			s.StateBucket)
	case refused != nil:
		f.add("store.state_bucket", "%q is not a bucket name", s.StateBucket)
	}
	if !strings.HasPrefix(s.MetadataHeader, "x-amz-meta-") || s.MetadataHeader != strings.ToLower(s.MetadataHeader) ||
		len(s.MetadataHeader) > 64 || len(s.MetadataHeader) < 12 {
		f.add("store.metadata_header", "%q must begin with x-amz-meta- and be in lower case", s.MetadataHeader)
	}
	if (s.AccessKey == "") != (s.SecretKey == "") {
		f.add("store.secret_key", "store.access_key and store.secret_key must be set together")
	}
	for path, d := range map[string]time.Duration{"timeout": s.Timeout, "connect_timeout": s.ConnectTimeout} {
		if d < 0 || d > 0 && d < 100*time.Millisecond {
			f.add("store."+path, "must be 100ms or more")
		}
	}
	if s.Connections < 0 {
		f.add("store.connections", "must not be negative")
	}
}

// minMemory is room for the probe of the store and the first records.
const minMemory = 16 << 20

func (m *Memory) validate(f *Faults) {
	if m.MaxBytes < minMemory {
		f.add("store.memory.max_bytes", "must be 16MiB or more")
	}
	l := &m.Latency
	if l.P50 < 0 {
		f.add("store.memory.latency.p50", "must not be negative")
	}
	switch {
	case l.P99 < 0:
		f.add("store.memory.latency.p99", "must not be negative")
	case l.P99 > 0 && l.P50 <= 0:
		f.add("store.memory.latency.p50", "must be set with p99")
	case l.P99 > 0 && l.P99 < l.P50:
		f.add("store.memory.latency.p99", "%s is less than the p50 of %s", l.P99, l.P50)
	}
	if !(m.ErrorRate >= 0 && m.ErrorRate <= 1) { // NaN, too
		f.add("store.memory.error_rate", "must be between 0 and 1")
	}
	if m.Throttle < 0 {
		f.add("store.memory.throttle", "must not be negative")
	}
}

func endpoint(f *Faults, path, value string, required bool) {
	if value == "" {
		if required {
			f.add(path, "must be set")
		}
		return
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		f.add(path, "%q is not a URL such as https://host:port", value)
	}
}

// service is endpoint of a service whose requests have paths of their own.
func service(f *Faults, path, value string, required bool) {
	known := len(*f)
	endpoint(f, path, value, required)
	u, err := url.Parse(value)
	if len(*f) > known || err != nil || value == "" {
		return
	}
	if u.User != nil {
		f.add(path, "must hold no user and password: use access_key and secret_key")
	} else if u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" {
		f.add(path, "%q has a path, and requests have their own: use %s://%s", value, u.Scheme, u.Host)
	}
}

func (c *Config) validateKMS(f *Faults) {
	k := &c.KMS
	oneOf(f, "kms.kind", k.Kind, "aws", "embedded")
	service(f, "kms.endpoint", k.Endpoint, false)
	if k.Kind == "aws" && k.ServiceKey == "" {
		f.add("kms.service_key", "must be set: the proxy's own KMS key, for SSE-S3 objects, state and sessions")
	}
	switch {
	case strings.HasPrefix(k.ServiceKey, "alias/"), strings.Contains(k.ServiceKey, ":alias/"):
		f.add("kms.service_key", "%q is an alias, which can come to mean another key: give the key's ARN, which 'aws kms "+
			"describe-key --key-id %s' shows", k.ServiceKey, k.ServiceKey)
	case k.ServiceKey != "" && !strings.HasPrefix(k.ServiceKey, "arn:"):
		f.add("kms.service_key", "%q is not a key ARN such as arn:aws:kms:us-west-2:123456789012:key/1234abcd-…",
			k.ServiceKey)
	}
	if (k.AccessKey == "") != (k.SecretKey == "") {
		f.add("kms.secret_key", "kms.access_key and kms.secret_key must be set together")
	}
	b := &k.BucketKey
	if b.Lifetime <= 0 {
		f.add("kms.bucket_key.lifetime", "must be positive")
	}
	if b.SealFor <= 0 {
		f.add("kms.bucket_key.seal_for", "must be positive")
	}
	if b.MaxUses <= 0 {
		f.add("kms.bucket_key.max_uses", "must be positive")
	}
	if b.Entries <= 0 {
		f.add("kms.bucket_key.entries", "must be positive")
	}
}

func (c *Config) validateIdentities(f *Faults) {
	if len(c.Identities) == 0 && len(c.Roles) == 0 && !c.KeepsData() {
		f.add("identities", "must be set, or roles: without them nobody can call")
	}
	names, keys := make(map[string]bool), make(map[string]bool)
	for i := range c.Identities {
		id := &c.Identities[i]
		at := path("identities", i)
		for _, field := range []struct{ name, value string }{
			{"name", id.Name},
			{"access_key", id.AccessKey},
			{"secret_key", id.SecretKey},
		} {
			if field.value == "" {
				f.add(at+"."+field.name, "must be set")
			}
		}
		if names[id.Name] {
			f.add(at+".name", "%q is used twice", id.Name)
		}
		if keys[id.AccessKey] {
			f.add(at+".access_key", "%q is used twice", id.AccessKey)
		}
		names[id.Name], keys[id.AccessKey] = true, true
		if strings.HasPrefix(id.Name, "role/") || strings.HasPrefix(id.Name, "assumed-role/") {
			f.add(at+".name", "%q is a name of roles", id.Name)
		}
		c.validateCaller(f, at, id.Policy, id.ClientCertificate, &id.Limits)
	}
}

// validateCaller checks what identities and roles have.
func (c *Config) validateCaller(f *Faults, at string, list []Statement, certificates List, limits *IdentityLimits) {
	if limits.Concurrency < 0 || limits.Burst < 0 || !(limits.RequestsPerSecond >= 0) {
		f.add(at+".limits", "must not be negative")
	}
	if len(certificates) > 0 && (c.TLS.ClientCA == "" || c.Listen.HTTPS == "") {
		f.add(at+".client_certificate", "needs listen.https and tls.client_ca")
	}
	for _, name := range certificates {
		kind, value, _ := strings.Cut(name, ":")
		if !slices.Contains([]string{"cn", "subject", "dns", "email", "uri"}, kind) || value == "" {
			f.add(at+".client_certificate", "%q is not cn:, subject:, dns:, email: or uri: with a name", name)
		}
	}
	if _, err := policy.Compile(statements(list)); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			where, why, _ := strings.Cut(line, ": ")
			f.add(at+"."+where, "%s", why)
		}
	}
}

// Statements returns the identity's policy in the form that package policy compiles.
func (id *Identity) Statements() []policy.Statement { return statements(id.Policy) }

func statements(of []Statement) []policy.Statement {
	var list []policy.Statement
	for _, s := range of {
		st := policy.Statement{Effect: s.Effect, Action: s.Action, Resource: s.Resource}
		for operator, keys := range s.Condition {
			for key, values := range keys {
				if st.Condition == nil {
					st.Condition = make(map[string]map[string][]string)
				}
				if st.Condition[operator] == nil {
					st.Condition[operator] = make(map[string][]string)
				}
				st.Condition[operator][key] = values
			}
		}
		list = append(list, st)
	}
	return list
}
