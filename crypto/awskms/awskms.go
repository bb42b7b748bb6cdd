package awskms

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// Options say where KMS is and who calls it. Region is required.
type Options struct {
	Region    string
	Endpoint  string // default: AWS in the region
	AccessKey string // with SecretKey; without: the SDK's default chain
	SecretKey string
	// RoleARN is a role that is assumed with these credentials, by STS at STSEndpoint; default: none is.
	RoleARN     string
	STSEndpoint string        // default: AWS in the region
	CAFile      string        // PEM, in place of the system's roots
	Timeout     time.Duration // of a call with its retries; default 30 s
	backoff     time.Duration // the longest between two attempts; default 500 ms
}

// A Client makes the calls that the proxy and the root of a key service need. It is safe for concurrent use.
type Client struct {
	kms     *kms.Client
	timeout time.Duration
}

// attempts bounds how often the SDK tries a call that was throttled or got no answer: requests of clients are waiting.
const attempts = 3

// timely doesn't wait for another attempt that the call's time may not suffice for: the caller would hear that time was
// over, and not that KMS throttles.
type timely struct {
	aws.RetryerV2
	backoff time.Duration // the longest between two attempts
}

func (t timely) GetRetryToken(ctx context.Context, failed error) (release func(error) error, err error) {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < t.backoff {
		return nil, errors.New("no time is left for another attempt")
	}
	return t.RetryerV2.GetRetryToken(ctx, failed)
}

// New makes a client. It sends nothing. Endpoint and roots come from o alone: AWS_ENDPOINT_URL and AWS_CA_BUNDLE count
// only where the default chain looks for credentials.
func New(ctx context.Context, o Options) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	client := awshttp.NewBuildableClient()
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("read the KMS endpoint's certificate authority: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", o.CAFile)
		}
		client = client.WithTransportOptions(func(t *http.Transport) {
			t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
		})
	}
	config := aws.Config{Credentials: credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")}
	if o.AccessKey == "" {
		var err error
		if config, err = awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(o.Region)); err != nil {
			return nil, fmt.Errorf("load the AWS configuration: %w", err)
		}
	}
	if o.RoleARN != "" {
		calls := sts.NewFromConfig(config, func(s *sts.Options) {
			s.Region, s.HTTPClient, s.BaseEndpoint = o.Region, client, nil
			if o.STSEndpoint != "" {
				s.BaseEndpoint = aws.String(o.STSEndpoint)
			}
		})
		config.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(calls, o.RoleARN,
			func(a *stscreds.AssumeRoleOptions) { a.RoleSessionName = "sealfront" }),
			func(c *aws.CredentialsCacheOptions) { c.ExpiryWindow, c.ExpiryWindowJitterFrac = 5*time.Minute, 0.5 })
	}
	if o.backoff == 0 {
		o.backoff = 500 * time.Millisecond
	}
	return &Client{timeout: o.Timeout, kms: kms.NewFromConfig(config, func(k *kms.Options) {
		// Set here, each of these beats the environment, which may be set up for clients of the proxy itself.
		k.Region, k.HTTPClient, k.BaseEndpoint = o.Region, client, nil
		standard := retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff = attempts, o.backoff
		})
		k.Retryer = timely{RetryerV2: standard, backoff: o.backoff}
		if o.Endpoint != "" {
			k.BaseEndpoint = aws.String(o.Endpoint)
		}
	})}, nil
}

const dataKeySize = 32 // bytes, of AES_256

// GenerateDataKey returns a new key of 32 bytes under the KMS key keyID. The plaintext is the caller's, who wipes it.
func (c *Client) GenerateDataKey(
	ctx context.Context, keyID string, encryptionContext map[string]string,
) (plaintext, blob []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out, err := c.kms.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &keyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, nil, err
	}
	if len(out.Plaintext) != dataKeySize || len(out.CiphertextBlob) == 0 {
		clear(out.Plaintext)
		return nil, nil, fmt.Errorf("KMS answered GenerateDataKey with a key of %d bytes and a blob of %d",
			len(out.Plaintext), len(out.CiphertextBlob))
	}
	return out.Plaintext, out.CiphertextBlob, nil
}

// Encrypt returns plaintext, at most 4,096 bytes, under the KMS key keyID. The plaintext stays the caller's.
func (c *Client) Encrypt(
	ctx context.Context, keyID string, plaintext []byte, encryptionContext map[string]string,
) (blob []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out, err := c.kms.Encrypt(ctx, &kms.EncryptInput{
		KeyId: &keyID, Plaintext: plaintext, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, err
	}
	if len(out.CiphertextBlob) == 0 {
		return nil, errors.New("KMS answered Encrypt without a blob")
	}
	return out.CiphertextBlob, nil
}

// Decrypt opens a blob that was made under keyID with this encryption context. The plaintext is the caller's.
func (c *Client) Decrypt(
	ctx context.Context, keyID string, blob []byte, encryptionContext map[string]string,
) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out, err := c.kms.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &keyID, CiphertextBlob: blob, EncryptionContext: encryptionContext,
	})
	if err != nil {
		return nil, err
	}
	if len(out.Plaintext) == 0 {
		return nil, errors.New("KMS answered Decrypt without a plaintext")
	}
	return out.Plaintext, nil
}

// DescribeKey returns the facts of a key named by id, ARN or alias. What the service leaves out is "".
func (c *Client) DescribeKey(ctx context.Context, keyID string) (arn, state, manager, spec, usage string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	out, err := c.kms.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &keyID})
	if err != nil {
		return "", "", "", "", "", err
	}
	m := out.KeyMetadata
	if m == nil {
		return "", "", "", "", "", errors.New("KMS answered DescribeKey without metadata")
	}
	return aws.ToString(m.Arn), string(m.KeyState), string(m.KeyManager), string(m.KeySpec), string(m.KeyUsage), nil
}

// DisableKey disables a key.
func (c *Client) DisableKey(ctx context.Context, keyID string) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	_, err := c.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &keyID})
	return err
}

// ScheduleKeyDeletion has a key deleted after so many days, 7 to 30, and disables it until then.
func (c *Client) ScheduleKeyDeletion(ctx context.Context, keyID string, days int) (date time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	window := int32(days)
	out, err := c.kms.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &keyID, PendingWindowInDays: &window})
	if err != nil {
		return time.Time{}, err
	}
	return aws.ToTime(out.DeletionDate), nil
}

// Credentials returns the AWS default chain, as a function that fetches the credentials that hold now; the SDK
// refreshes them ahead of their end. It serves the store's client, so that nothing else needs the SDK.
func Credentials(
	ctx context.Context, region string,
) (func(context.Context) (accessKey, secretKey, token string, err error), error) {
	config, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(region))
	if err != nil {
		return nil, fmt.Errorf("load the AWS configuration: %w", err)
	}
	return func(ctx context.Context) (string, string, string, error) {
		c, err := config.Credentials.Retrieve(ctx)
		return c.AccessKeyID, c.SecretAccessKey, c.SessionToken, err
	}, nil
}
