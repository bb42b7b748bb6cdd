package config

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"sealfront/policy"
)

// KeyService is the configuration of `sealfront kms`.
type KeyService struct {
	Listen  Listen `yaml:"listen"`  // http is for a listener behind a TLS terminator
	TLS     KeyTLS `yaml:"tls"`     // of listen.https
	Region  string `yaml:"region"`  // of new keys and of signatures; default us-west-2
	Account string `yaml:"account"` // of new keys, 12 digits; default 123456789012
	// Regions are those that it had before: keys made then are found by the ARNs that they keep.
	Regions []string `yaml:"regions"`
	Records Records  `yaml:"records"`
	// Root is the name of the root that wraps new records; default: the only one of roots.
	Root           string        `yaml:"root"`
	Roots          []Root        `yaml:"roots"`
	Key            KeyMaterial   `yaml:"key"`
	Identities     []KeyIdentity `yaml:"identities"`
	IdentitiesFile string        `yaml:"identities_file"` // YAML with one key, identities
	Issuers        []Issuer      `yaml:"issuers"`         // whose tokens roles may trust
	Roles          []KeyRole     `yaml:"roles"`
	// ReloadEvery is how often this file and those that a reload reads are looked at for changes: identities, roles,
	// issuers and certificates; default 5 s, 0: only at SIGHUP.
	ReloadEvery time.Duration `yaml:"reload_every"`
	Limits      KeyLimits     `yaml:"limits"`
	Admin       KeyAdmin      `yaml:"admin"`
	Log         KeyLog        `yaml:"log"`
}

// KeyTLS is how clients of the key service connect.
type KeyTLS struct {
	Cert       string `yaml:"cert"`        // PEM file; required with listen.https
	Key        string `yaml:"key"`         // PEM file
	ClientCA   string `yaml:"client_ca"`   // PEM file; clients must then show a certificate of it
	MinVersion string `yaml:"min_version"` // "1.2" or "1.3"; default 1.2
}

// Records are where the keys lie: in a folder, for one machine, or in a bucket, for any number of replicas.
type Records struct {
	Dir    string   `yaml:"dir"`
	Bucket string   `yaml:"bucket"` // of store; made when it is missing
	Store  KeyStore `yaml:"store"`
	// Freshness is how old a record in memory may be that a use of a key rests on, with a bucket; default 5 s. So long may
	// a change (DisableKey) take until it holds at all replicas, and so long do keys work with the store away.
	Freshness time.Duration `yaml:"freshness"`
}

// KeyStore is the S3 store of the records. It must have conditional PUT.
type KeyStore struct {
	Endpoint      string `yaml:"endpoint"` // http:// or https:// URL
	Region        string `yaml:"region"`   // default us-east-1
	AccessKey     string `yaml:"access_key"`
	SecretKey     string `yaml:"secret_key"`
	SecretKeyFile string `yaml:"secret_key_file"`
	SecretKeyEnv  string `yaml:"secret_key_env"`
	Addressing    string `yaml:"addressing"` // path (default) | virtual
	// PEM file with the store's certificate authority; default the system's
	CA             string        `yaml:"ca"`
	Timeout        time.Duration `yaml:"timeout"`         // of a request without progress; default 5 s
	ConnectTimeout time.Duration `yaml:"connect_timeout"` // default 2 s
}

// Root is one that record keys are wrapped by.
type Root struct {
	Name string `yaml:"name"`
	Kind string `yaml:"kind"` // file | transit | pkcs11 | awskms
	// File, with kind file, holds the root key, mode 0600. `sealfront kms root FILE` makes one.
	File    string      `yaml:"file"`
	Transit TransitRoot `yaml:"transit"` // with kind transit: a key of OpenBao's or Vault's Transit engine
	PKCS11  PKCS11Root  `yaml:"pkcs11"`  // with kind pkcs11: a key in an HSM; the program must be built with that tag
	AWSKMS  AWSKMSRoot  `yaml:"awskms"`  // with kind awskms: a KMS key of AWS
}

