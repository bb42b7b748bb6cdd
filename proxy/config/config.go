// Package config is what an operator may set. The type Config is the manual: each field says what it means and what
// holds when it is left out. Load reads YAML, refuses fields it doesn't know, and reports all faults at once, each
// with its path.
package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// Config is the configuration of `sealfront serve`.
type Config struct {
	Listen Listen `yaml:"listen"`
	TLS    TLS    `yaml:"tls"`
	// Region and Account are written into the ARNs of new buckets. Changing them later concerns new buckets only.
	Region  string `yaml:"region"`  // default us-west-2
	Account string `yaml:"account"` // 12 digits; default 123456789012
	// Zones are the allowed zone ids in names of directory buckets; empty: any.
	Zones []string `yaml:"zones"`
	// Domains are the hosts for virtual-host style: bucket.domain. Path style works with any host.
	Domains        []string       `yaml:"domains"`
	Store          Store          `yaml:"store"`
	KMS            KMS            `yaml:"kms"`
	GeneralPurpose GeneralPurpose `yaml:"general_purpose"`
	Identities     []Identity     `yaml:"identities"`
	IdentitiesFile string         `yaml:"identities_file"` // YAML with one key, identities
	Issuers        []Issuer       `yaml:"issuers"`
	Roles          []Role         `yaml:"roles"`
	RolesFile      string         `yaml:"roles_file"` // YAML with one key, roles
	Limits         Limits         `yaml:"limits"`
	Checksums      Checksums      `yaml:"checksums"`
	Auth           Auth           `yaml:"auth"`
	Compat         Compat         `yaml:"compat"`
	Strict         Strict         `yaml:"strict"`
	Admin          Admin          `yaml:"admin"`
	Log            Log            `yaml:"log"`
	Tracing        Tracing        `yaml:"tracing"`
	// ReloadEvery is how often the file and those it names are looked at for changes; default 5 s, 0: only at SIGHUP.
	ReloadEvery time.Duration `yaml:"reload_every"`
	// Data is where embedded parts store what they make; default ./sealfront-data.
	Data string `yaml:"data"`
}

// Listen are addresses, host:port; port 0 picks a free one. Empty switches that listener off.
type Listen struct {
	HTTPS string `yaml:"https"`
	HTTP  string `yaml:"http"`
	Admin string `yaml:"admin"` // health, metrics and profiles; not for the public
}

// TLS is how clients connect.
type TLS struct {
	Cert       string `yaml:"cert"`        // PEM file; required with listen.https unless store or kms is embedded
	Key        string `yaml:"key"`         // PEM file
	ClientCA   string `yaml:"client_ca"`   // PEM file; clients then show a certificate of it, see ClientCertificates
	MinVersion string `yaml:"min_version"` // "1.2" or "1.3"; default 1.2
	// Require says which requests must come over TLS: kms (default), those about SSE-KMS objects, or all.
	Require string `yaml:"require"`
	// TrustedProxies are networks (CIDR) whose X-Forwarded-Proto: https counts as TLS.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// Certificates are further pairs, chosen by the name that the client requests (SNI); Cert is for the others.
	Certificates []Certificate `yaml:"certificates"`
	// ClientCertificates says, with ClientCA, whether every client must show one: required (default) or optional, which
	// leaves it to identities[].client_certificate.
	ClientCertificates string `yaml:"client_certificates"`
}

// Certificate is a certificate with its key.
type Certificate struct {
	Cert string `yaml:"cert"` // PEM file, with the intermediate certificates
	Key  string `yaml:"key"`  // PEM file
}

