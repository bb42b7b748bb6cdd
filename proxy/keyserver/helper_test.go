package keyserver_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"sealfront/crypto/keyroot/file"
	"sealfront/proxy/config"
	"sealfront/proxy/keyserver"
	"sealfront/proxy/memstore"

	"go.uber.org/zap"
)

const region, accessKey, secretKey, bucket = "us-west-2", "AKIAKEYSERVER", "a secret of the tests", "sealfront-kms"

func memory(t *testing.T) *memstore.Store {
	t.Helper()
	s, err := memstore.Start(memstore.Options{AccessKey: accessKey, SecretKey: secretKey, Region: region})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func rootFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.key")
	if err := file.Create(path); err != nil {
		t.Fatal(err)
	}
	return path
}

// overStore is the configuration of one of several replicas.
func overStore(t *testing.T, endpoint, root string) *config.KeyService {
	t.Helper()
	c := config.DefaultKeyService()
	c.Listen = config.Listen{HTTP: "127.0.0.1:0", Admin: "127.0.0.1:0"}
	c.Records.Bucket = bucket
	s := &c.Records.Store
	s.Endpoint, s.Region, s.AccessKey, s.SecretKey = endpoint, region, accessKey, secretKey
	c.Root, c.Roots = "main", []config.Root{{Name: "main", Kind: "file", File: root}}
	c.Identities = []config.KeyIdentity{{
		Name: "admin", AccessKey: accessKey, SecretKey: secretKey,
		Policy: []config.KeyStatement{{Effect: "Allow", Action: config.List{"kms:*"}, Resource: config.List{"*"}}},
	}}
	return c
}

// A replica is a running key service.
type replica struct {
	*kms.Client
	site  *keyserver.Site
	admin string
	stop  context.CancelFunc
	done  chan error
}

func start(t *testing.T, c *config.KeyService) *replica {
	t.Helper()
	site, err := keyserver.Open(t.Context(), c, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	l, err := keyserver.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.HTTP.Addr().String()
	r := &replica{site: site, admin: "http://" + l.Admin.Addr().String(), done: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	ready := make(chan struct{})
	go func() {
		err := site.Serve(ctx, l, "test", func() error { close(ready); return nil }, func(time.Duration) {})
		r.done <- errors.Join(err, site.Close())
	}()
	t.Cleanup(func() {
		stop()
		<-r.done
	})
	<-ready
	r.Client = kms.New(kms.Options{
		Region: region, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(accessKey, secretKey, ""),
	})
	return r
}

// code is the name of a KMS error, "unknown" for no answer, "" for success.
func code(err error) string {
	if err == nil {
		return ""
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return "unknown"
}