// TransitRoot is a key of Transit, and how to log in there: by a token, AppRole or Kubernetes.
type TransitRoot struct {
	Address    string           `yaml:"address"` // https://HOST[:PORT]; http:// is for the loopback interface alone
	Namespace  string           `yaml:"namespace"`
	Mount      string           `yaml:"mount"`   // of the Transit engine; default transit
	Key        string           `yaml:"key"`     // its name; it must exist
	Cluster    string           `yaml:"cluster"` // the operator's word for it, part of the root's identity; default none
	Token      string           `yaml:"token"`
	TokenFile  string           `yaml:"token_file"` // read again when the token is refused or nears its end
	TokenEnv   string           `yaml:"token_env"`
	AppRole    *AppRoleLogin    `yaml:"approle"`
	Kubernetes *KubernetesLogin `yaml:"kubernetes"`
	CA         string           `yaml:"ca"`   // PEM file; default the system's authorities
	Cert       string           `yaml:"cert"` // PEM file: the certificate to show, with cert_key
	CertKey    string           `yaml:"cert_key"`
	ServerName string           `yaml:"server_name"` // what the server's certificate must say; default the address' host
	Timeout    time.Duration    `yaml:"timeout"`     // of a call; default 5 s
}

// AppRoleLogin is a role id with a secret id.
type AppRoleLogin struct {
	Mount        string `yaml:"mount"` // default approle
	RoleID       string `yaml:"role_id"`
	SecretID     string `yaml:"secret_id"`
	SecretIDFile string `yaml:"secret_id_file"`
	SecretIDEnv  string `yaml:"secret_id_env"`
}

// KubernetesLogin is a login with the token of the pod's service account.
type KubernetesLogin struct {
	Mount   string `yaml:"mount"` // default kubernetes
	Role    string `yaml:"role"`
	JWTFile string `yaml:"jwt_file"` // default the pod's own
}

// PKCS11Root is an AES key of 256 bits in an HSM.
type PKCS11Root struct {
	Module    string        `yaml:"module"` // shared library of the HSM's maker
	Token     string        `yaml:"token"`  // label
	PIN       string        `yaml:"pin"`
	PINFile   string        `yaml:"pin_file"`
	PINEnv    string        `yaml:"pin_env"`
	Key       string        `yaml:"key"`       // label; the key must exist
	KeyID     string        `yaml:"key_id"`    // CKA_ID in hexadecimal, where the label isn't enough
	Mechanism string        `yaml:"mechanism"` // gcm | wrap; default the first that token and key allow
	Sessions  int           `yaml:"sessions"`  // most at once; default 8
	Timeout   time.Duration `yaml:"timeout"`   // of a call; default 5 s
}

// AWSKMSRoot is a symmetric KMS key of AWS.
type AWSKMSRoot struct {
	KeyARN        string        `yaml:"key"`      // its ARN; no alias
	Endpoint      string        `yaml:"endpoint"` // default: AWS in the key's region
	AccessKey     string        `yaml:"access_key"`
	SecretKey     string        `yaml:"secret_key"`
	SecretKeyFile string        `yaml:"secret_key_file"`
	SecretKeyEnv  string        `yaml:"secret_key_env"`
	RoleARN       string        `yaml:"role_arn"`     // a role to assume with these credentials; default none
	STSEndpoint   string        `yaml:"sts_endpoint"` // where; default: AWS in the key's region
	CA            string        `yaml:"ca"`           // PEM file; default the system's authorities
	Timeout       time.Duration `yaml:"timeout"`      // of a call with its retries; default 10 s
}

// KeyMaterial is about keys in memory.
type KeyMaterial struct {
	// Lifetime is how long an opened key stays in memory after its root was called last; default 300 s. With the root away
	// it works until then.
	Lifetime    time.Duration `yaml:"lifetime"`
	RootTimeout time.Duration `yaml:"root_timeout"` // of a call of a root; default 5 s
}