// Store is the S3 store behind the proxy.
type Store struct {
	Kind     string `yaml:"kind"`     // s3 (default) | directory | embedded | memory
	Endpoint string `yaml:"endpoint"` // http:// or https:// URL
	// ControlEndpoint, with kind directory, is where buckets are made and removed. Default: Endpoint. For Amazon S3
	// it is https://s3express-control.REGION.amazonaws.com, and Endpoint that of the zone with virtual addressing.
	ControlEndpoint string `yaml:"control_endpoint"`
	Region          string `yaml:"region"` // default us-east-1
	AccessKey       string `yaml:"access_key"`
	SecretKey       string `yaml:"secret_key"`
	SecretKeyFile   string `yaml:"secret_key_file"`
	SecretKeyEnv    string `yaml:"secret_key_env"`
	Addressing      string `yaml:"addressing"`   // path (default) | virtual
	BucketNames     string `yaml:"bucket_names"` // prefix (default) | record
	BucketPrefix    string `yaml:"bucket_prefix"`
	// StateBucket holds the proxy's records; it is made when it is missing. Default sealfront-state; with kind
	// directory sealfront-state--ZONE--x-s3, ZONE being the first of zones.
	StateBucket string `yaml:"state_bucket"`
	// MetadataHeader carries an object's envelope. Default x-amz-meta-sealfront; with kind directory, since the store
	// may be another Sealfront, x-amz-meta-sealfront-outer.
	MetadataHeader string `yaml:"metadata_header"`
	CA             string `yaml:"ca"` // PEM file with the store's certificate authority; default the system's
	// SingleWriter allows a store without conditional PUT. Only one replica may run then.
	SingleWriter bool `yaml:"single_writer"`
	SignPayload  bool `yaml:"sign_payload"` // sign sealed bodies, too: by their hash, or in chunks where they stream
	Connections  int  `yaml:"connections"`  // most at once; default 1024
	// Timeout is how long the store may make no progress with a request: take nothing of its body, or say nothing. A
	// request that has it copy or put together an object may take 20 times as long. Default 15 s.
	Timeout        time.Duration `yaml:"timeout"`
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // for a connection, also for a free one; default 5 s
	Memory         Memory        `yaml:"memory"`
}

// Memory is the store of kind memory, for load tests: S3 in the program's own memory, empty at each start, with the
// faults that a client should be able to stand. They begin when the program is ready.
type Memory struct {
	// MaxBytes bounds the memory of stored objects and of bodies in flight; default 1 GiB, at least 16 MiB. A request
	// beyond it is answered 503 ServiceUnavailable.
	MaxBytes Bytes   `yaml:"max_bytes"`
	Latency  Latency `yaml:"latency"`
	// 0 to 1: the share of the store's requests that fail before anything is stored
	ErrorRate float64 `yaml:"error_rate"`
	// of the store's requests a second; those above are 503 SlowDown. 0: unlimited
	Throttle int `yaml:"throttle"`
}

// Latency is how long the memory store takes to answer: a log-normal distribution through two percentiles.
type Latency struct {
	P50 time.Duration `yaml:"p50"`
	P99 time.Duration `yaml:"p99"` // 0: every request takes P50
}

// KMS is the key management service.
type KMS struct {
	Kind          string `yaml:"kind"`     // aws (default) | embedded
	Endpoint      string `yaml:"endpoint"` // default: AWS in the region
	Region        string `yaml:"region"`   // default: Config.Region
	AccessKey     string `yaml:"access_key"`
	SecretKey     string `yaml:"secret_key"`
	SecretKeyFile string `yaml:"secret_key_file"`
	SecretKeyEnv  string `yaml:"secret_key_env"`
	// ServiceKey is the KMS key of the proxy itself: SSE-S3 objects, state, sessions. Required with kind aws.
	ServiceKey string `yaml:"service_key"`
	// AllowedKeys are patterns (* stands for anything) of keys that general purpose buckets may use; default: all
	// keys of the account.
	AllowedKeys []string      `yaml:"allowed_keys"`
	CA          string        `yaml:"ca"`
	Timeout     time.Duration `yaml:"timeout"` // of a call with its retries; default 15 s
	BucketKey   BucketKey     `yaml:"bucket_key"`
}

// BucketKey bounds how long a bucket key is used.
type BucketKey struct {
	// its plaintext in memory; default 300 s. A revoked KMS key stops working within it
	Lifetime time.Duration `yaml:"lifetime"`
	SealFor  time.Duration `yaml:"seal_for"` // how long it seals new objects; default 1 h
	MaxUses  int           `yaml:"max_uses"` // default 1,000,000
	// how many plaintexts are kept in memory, one a bucket in use; default 65,536. As many take about 70 MB
	Entries      int  `yaml:"entries"`
	PerPrincipal bool `yaml:"per_principal"`
}

// GeneralPurpose is about general purpose buckets.
type GeneralPurpose struct {
	// DefaultEncryption is what a bucket without an encryption configuration has and says: AES256 (default), or
	// aws:kms, SSE-KMS under kms.service_key with a bucket key, as PutBucketEncryption without a key sets it. With
	// AES256, clients may take the ETag of a single upload for the MD5 of its body, which it isn't here: Libcloud and
	// s3backer need aws:kms, under which no client does. Objects keep what they were uploaded with. SSE-KMS objects are
	// served over TLS only.
	DefaultEncryption string `yaml:"default_encryption"`
}

