package tools_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"go.uber.org/zap"

	"sealfront/crypto/awskms"
	"sealfront/crypto/keyring"
	"sealfront/crypto/keyservice"
	"sealfront/policy"
	"sealfront/proxy/access"
	"sealfront/proxy/conn"
	"sealfront/proxy/gateway"
	"sealfront/proxy/localstore"
	"sealfront/proxy/memstore"
	"sealfront/proxy/objects"
	"sealfront/proxy/state"
	"sealfront/proxy/store"
	"sealfront/proxy/tools"
	"sealfront/sigv4"
)

const (
	mib       = 1 << 20
	region    = "us-west-2"
	account   = "123456789012"
	accessKey = "AKIATOOLS"
	secretKey = "a secret of the tests"

	metadataHeader = "x-amz-meta-sealfront"
)

// A site is an installation in one process: a store, a key service, a proxy between a client and them, and what its
// tools work on. A front between all and the store sees what crosses.
type site struct {
	t      *testing.T
	front  *front
	direct *store.Client // past the front
	store  *store.Client
	raw    *s3.Client // of the store, past the front, as one who knows nothing of the proxy
	kms    *awskms.Client
	master *keyservice.Service
	sdk    *kms.Client

	stateBucket string
	serviceKey  string
	abilities   store.Abilities
	copyLimit   int64
	allowed     []string // patterns of KMS keys
	shared      bool     // other replicas may work on the state
	state       *state.State

	client   *s3.Client // of the proxy
	proxyURL string
	trust    *x509.CertPool
}

// newSite returns one over a memory store, which has all abilities; change may take some away.
func newSite(t *testing.T, change ...func(*site)) *site {
	t.Helper()
	memory, err := memstore.Start(memstore.Options{AccessKey: accessKey, SecretKey: secretKey, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = memory.Close() })
	s := &site{t: t, stateBucket: "the-state", abilities: store.AllAbilities()}
	s.open("http://"+memory.Address(), region, change)
	return s
}

// localStore is the embedded store: of files, and with tags and checksums. One process has one.
var localStore = sync.OnceValues(func() (*localstore.Store, error) {
	var err error
	if localDir, err = os.MkdirTemp("", "sealfront-tools-"); err != nil {
		return nil, err
	}
	return localstore.Start(context.Background(), localstore.Options{
		Dir: localDir, AccessKey: accessKey, SecretKey: secretKey, Region: region,
	})
})

var localDir string

func TestMain(m *testing.M) {
	status := m.Run()
	if localDir != "" {
		if s, err := localStore(); err == nil {
			_ = s.Close()
		}
		_ = os.RemoveAll(localDir)
	}
	os.Exit(status)
}

// newLocalSite returns a site over the embedded store, which other tests use as well: names of buckets begin with the
// site's own.
func newLocalSite(t *testing.T, name string, change ...func(*site)) *site {
	t.Helper()
	local, err := localStore()
	if errors.Is(err, localstore.ErrAbsent) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, stateBucket: name + "-state"}
	if s.abilities, err = localAbilities(); err != nil {
		t.Fatal(err)
	}
	s.open("http://"+local.Address(), region, change)
	return s
}

var localAbilities = sync.OnceValues(func() (store.Abilities, error) {
	local, err := localStore()
	if err != nil {
		return store.Abilities{}, err
	}
	c, err := store.New(storeOptions("http://"+local.Address(), region))
	if err != nil {
		return store.Abilities{}, err
	}
	defer c.Close()
	if err := c.Objects("probed").Create(context.Background()); err != nil {
		return store.Abilities{}, err
	}
	return c.Probe(context.Background(), "probed")
})

// open joins a site to a store.
func (s *site) open(endpoint, storeRegion string, change []func(*site)) {
	t := s.t
	t.Helper()
	for _, f := range change {
		f(s)
	}
	s.front = newFront(t, endpoint)
	s.direct, s.store = newClient(t, endpoint, storeRegion, nil, false), newClient(t, s.front.url, storeRegion, nil, false)
	s.raw = newS3(endpoint, storeRegion, http.DefaultTransport)
	s.startKMS()
	if err := s.store.Objects(s.stateBucket).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.openState()
	s.startProxy()
}