// KeyLimits are about the end of the program.
type KeyLimits struct {
	// after SIGTERM /readyz is 503 for so long before requests are refused
	DrainDelay   time.Duration `yaml:"drain_delay"`
	DrainTimeout time.Duration `yaml:"drain_timeout"` // for requests in flight; default 10 s
}

// KeyAdmin is about the admin address: /livez, /readyz, /metrics and /status.
type KeyAdmin struct {
	// Token is needed for /metrics and the status page when it is set: Authorization: Bearer TOKEN, or as a password. An
	// address that isn't loopback needs it, or health_only.
	Token     string `yaml:"token"`
	TokenFile string `yaml:"token_file"`
	// HealthOnly serves /livez, /readyz and /metrics only, to everybody who reaches the address.
	HealthOnly bool `yaml:"health_only"`
	// ReadyNeeds are what must be well for /readyz to be 200, besides a started program: records and roots. Default
	// neither, since an outage would take all replicas out of service, together with what still works.
	ReadyNeeds List `yaml:"ready_needs"`
}

// KeyLog is about the log on stderr and the audit log.
type KeyLog struct {
	Level  string `yaml:"level"`  // debug | info (default) | warn | error
	Format string `yaml:"format"` // json (default) | console
	// Audit is the file of the audit log, a chained record for each request; default none. `sealfront audit verify`
	// verifies it.
	Audit string `yaml:"audit"`
	// AuditOnFailure says what happens to requests while records can't be written: continue (default; records are lost
	// after 30 s, and counted) | refuse (KMSInternalException, before anything is done).
	AuditOnFailure string `yaml:"audit_on_failure"`
}

// DefaultKeyService returns the configuration of a key service with every default filled in.
func DefaultKeyService() *KeyService {
	return &KeyService{
		Listen: Listen{HTTPS: "0.0.0.0:8444"}, TLS: KeyTLS{MinVersion: "1.2"}, Region: "us-west-2", Account: "123456789012",
		Records: Records{
			Freshness: 5 * time.Second,
			Store: KeyStore{
				Region: "us-east-1", Addressing: "path", Timeout: 5 * time.Second, ConnectTimeout: 2 * time.Second,
			},
		},
		Key:         KeyMaterial{Lifetime: 300 * time.Second, RootTimeout: 5 * time.Second},
		ReloadEvery: 5 * time.Second, Limits: KeyLimits{DrainTimeout: 10 * time.Second},
		Log: KeyLog{Level: "info", Format: "json", AuditOnFailure: "continue"},
	}
}

// LoadKeyService is Load for the configuration of a key service.
func LoadKeyService(file string) (*KeyService, error) {
	c, faults, err := loadKeyService(file, &Sources{})
	return only(c, faults, err)
}

// LoadKeyServiceWatched is LoadWatched for the configuration of a key service.
func LoadKeyServiceWatched(file string) (*KeyService, *Sources, error) {
	s := &Sources{}
	c, faults, err := loadKeyService(file, s)
	if c != nil {
		s.note(c.Files())
	}
	c, err = only(c, faults, err)
	return c, s, err
}

func loadKeyService(file string, s *Sources) (*KeyService, Faults, error) {
	text, err := s.read(file)
	if err != nil {
		return nil, nil, fmt.Errorf("read the configuration: %w", err)
	}
	c, r := DefaultKeyService(), &reading{sources: s}
	if !r.decode("file", text, c) {
		return c, r.faults, nil
	}
	c.resolve(filepath.Dir(file), r)
	causes := slices.Clone(r.meant)
	for _, f := range r.faults {
		causes = append(causes, f.Path)
	}
	return c, append(r.faults, withoutConsequences(c.validate(), causes)...), nil
}

// Files are the files that Reload of a key service reads, apart from its own configuration: identities, their secrets,
// issuers, the certificate and the authorities of clients' own.
func (c *KeyService) Files() []string {
	list := []string{c.IdentitiesFile, c.TLS.Cert, c.TLS.Key, c.TLS.ClientCA}
	for i := range c.Identities {
		list = append(list, c.Identities[i].SecretKeyFile)
	}
	for i := range c.Issuers {
		list = append(list, c.Issuers[i].KeysFile, c.Issuers[i].CA)
	}
	return slices.DeleteFunc(list, func(name string) bool { return name == "" })
}