// Identity is a principal that may call.
type Identity struct {
	Name          string      `yaml:"name"`
	AccessKey     string      `yaml:"access_key"`
	SecretKey     string      `yaml:"secret_key"`
	SecretKeyFile string      `yaml:"secret_key_file"`
	SecretKeyEnv  string      `yaml:"secret_key_env"`
	Policy        []Statement `yaml:"policy"`
	// ClientCertificate are names of which the client certificate of every request must have one, in addition to the
	// signature: cn:NAME, subject:NAME (RFC 2253), dns:NAME, email:NAME or uri:NAME. Needs tls.client_ca. Requests
	// through a TLS terminator show none. Default: no certificate is requested.
	ClientCertificate List `yaml:"client_certificate"`
	// Limits are the identity's own, in place of those of limits.
	Limits IdentityLimits `yaml:"limits"`
}

// IdentityLimits bound what one identity can use up. 0 means what limits says.
type IdentityLimits struct {
	Concurrency       int     `yaml:"concurrency"`
	RequestsPerSecond float64 `yaml:"requests_per_second"`
	Burst             int     `yaml:"burst"`
}

// Statement is one statement of an identity's policy, as in AWS policies. A condition key that requests have no value
// for here is refused; OPERATING.md lists those that there are.
type Statement struct {
	Effect    string                     `yaml:"effect"` // Allow | Deny
	Action    List                       `yaml:"action"`
	Resource  List                       `yaml:"resource"`
	Condition map[string]map[string]List `yaml:"condition"`
}

// Limits bound what clients can use up. 0 means no limit, unless a field says otherwise. What is beyond them gets 503
// SlowDown, early: before its body is requested. A head may have 16 KiB, the XML of CompleteMultipartUpload 4 MiB, of
// DeleteObjects 2 MiB, other XML 64 KiB. All of
// them follow a reload; open connections keep their timeouts.
type Limits struct {
	Connections int `yaml:"connections"` // open at once; further ones are closed
	// Requests is how many may be in flight at once, of all identities. Default 0: as many as Memory has room for.
	Requests int `yaml:"requests"`
	// Memory is what the process may use. Default 0: GOMEMLIMIT, otherwise nine tenths of the control group's limit, if
	// there is one. Nine tenths of it in live objects: new requests get SlowDown until it is less. Documents in
	// requests' bodies, four bytes for each of theirs, and short files of forms may hold an eighth of it: those beyond
	// get SlowDown as they are read.
	Memory Bytes `yaml:"memory"`
	// Concurrency, RequestsPerSecond and Burst are for each identity by itself.
	Concurrency       int     `yaml:"concurrency"` // requests in flight at once
	RequestsPerSecond float64 `yaml:"requests_per_second"`
	// requests that may come at once; default those of a second
	Burst           int           `yaml:"burst"`
	ProgressTimeout time.Duration `yaml:"progress_timeout"` // silence in a request; default 60 s
	// MinRate is how many bytes a second, those of TLS with them, a client must send, on average over ProgressTimeout
	// of waiting for it, and the proxy gives up sending 64 KiB to it after ProgressTimeout; default 256.
	MinRate     int           `yaml:"min_rate"`
	HeadTimeout time.Duration `yaml:"head_timeout"` // for a request's head, from its first byte; default 30 s
	IdleTimeout time.Duration `yaml:"idle_timeout"` // between requests; default 90 s
	// DrainDelay is how long after SIGTERM requests are still taken up while /readyz already answers 503, so that load
	// balancers go elsewhere first; default 0.
	DrainDelay   time.Duration `yaml:"drain_delay"`
	DrainTimeout time.Duration `yaml:"drain_timeout"` // for requests in flight at SIGTERM; default 30 s
	FailedLogins FailedLogins  `yaml:"failed_logins"`
}

// FailedLogins bounds how often requests of one address with one access key may fail to authenticate; beyond it they
// are answered 503 SlowDown. Unknown access keys and tokens count together, for their address. Behind trusted proxies
// the address is that of X-Forwarded-For.
type FailedLogins struct {
	Rate    float64 `yaml:"rate"`    // how many a second are forgotten; default 20. 0: no limit
	Burst   int     `yaml:"burst"`   // how many in a row are allowed; default 500
	Entries int     `yaml:"entries"` // how many pairs of address and access key are remembered; default 16,384
}

