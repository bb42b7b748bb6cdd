package proxytest

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	"github.com/aws/aws-sdk-go-v2/service/s3control/types"
)

// ControlClient is an unmodified client of S3 Control at this name of the endpoint. It puts the account in front of the
// name, which resolvers needn't know: every connection goes to the program.
func (p *Program) ControlClient(t testing.TB, name string) *s3control.Client {
	t.Helper()
	_, address, _ := strings.Cut(p.Env["AWS_ENDPOINT_URL"], "://")
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	client := p.HTTPClient(t)
	transport := client.Transport.(*http.Transport)
	transport.TLSClientConfig.ServerName = "localhost" // the certificate has no account's names
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
	}
	return s3control.New(s3control.Options{
		Region: p.Env["AWS_REGION"], BaseEndpoint: aws.String("https://" + net.JoinHostPort(name, port)),
		RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(p.Env["AWS_ACCESS_KEY_ID"],
			p.Env["AWS_SECRET_ACCESS_KEY"], ""),
		HTTPClient: client,
	})
}

// ControlTags are tags as S3 Control has them, of names and values by turns.
func ControlTags(pairs ...string) (tags []types.Tag) {
	for i := 0; i < len(pairs); i += 2 {
		tags = append(tags, types.Tag{Key: &pairs[i], Value: &pairs[i+1]})
	}
	return tags
}