func (s *site) startKMS() {
	t := s.t
	t.Helper()
	var err error
	s.master, err = keyservice.New(keyservice.Options{
		Dir: t.TempDir(), Region: region, Account: account,
		Callers: keyservice.Anyone(func(id string) (string, bool) { return secretKey, id == accessKey }),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.master.Close() }) // it notes the last use of keys a little later
	server := httptest.NewServer(s.master)
	t.Cleanup(server.Close)
	s.kms, err = awskms.New(t.Context(), awskms.Options{
		Region: region, Endpoint: server.URL, AccessKey: accessKey, SecretKey: secretKey,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.sdk = kms.New(kms.Options{
		Region: region, BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	s.serviceKey = s.newKey()
}

func (s *site) disable(key string) {
	s.t.Helper()
	if _, err := s.sdk.DisableKey(s.t.Context(), &kms.DisableKeyInput{KeyId: &key}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) newKey() string {
	s.t.Helper()
	arn, err := s.master.CreateKey(s.t.Context(), "")
	if err != nil {
		s.t.Fatal(err)
	}
	return arn
}

func (s *site) openState() {
	s.t.Helper()
	var err error
	s.state, err = state.Open(s.t.Context(), s.store.Objects(s.stateBucket), s.kms,
		state.Options{ServiceKey: s.serviceKey, Alone: !s.shared})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) newKeys() *keyring.Keyring {
	k := keyring.New(s.kms, keyring.Options{})
	s.t.Cleanup(k.Close)
	return k
}

func (s *site) startProxy() {
	t := s.t
	t.Helper()
	all, err := policy.Compile([]policy.Statement{{Effect: "Allow", Action: []string{"*"}, Resource: []string{"*"}}})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := access.NewIdentities([]*access.Identity{{
		Name: "app", AccessKeyID: accessKey, SecretAccessKey: secretKey, ARN: "arn:aws:iam::" + account + ":user/app",
		Policy: all,
	}})
	if err != nil {
		t.Fatal(err)
	}
	g := gateway.New(gateway.Options{
		Store: s.store, Keys: s.newKeys(), Buckets: s.state, Uploads: s.state, Renames: s.state, Claims: s.state,
		Sessions: s.state,
		Region:   region, Account: account, ServiceKey: s.serviceKey, AllowedKeys: s.allowed, StateBucket: s.stateBucket,
		Abilities: s.abilities, CopyLimit: s.copyLimit,
		MetadataHeader: metadataHeader, AcceptS3Scope: true, ChecksumOnGet: true,
	}, ids)
	server := conn.NewServer(g, zap.NewNop(), conn.Options{})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	authority := httptest.NewUnstartedServer(nil)
	authority.StartTLS()
	t.Cleanup(authority.Close)
	s.trust = x509.NewCertPool()
	s.trust.AddCert(authority.Certificate())
	encryption := &tls.Config{Certificates: authority.TLS.Certificates, NextProtos: []string{"http/1.1"}}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln, func() *tls.Config { return encryption }) }()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.trust}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
		_ = ln.Close()
		<-served
	})
	s.proxyURL = "https://" + ln.Addr().String()
	s.client = newS3(s.proxyURL, region, transport)
}

// objects are objects as a tool has them, with a keyring that is new.
func (s *site) objects(change ...func(*objects.Options)) *objects.Objects {
	o := objects.Options{
		Store: s.store, Keys: s.newKeys(), Buckets: s.state, Uploads: s.state, Claims: s.state, StateBucket: s.stateBucket,
		Abilities: s.abilities, CopyLimit: s.copyLimit, MetadataHeader: metadataHeader, ServiceKey: s.serviceKey,
		Policy: s.rules(),
	}
	for _, f := range change {
		f(&o)
	}
	return objects.New(o)
}