// Checksums says when reads show checksums that cost a second store request: always (default) or only free ones.
type Checksums struct {
	OnGet string `yaml:"on_get"`
}

// Auth is about signatures.
type Auth struct {
	AcceptS3Scope   *bool `yaml:"accept_s3_scope"`  // directory buckets take service name s3, too; default true
	VerboseMismatch bool  `yaml:"verbose_mismatch"` // SignatureDoesNotMatch shows what was signed
}

// Compat switches on what directory buckets don't have.
type Compat struct {
	ListObjectsV1 *bool `yaml:"listobjects_v1"`
	PostObject    bool  `yaml:"post_object"` // form POST, sealed like any upload
}

// Strict switches off what goes beyond the documentation.
type Strict struct {
	CreateSessionKey bool `yaml:"createsession_key"`
}

// Admin is about the admin address.
type Admin struct {
	// Token is needed by all requests but /livez and /readyz when it is set: Authorization: Bearer TOKEN, or as a
	// browser's password. An address that isn't loopback needs it, or ClientCA, or HealthOnly.
	Token     string `yaml:"token"`
	TokenFile string `yaml:"token_file"`
	Cert      string `yaml:"cert"` // PEM file; the address then speaks TLS. Read at the start only
	Key       string `yaml:"key"`
	ClientCA  string `yaml:"client_ca"` // PEM file; clients must then show a certificate of it
	// Hosts are names, without a port, by which the address is called from elsewhere. IP addresses, localhost, the
	// machine's name and names without a dot need no mention; a request under another name may be a web page's, and is
	// refused.
	Hosts List `yaml:"hosts"`
	// HealthOnly leaves /livez, /readyz and /metrics, without a token, and nothing else.
	HealthOnly bool `yaml:"health_only"`
	// ReadyNeeds are what must be well for /readyz to be 200, besides a started program and valid certificates: store
	// and kms. Default neither, since an outage of what all replicas need would take all of them out of service,
	// together with what still works.
	ReadyNeeds List `yaml:"ready_needs"`
}

// Tracing is about OpenTelemetry traces. They name operations, buckets and principals, but no keys of objects.
type Tracing struct {
	// URL of an OTLP collector over HTTP, such as http://127.0.0.1:4318/v1/traces; default none: off
	Endpoint string `yaml:"endpoint"`
	// share of the traces that begin here, 0 to 1; default 1. A client's traceparent decides for itself
	Sample  float64           `yaml:"sample"`
	Headers map[string]string `yaml:"headers"` // sent with each export, such as a collector's token
	// PEM file with the collector's certificate authority; default the system's
	CA string `yaml:"ca"`
}

// Log is about the log on stderr.
type Log struct {
	Level  string `yaml:"level"`  // debug | info (default) | warn | error
	Format string `yaml:"format"` // json (default) | console
	// Sample is the share of successful requests that have a line, 0 to 1; default 1. Failures have one always.
	Sample float64 `yaml:"sample"`
	Audit  Audit   `yaml:"audit"`
}

// Audit is about the audit log: a record of every decision, chained so that changes show. See `sealfront audit verify`.
type Audit struct {
	// Sink is where records go: file (default), stdout, syslog (RFC 5424) or socket (a line of JSON a record). With file,
	// nothing is recorded unless File is set.
	Sink string `yaml:"sink"`
	File string `yaml:"file"` // default none. SIGHUP opens it again, after it was moved
	// Address is syslog's or the socket's: tcp://HOST:PORT, tls://HOST:PORT, unix:///FILE, or unixgram:///FILE, which gets
	// a datagram a record.
	Address string `yaml:"address"`
	CA      string `yaml:"ca"`   // PEM file with the authority of a tls:// address; default the system's
	Keys    string `yaml:"keys"` // keys of objects as they are (plain, default), or as SHA-256 of bucket/key (hash)
	// MaxWait is how long a record may wait to be written; default 30 s. Then, and at once when a write fails, OnFailure
	// counts.
	MaxWait time.Duration `yaml:"max_wait"`
	// OnFailure says what happens to requests while records can't be written: continue (default; records are counted as
	// lost when too many wait, or for longer than MaxWait), or refuse with 503 ServiceUnavailable.
	OnFailure string `yaml:"on_failure"`
}

