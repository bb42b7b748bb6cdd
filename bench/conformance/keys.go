package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"sealfront/sigv4"
)

// A missing says what this run is without. Cases that meet one are skipped with its text.
type missing string

func (m missing) Error() string { return string(m) }

// A keyService makes the KMS keys that rows are about, each once, and finds those that were given.
type keyService struct {
	endpoint string // may be empty
	region   string
	signer   *sigv4.Credentials
	client   *http.Client
	states   bool // states and usage are enforced
	embedded bool // it is the program's own, which plays other accounts as well: crypto/keyservice/doc.go

	mu   sync.Mutex
	arns map[string]string // by variable
	made []string
}

func newKeyService(s Settings, x *target) *keyService {
	k := &keyService{
		endpoint: strings.TrimSuffix(s.KMSEndpoint, "/"), region: x.region, signer: &x.long.Credentials, client: x.client,
		states: !s.StatelessKeys, embedded: s.EmbeddedKeys,
		arns: map[string]string{"$K": s.Key},
	}
	for name, arn := range map[string]string{
		"$OTHER": s.OtherKey, "$FOREIGN": s.ForeignKey, "$FORBIDDEN": s.ForbiddenKey,
	} {
		if arn != "" {
			k.arns[name] = arn
		}
	}
	return k
}

// recipes say how the key of a variable is made: the input of CreateKey, and the calls that follow.
var recipes = map[string]struct {
	input map[string]any
	then  []string
}{
	"$OTHER":    {},
	"$DISABLED": {then: []string{"DisableKey"}},
	"$PENDING":  {then: []string{"ScheduleKeyDeletion"}},
	"$IMPORT":   {input: map[string]any{"Origin": "EXTERNAL"}},
	"$RSA":      {input: map[string]any{"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"}},
	"$SIGNING":  {input: map[string]any{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}},
	"$HMAC":     {input: map[string]any{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}},
	"$MRK":      {input: map[string]any{"MultiRegion": true}},
}