func (s *site) rules() policy.Options {
	return policy.Options{AllowedKeys: s.allowed, ServiceKey: s.serviceKey, DefaultKey: s.serviceKey}
}

// installation is what a tool works on.
func (s *site) installation(change ...func(*objects.Options)) *tools.Installation {
	rules := s.rules()
	factsOf := func(b *state.Bucket) policy.Bucket { return access.FactsOf(b, &rules) }
	return &tools.Installation{
		Objects: s.objects(change...), FactsOf: factsOf, State: s.state, Store: s.store, StateBucket: s.stateBucket,
		Abilities: s.abilities, MetadataHeader: metadataHeader, ServiceKey: s.serviceKey,
	}
}

func newS3(endpoint, region string, transport http.RoundTripper) *s3.Client {
	return s3.New(s3.Options{
		Region: region, BaseEndpoint: &endpoint,
		Credentials:  credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
		UsePathStyle: true, RetryMaxAttempts: 1, HTTPClient: &http.Client{Transport: transport},
		RequestChecksumCalculation:  aws.RequestChecksumCalculationWhenRequired,
		DisableS3ExpressSessionAuth: aws.Bool(true),
	})
}

func storeOptions(endpoint, region string) store.Options {
	return store.Options{
		Endpoint: endpoint, Region: region,
		Credentials: func(context.Context) (sigv4.Credentials, error) {
			return sigv4.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		},
	}
}

func newClient(t *testing.T, endpoint, region string, trust *x509.CertPool, directory bool) *store.Client {
	t.Helper()
	o := storeOptions(endpoint, region)
	o.Directory = directory
	if trust != nil {
		o.TLS = &tls.Config{RootCAs: trust}
	}
	c, err := store.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A front stands between a site and its store.
type front struct {
	url string

	mu     sync.Mutex
	before func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	alter  func(*http.Response)
}

func newFront(t *testing.T, endpoint string) *front {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{}
	// What breaks off before the front breaks off behind it, too, with a reset.
	transport := &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil {
				err = c.(*net.TCPConn).SetLinger(0)
			}
			return c, err
		},
	}
	forward := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: func(r *http.Response) error {
			f.mu.Lock()
			alter := f.alter
			f.mu.Unlock()
			if alter != nil {
				alter(r)
			}
			return nil
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		before := f.before
		f.mu.Unlock()
		if before == nil || !before(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { server.Close(); transport.CloseIdleConnections() })
	f.url = server.URL
	return f
}

// set makes before and alter those of all requests from now on.
func (f *front) set(before func(http.ResponseWriter, *http.Request) bool, alter func(*http.Response)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.alter = before, alter
}

// bucket makes a general purpose bucket.
func (s *site) bucket(name string) string {
	s.t.Helper()
	makeBucket(s.t, s.client, name)
	return name
}

func makeBucket(t *testing.T, c *s3.Client, name string) {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
}

// directoryBucket makes a directory bucket with SSE-KMS under a key of its own.
func (s *site) directoryBucket(prefix string) (name, kmsKey string) {
	s.t.Helper()
	name, kmsKey = prefix+"--local-az1--x-s3", s.newKey()
	_, err := s.client.CreateBucket(s.t.Context(), &s3.CreateBucketInput{
		Bucket: &name,
		CreateBucketConfiguration: &types.CreateBucketConfiguration{
			Bucket: &types.BucketInfo{
				Type:           types.BucketTypeDirectory,
				DataRedundancy: types.DataRedundancySingleAvailabilityZone,
			},
			Location: &types.LocationInfo{Type: types.LocationTypeAvailabilityZone, Name: aws.String("local-az1")},
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = s.client.PutBucketEncryption(s.t.Context(), &s3.PutBucketEncryptionInput{
		Bucket: &name,
		ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{{
			ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{
				SSEAlgorithm: types.ServerSideEncryptionAwsKms, KMSMasterKeyID: &kmsKey,
			},
			BucketKeyEnabled: aws.Bool(true),
		}}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return name, kmsKey
}

// envelope is the metadata that holds an object's envelope.
const envelope = "sealfront"
