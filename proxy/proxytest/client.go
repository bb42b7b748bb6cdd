package proxytest

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// HTTPClient trusts the program's own authority.
func (p *Program) HTTPClient(t testing.TB) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	if file := p.Env["AWS_CA_BUNDLE"]; file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pool.AppendCertsFromPEM(text)
	}
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64, DisableCompression: true,
		ExpectContinueTimeout: 10 * time.Second,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Client is an unmodified S3 client with the exported settings.
func (p *Program) Client(t testing.TB, options ...func(*s3.Options)) *s3.Client {
	t.Helper()
	return s3.New(s3.Options{}, append([]func(*s3.Options){func(o *s3.Options) {
		o.Region = p.Env["AWS_REGION"]
		o.BaseEndpoint = aws.String(p.Env["AWS_ENDPOINT_URL"])
		o.Credentials = credentials.NewStaticCredentialsProvider(p.Env["AWS_ACCESS_KEY_ID"],
			p.Env["AWS_SECRET_ACCESS_KEY"],
			"")
		o.HTTPClient = p.HTTPClient(t)
		o.UsePathStyle = true
		o.RetryMaxAttempts = 1
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported // as config.LoadDefaultConfig does
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
	}}, options...)...)
}