var defaultAudit = Audit{Sink: "file", Keys: "plain", MaxWait: 30 * time.Second, OnFailure: "continue"}

// Default returns the configuration with every default filled in.
func Default() *Config {
	yes := true
	listV1 := true
	return &Config{
		Listen:  Listen{HTTPS: "0.0.0.0:8443"},
		TLS:     TLS{MinVersion: "1.2", Require: "kms", ClientCertificates: "required"},
		Region:  "us-west-2",
		Account: "123456789012",
		Store: Store{
			Kind: "s3", Region: "us-east-1", Addressing: "path", BucketNames: "prefix",
			Memory: Memory{MaxBytes: 1 << 30},
		},
		KMS: KMS{
			Kind: "aws", Timeout: 15 * time.Second,
			BucketKey: BucketKey{Lifetime: 300 * time.Second, SealFor: time.Hour, MaxUses: 1_000_000, Entries: 65_536},
		},
		GeneralPurpose: GeneralPurpose{DefaultEncryption: "AES256"},
		Limits: Limits{
			ProgressTimeout: time.Minute, MinRate: 256, HeadTimeout: 30 * time.Second, IdleTimeout: 90 * time.Second,
			DrainTimeout: 30 * time.Second,
			FailedLogins: FailedLogins{Rate: 20, Burst: 500, Entries: 16384},
		},
		Checksums:   Checksums{OnGet: "always"},
		Auth:        Auth{AcceptS3Scope: &yes},
		Compat:      Compat{ListObjectsV1: &listV1},
		Tracing:     Tracing{Sample: 1},
		Log:         Log{Level: "info", Format: "json", Sample: 1, Audit: defaultAudit},
		ReloadEvery: 5 * time.Second,
		Data:        "./sealfront-data",
	}
}

// complete fills in the defaults that depend on other fields.
func (c *Config) complete() {
	s := &c.Store
	state, header := "sealfront-state", "x-amz-meta-sealfront"
	if s.Kind == "directory" {
		state, header = "", header+"-outer"
		if len(c.Zones) > 0 {
			state = "sealfront-state--" + c.Zones[0] + "--x-s3"
		}
	}
	s.StateBucket, s.MetadataHeader = or(s.StateBucket, state), or(s.MetadataHeader, header)
}

// KeepsData reports whether a part of the configuration stores data under Data.
func (c *Config) KeepsData() bool { return c.Store.Kind == "embedded" || c.KMS.Kind == "embedded" }

// MakesDemoBucket reports whether a start makes the directory bucket of the quick start: it needs no part of anyone's.
func (c *Config) MakesDemoBucket() bool {
	return c.KMS.Kind == "embedded" && (c.Store.Kind == "embedded" || c.Store.Kind == "memory")
}

// A Fault is one thing wrong with a configuration.
type Fault struct {
	Path string // listen.https
	Why  string
	// Passing: it may pass by itself, or is mended elsewhere, so that a later start with the same configuration may
	// succeed.
	Passing bool
}

// String is "path: why".
func (f Fault) String() string { return f.Path + ": " + f.Why }

// Faults are all that is wrong with a configuration, as an error.
type Faults []Fault

// Error has a line a fault.
func (f Faults) Error() string {
	s := ""
	for i, fault := range f {
		if i > 0 {
			s += "\n"
		}
		s += fault.String()
	}
	return s
}

// Passing reports whether each of them may pass without a change of the configuration.
func (f Faults) Passing() bool {
	return !slices.ContainsFunc(f, func(fault Fault) bool { return !fault.Passing })
}

func (f *Faults) add(path, format string, args ...any) {
	*f = append(*f, Fault{Path: path, Why: fmt.Sprintf(format, args...)})
}

// Embedded returns the configuration of a program that brings its own store and key service. Empty arguments mean the
// defaults.
func Embedded(data, region, https, http, admin string) (*Config, error) {
	c := Default()
	c.Store.Kind, c.KMS.Kind = "embedded", "embedded"
	c.Domains, c.Region = []string{"localhost", "s3.localhost"}, or(region, c.Region)
	c.Listen = Listen{HTTPS: or(https, "127.0.0.1:8443"), HTTP: http, Admin: or(admin, "127.0.0.1:9090")}
	c.Log.Format = "console"
	var err error
	if c.Data, err = filepath.Abs(or(data, c.Data)); err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	c.complete()
	if f := c.validate(); len(f) > 0 {
		return nil, f
	}
	return c, nil
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