// resolve makes paths absolute and reads secrets and identities from their files.
func (c *KeyService) resolve(dir string, r *reading) {
	base, err := filepath.Abs(dir)
	if err != nil {
		r.add("file", "%v", err)
		return
	}
	paths := []*string{
		&c.TLS.Cert, &c.TLS.Key, &c.TLS.ClientCA, &c.Records.Dir, &c.Records.Store.CA, &c.Records.Store.SecretKeyFile,
		&c.IdentitiesFile, &c.Admin.TokenFile, &c.Log.Audit,
	}
	for i := range c.Roots {
		r := &c.Roots[i]
		paths = append(paths, &r.File, &r.Transit.TokenFile, &r.Transit.CA, &r.Transit.Cert, &r.Transit.CertKey,
			&r.PKCS11.PINFile, &r.AWSKMS.SecretKeyFile, &r.AWSKMS.CA)
		if r.Transit.AppRole != nil {
			paths = append(paths, &r.Transit.AppRole.SecretIDFile)
		}
		if r.Transit.Kubernetes != nil {
			paths = append(paths, &r.Transit.Kubernetes.JWTFile)
		}
	}
	absolute := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(base, *p)
		}
	}
	for i := range c.Issuers {
		paths = append(paths, &c.Issuers[i].KeysFile, &c.Issuers[i].CA, &c.Issuers[i].TokenFile)
	}
	for _, p := range paths {
		absolute(p)
	}
	if c.IdentitiesFile != "" {
		if len(c.Identities) > 0 {
			r.add("identities_file", "can't be set together with identities")
		}
		c.readIdentities(r)
	}
	s := &c.Records.Store
	r.secret("records.store.secret_key", &s.SecretKey, s.SecretKeyFile, s.SecretKeyEnv)
	r.secret("admin.token", &c.Admin.Token, c.Admin.TokenFile, "")
	for i := range c.Identities {
		id := &c.Identities[i]
		absolute(&id.SecretKeyFile)
		r.secret(path("identities", i)+".secret_key", &id.SecretKey, id.SecretKeyFile, id.SecretKeyEnv)
	}
	if c.Root == "" && len(c.Roots) == 1 {
		c.Root = c.Roots[0].Name
	}
}