// named returns the ARN, or for a name that ends with ID the key id, of a variable's key. The error is a missing one
// when this run can't have it.
func (k *keyService) named(name string) (string, error) {
	if of, isID := strings.CutSuffix(name, "ID"); isID && of != "$" && of != "" {
		arn, err := k.named(of)
		return keyID(arn), err
	}
	if name == "$ID" {
		return keyID(k.arns["$K"]), nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if arn := k.arns[name]; arn != "" {
		return arn, nil
	}
	arn, err := k.find(name)
	if err == nil {
		k.arns[name] = arn
	}
	return arn, err
}

func (k *keyService) find(name string) (string, error) {
	fields := strings.SplitN(k.arns["$K"], ":", 6)
	const unknown = "key/0d1e2f3a-0000-4000-8000-00c0ffee0000"
	switch name {
	case "$UNKNOWN":
		fields[5] = unknown
	case "$ELSEWHERE": // a key that is never asked for
		fields[4], fields[5] = "210987654321", unknown
	case "$FAR":
		if fields[3] = "eu-west-1"; k.region == "eu-west-1" {
			fields[3] = "us-west-2"
		}
	case "$MANAGED":
		return k.managed()
	case "$FOREIGN", "$FORBIDDEN":
		if k.embedded {
			return k.foreign(name)
		}
		return "", missing("no key of another account: -kms-key-" + strings.ToLower(name[1:]))
	default:
		return k.make(name)
	}
	return strings.Join(fields, ":"), nil
}

func keyID(arn string) string { return arn[strings.LastIndex(arn, "/")+1:] }

// make makes a key by its recipe; variables with another name in front, as $DISABLED-1, are keys of their own.
func (k *keyService) make(name string) (string, error) {
	kind, _, _ := strings.Cut(name, "-")
	recipe, ok := recipes[kind]
	if !ok {
		return "", fmt.Errorf("no variable %s", name)
	}
	if (recipe.input != nil || recipe.then != nil) && !k.states {
		return "", missing(
			"this key service enforces neither key states nor key usage, nor does it decrypt under multi-Region keys")
	}
	input := map[string]any{"Description": "Sealfront conformance " + name[1:]}
	for field, value := range recipe.input {
		input[field] = value
	}
	out, err := k.call(context.Background(), "CreateKey", input)
	if err != nil {
		if refusal, refused := errors.AsType[*kmsError](err); refused && recipe.input != nil {
			return "", missing("the key service makes no such key: " + refusal.Error())
		}
		return "", err
	}
	metadata, _ := out["KeyMetadata"].(map[string]any)
	arn, _ := metadata["Arn"].(string)
	k.made = append(k.made, arn)
	for _, action := range recipe.then {
		if err := k.change(action, arn); err != nil {
			return "", err
		}
	}
	return arn, nil
}

// foreign makes a key of another account in the program's own key service.
func (k *keyService) foreign(name string) (string, error) {
	const account = "210987654321"
	out, err := k.call(context.Background(), "CreateKey", map[string]any{
		"Description": "Sealfront conformance " + name[1:], "Tags": []map[string]any{
			{"TagKey": "sealfront:account", "TagValue": account},
		},
	})
	if err != nil {
		return "", err
	}
	metadata, _ := out["KeyMetadata"].(map[string]any)
	arn, _ := metadata["Arn"].(string)
	k.made = append(k.made, arn)
	if !strings.Contains(arn, ":"+account+":") {
		return "", missing("this key service doesn't play other accounts")
	}
	if name == "$FORBIDDEN" {
		return arn, nil
	}
	owner := strings.SplitN(k.arns["$K"], ":", 6)[4]
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + owner +
		`:root"},"Action":["kms:DescribeKey","kms:GenerateDataKey","kms:Decrypt"],"Resource":"*"}]}`
	_, err = k.call(context.Background(), "PutKeyPolicy", map[string]any{
		"KeyId": arn, "PolicyName": "default", "Policy": policy,
	})
	return arn, err
}

// change is DisableKey, EnableKey, ScheduleKeyDeletion or CancelKeyDeletion of a key.
func (k *keyService) change(action, arn string) error {
	input := map[string]any{"KeyId": arn}
	if action == "ScheduleKeyDeletion" {
		input["PendingWindowInDays"] = 7
	}
	_, err := k.call(context.Background(), action, input)
	return err
}

// managed finds the AWS managed key of S3.
func (k *keyService) managed() (string, error) {
	out, err := k.call(context.Background(), "DescribeKey", map[string]any{"KeyId": "alias/aws/s3"})
	if err != nil {
		if refusal, refused := errors.AsType[*kmsError](err); refused {
			return "", missing("the key service has no AWS managed key: " + refusal.Error())
		}
		return "", err
	}
	metadata, _ := out["KeyMetadata"].(map[string]any)
	if metadata["KeyManager"] != "AWS" {
		return "", missing("the key service has no AWS managed key")
	}
	arn, _ := metadata["Arn"].(string)
	return arn, nil
}

// remove schedules the deletion of the keys that were made. Those of an emulator end with it.
func (k *keyService) remove(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.states {
		return nil
	}
	var failures []error
	for _, arn := range k.made {
		_, err := k.call(ctx, "ScheduleKeyDeletion", map[string]any{"KeyId": arn, "PendingWindowInDays": 7})
		if refusal, refused := errors.AsType[*kmsError](err); refused &&
			strings.HasSuffix(refusal.kind, "KMSInvalidStateException") {
			continue // it waits already
		}
		failures = append(failures, err)
	}
	k.made = nil
	return errors.Join(failures...)
}

// A kmsError is a refusal of the key service.
type kmsError struct{ action, kind, message string }

func (e *kmsError) Error() string { return e.action + ": " + e.kind + " " + e.message }

// call asks the key service. A refusal is a *kmsError.
func (k *keyService) call(ctx context.Context, action string, input map[string]any) (map[string]any, error) {
	if k.endpoint == "" {
		return nil, missing("no key service: -kms-endpoint")
	}
	body, err := json.Marshal(input)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(k.endpoint + "/")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	h, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	now, sum := time.Now(), sha256.Sum256(body)
	m := &sigv4.Message{
		Method: []byte("POST"), Path: []byte("/"), Header: []sigv4.Field{{Name: []byte("Host"), Value: []byte(u.Host)}},
	}
	set := func(name, value string) {
		m.Header = append(m.Header, sigv4.Field{Name: []byte(name), Value: []byte(value)})
		h.Header.Set(name, value)
	}
	set("Content-Type", "application/x-amz-json-1.1")
	set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
	set("X-Amz-Date", string(sigv4.AppendTimestamp(nil, now)))
	set("X-Amz-Target", "TrentService."+action)
	if k.signer.SessionToken != "" {
		set("X-Amz-Security-Token", k.signer.SessionToken)
	}
	h.Header.Set("Authorization", string(sigv4.NewSigner(k.region, "kms").AppendAuthorization(nil, m, k.signer, now)))
	resp, err := k.client.Do(h)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	out := make(map[string]any)
	if len(text) > 0 {
		if err := json.Unmarshal(text, &out); err != nil {
			return nil, fmt.Errorf("%s: answer %d is no JSON: %w", action, resp.StatusCode, err)
		}
	}
	if resp.StatusCode != http.StatusOK {
		kind, _ := out["__type"].(string)
		message, _ := out["message"].(string)
		return nil, &kmsError{action, kind, message}
	}
	return out, nil
}
