package conformance

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"sealfront/sigv4"
)

// Settings say where an endpoint is and what is known about it.
type Settings struct {
	Endpoint        string // URL; of zonal operations, and of regional ones without ControlEndpoint
	ControlEndpoint string // URL of regional operations, in path style
	HTTPEndpoint    string // URL without TLS; "": rows that need one are skipped
	KMSEndpoint     string // URL of the key service; "": rows on key states are skipped
	Admin           string // URL of a Sealfront's admin address, to drop cached keys
	Addressing      string // path or virtual
	Bucket          string // BASE--ZONE--x-s3: the zone, and the beginning of the names of buckets that are made
	Key             string // ARN of the customer managed key that buckets are bound to
	// OtherKey is another of the same account ("": one is made); ForeignKey is one of another account that may be
	// used, ForbiddenKey one that may not.
	OtherKey, ForeignKey, ForbiddenKey string
	Region                             string // of signatures; default Key's
	CA                                 string // PEM file of the endpoint's authority; default the system's
	Settle                             time.Duration
	Slow                               bool   // wait for what takes minutes: an expired session, the end of a cached key
	Lacks                              string // conditional-delete, versioning: what the endpoint or its store hasn't

	Credentials sigv4.Credentials            // those that may do everything
	Limited     map[string]sigv4.Credentials // of identities with fewer rights: reader, nokms, nobody

	StatelessKeys bool // the key service enforces neither states nor usage of keys
	EmbeddedKeys  bool // it is a Sealfront's own, which plays other accounts
}

// Flags registers the flags that change s.
func (s *Settings) Flags(f *flag.FlagSet) {
	f.StringVar(&s.Endpoint, "endpoint", "", "URL of the endpoint under test; without it the program is built and started")
	f.StringVar(&s.ControlEndpoint, "control-endpoint", "",
		"URL for regional operations, in path style; default: as -endpoint")
	f.StringVar(&s.HTTPEndpoint, "http-endpoint", "",
		"URL of the endpoint without TLS; rows that need it are skipped otherwise")
	f.StringVar(&s.KMSEndpoint, "kms-endpoint", "", "URL of the key service; rows on key states are skipped otherwise")
	f.StringVar(&s.Admin, "admin", "", "URL of the program's admin address, to drop cached keys")
	f.StringVar(&s.Addressing, "addressing", "path", "path or virtual")
	f.StringVar(&s.Bucket, "bucket", "", "BASE--ZONE--x-s3: the zone, and the beginning of the names of the buckets made")
	f.StringVar(&s.Key, "kms-key", "", "ARN of the customer managed key that buckets are bound to")
	f.StringVar(&s.OtherKey, "kms-key-other", "",
		"ARN of another customer managed key of the same account; default: one is made")
	f.StringVar(&s.ForeignKey, "kms-key-foreign", "", "ARN of a key of another account that its policy lets be used")
	f.StringVar(&s.ForbiddenKey, "kms-key-forbidden", "",
		"ARN of a key of another account that its policy doesn't let be used")
	f.StringVar(&s.Region, "region", "", "region of signatures; default $AWS_REGION, else that of -kms-key")
	f.StringVar(&s.CA, "ca", "", "PEM file of the endpoint's certificate authority; default the system's")
	f.DurationVar(&s.Settle, "settle", 0, "how long to wait after a bucket's encryption was changed")
	f.BoolVar(&s.Slow, "slow", false, "wait until a session has expired, and a cached key's life has ended")
	f.StringVar(&s.Lacks, "lacks", "",
		"what the endpoint hasn't, since its store hasn't: conditional-delete (then it must be refused), versioning")
}

// FromEnvironment takes the credentials of AWS_ACCESS_KEY_ID and so on, of CONFORMANCE_READER_ACCESS_KEY_ID and so on,
// and AWS_REGION where s has no region.
func (s *Settings) FromEnvironment() {
	of := func(prefix string) sigv4.Credentials {
		return sigv4.Credentials{
			AccessKeyID: os.Getenv(prefix + "_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv(prefix + "_SECRET_ACCESS_KEY"),
			SessionToken: os.Getenv(prefix + "_SESSION_TOKEN"),
		}
	}
	s.Credentials = of("AWS")
	if s.Region == "" {
		s.Region = os.Getenv("AWS_REGION")
	}
	s.Limited = make(map[string]sigv4.Credentials)
	for _, name := range []string{"reader", "nokms", "nobody"} {
		if c := of("CONFORMANCE_" + strings.ToUpper(name)); c.AccessKeyID != "" {
			s.Limited[name] = c
		}
	}
}

// MakeKey makes a customer managed key in the key service of s and returns its ARN.
func (s *Settings) MakeKey() (string, error) {
	k := &keyService{
		endpoint: s.KMSEndpoint, region: s.Region, signer: &s.Credentials, client: http.DefaultClient,
		arns: make(map[string]string),
	}
	return k.make("$OTHER")
}

// Identities are the identities of a Sealfront at which no row is skipped for want of one, as its configuration has
// them: one of these credentials that may do everything, and those of the map.
func Identities(all sigv4.Credentials) (configuration string, limited map[string]sigv4.Credentials) {
	limited = make(map[string]sigv4.Credentials)
	for _, name := range []string{"reader", "nokms", "nobody"} {
		limited[name] = sigv4.Credentials{AccessKeyID: "AKIA" + strings.ToUpper(name), SecretAccessKey: name + "-secret"}
	}
	return fmt.Sprintf(identities, all.AccessKeyID, all.SecretAccessKey), limited
}

const identities = `identities:
  - name: app
    access_key: %s
    secret_key: %s
    policy: [{effect: Allow, action: ["s3express:*", "s3:*", "kms:*"], resource: ["*"]}]
  - name: reader
    access_key: AKIAREADER
    secret_key: reader-secret
    policy:
      - effect: Allow
        action: "s3express:CreateSession"
        resource: "*"
        condition: {StringEquals: {"s3express:SessionMode": ReadOnly}}
      - {effect: Allow, action: ["kms:Decrypt", "kms:GenerateDataKey"], resource: "*"}
  - name: nokms
    access_key: AKIANOKMS
    secret_key: nokms-secret
    policy: [{effect: Allow, action: ["s3express:*", "s3:*"], resource: "*"}]
  - {name: nobody, access_key: AKIANOBODY, secret_key: nobody-secret, policy: []}
`