// validate finds what is wrong beyond types.
func (c *KeyService) validate() Faults {
	var f Faults
	c.validateListen(&f)
	if c.Region == "" {
		f.add("region", "must be set")
	}
	if !accountForm.MatchString(c.Account) {
		f.add("account", "%q is not 12 digits; quote it, or YAML takes it for a number", c.Account)
	}
	c.validateRecords(&f)
	c.validateRoots(&f)
	c.validateIdentities(&f)
	c.validateRoles(&f)
	for path, d := range map[string]time.Duration{
		"key.lifetime": c.Key.Lifetime, "key.root_timeout": c.Key.RootTimeout, "records.freshness": c.Records.Freshness,
		"limits.drain_timeout": c.Limits.DrainTimeout,
	} {
		if d <= 0 {
			f.add(path, "must be positive, such as 5s")
		}
	}
	if c.ReloadEvery < 0 {
		f.add("reload_every", "must not be negative")
	}
	if c.Limits.DrainDelay < 0 {
		f.add("limits.drain_delay", "must not be negative")
	}
	oneOf(&f, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(&f, "log.format", c.Log.Format, "json", "console")
	oneOf(&f, "log.audit_on_failure", c.Log.AuditOnFailure, "continue", "refuse")
	if c.Log.AuditOnFailure == "refuse" && c.Log.Audit == "" {
		f.add("log.audit_on_failure", "is refuse, so log.audit must be set")
	}
	return f
}

func (c *KeyService) validateListen(f *Faults) {
	(&Config{Listen: c.Listen}).validatePorts(f)
	for _, l := range []struct{ path, value string }{
		{"listen.https", c.Listen.HTTPS}, {"listen.http", c.Listen.HTTP}, {"listen.admin", c.Listen.Admin},
	} {
		if l.value == "" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", l.value); err != nil {
			f.add(l.path, "%q is not an address such as 0.0.0.0:8444: %v", l.value, err)
		}
	}
	if c.Listen.HTTPS == "" && c.Listen.HTTP == "" {
		f.add("listen.https", "nothing to listen on: set listen.https, listen.http or both")
	}
	oneOf(f, "tls.min_version", c.TLS.MinVersion, "1.2", "1.3")
	for _, file := range []struct {
		path, name string
		required   bool
	}{
		{"tls.cert", c.TLS.Cert, c.Listen.HTTPS != ""},
		{"tls.key", c.TLS.Key, c.Listen.HTTPS != ""},
		{"tls.client_ca", c.TLS.ClientCA, false},
		{"records.store.ca", c.Records.Store.CA, false},
	} {
		if file.name == "" {
			if file.required {
				f.add(file.path, "must be set: listen.https needs a certificate")
			}
			continue
		}
		if _, err := os.Stat(file.name); err != nil {
			f.add(file.path, "%s", missing(file.name, err))
		}
	}
	for _, need := range c.Admin.ReadyNeeds {
		oneOf(f, "admin.ready_needs", need, "records", "roots")
	}
	host, _, err := net.SplitHostPort(c.Listen.Admin)
	if err != nil || c.Admin.Token != "" || c.Admin.HealthOnly || host == "localhost" {
		return
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		f.add("listen.admin", "isn't a loopback address: set admin.token (or token_file), or admin.health_only")
	}
}

func (c *KeyService) validateRecords(f *Faults) {
	r := &c.Records
	switch {
	case r.Dir == "" && r.Bucket == "":
		f.add("records.dir", "must be set, or records.bucket and records.store: where the keys lie")
	case r.Dir != "" && (r.Bucket != "" || r.Store.Endpoint != ""):
		f.add("records.dir", "can't be set together with records.bucket and records.store")
	case r.Bucket != "":
		if name, refused := policy.ParseBucketName(r.Bucket); refused != nil || name.Kind == policy.Directory {
			f.add("records.bucket", "%q is not the name of a general purpose bucket", r.Bucket)
		}
		service(f, "records.store.endpoint", r.Store.Endpoint, true)
	}
	if (r.Store.AccessKey == "") != (r.Store.SecretKey == "") {
		f.add("records.store.secret_key", "records.store.access_key and secret_key must be set together")
	}
	oneOf(f, "records.store.addressing", r.Store.Addressing, "path", "virtual")
	for path, d := range map[string]time.Duration{"timeout": r.Store.Timeout, "connect_timeout": r.Store.ConnectTimeout} {
		if d < 100*time.Millisecond {
			f.add("records.store."+path, "must be 100ms or more")
		}
	}
}

func (c *KeyService) validateRoots(f *Faults) {
	if len(c.Roots) == 0 {
		f.add("roots", "must be set: without a root no key can be sealed")
	}
	names := make(map[string]bool)
	for i := range c.Roots {
		r, at := &c.Roots[i], path("roots", i)
		if r.Name == "" || names[r.Name] {
			f.add(at+".name", "%q must be set, and each root's own", r.Name)
		}
		names[r.Name] = true
		oneOf(f, at+".kind", r.Kind, "file", "transit", "pkcs11", "awskms")
		if r.Kind == "file" && r.File == "" {
			f.add(at+".file", "must be set: the file with the root key")
		}
	}
	if len(c.Roots) > 0 && !names[c.Root] {
		f.add("root", "%q is none of roots: it wraps new keys", c.Root)
	}
}

var accountForm = regexp.MustCompile(`^[0-9]{12}$`)
