package roottest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Policy is all that a root at transit needs, in Vault's words.
const Policy = `path "transit/datakey/plaintext/*" { capabilities = ["update"] }
path "transit/decrypt/*" { capabilities = ["update"] }`

// Transit enables Transit and the policy "kms", and returns a token that may do no more than that.
func (v *Vault) Transit(t testing.TB) (token string) {
	t.Helper()
	v.Do(t, "POST", "sys/mounts/transit", `{"type": "transit"}`)
	v.SetPolicy(t, Policy)
	auth, _ := v.Do(t, "POST", "auth/token/create", `{"policies": ["kms"]}`)["auth"].(map[string]any)
	token, _ = auth["client_token"].(string)
	if token == "" {
		t.Fatalf("no token in %v", auth)
	}
	return token
}

// SetPolicy sets the policy "kms".
func (v *Vault) SetPolicy(t testing.TB, text string) {
	t.Helper()
	body, _ := json.Marshal(map[string]string{"policy": text})
	v.Do(t, "PUT", "sys/policies/acl/kms", string(body))
}

// NewKey makes a key of Transit and returns its name.
func (v *Vault) NewKey(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("key-%d", v.keys.Add(1))
	v.Do(t, "POST", "transit/keys/"+name, `{}`)
	return name
}

// AppRole enables AppRole with the role "kms", whose tokens have the policy "kms" and these further settings, and
// returns how to log in.
func (v *Vault) AppRole(t testing.TB, settings string) (roleID, secretID string) {
	t.Helper()
	if status, _ := v.Try(t, "GET", "sys/auth/approle/tune", ""); status != http.StatusOK {
		v.Do(t, "POST", "sys/auth/approle", `{"type": "approle"}`)
	}
	v.Do(t, "POST", "auth/approle/role/kms", `{"token_policies": "kms"`+settings+`}`)
	id, _ := v.Do(t, "GET", "auth/approle/role/kms/role-id", "")["data"].(map[string]any)
	secret, _ := v.Do(t, "POST", "auth/approle/role/kms/secret-id", "{}")["data"].(map[string]any)
	roleID, _ = id["role_id"].(string)
	secretID, _ = secret["secret_id"].(string)
	if roleID == "" || secretID == "" {
		t.Fatalf("no ids in %v and %v", id, secret)
	}
	return roleID, secretID
}

// RevokeLogins revokes all tokens of AppRole, as an operator would after a leak.
func (v *Vault) RevokeLogins(t testing.TB) {
	t.Helper()
	v.Do(t, "PUT", "sys/leases/revoke-prefix/auth/approle", "{}")
}

// Do calls the API as Vault's root and fails the test unless that went well.
func (v *Vault) Do(t testing.TB, method, path, body string) map[string]any {
	t.Helper()
	status, answer := v.Try(t, method, path, body)
	if status < 200 || status > 299 {
		t.Fatalf("%s %s: status %d, %v", method, path, status, answer)
	}
	return answer
}

// Try calls the API as Vault's root.
func (v *Vault) Try(t testing.TB, method, path, body string) (status int, answer map[string]any) {
	t.Helper()
	r, err := http.NewRequest(method, v.Address+"/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Vault-Token", v.Token)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	_ = json.NewDecoder(response.Body).Decode(&answer) // some answers are empty
	return response.StatusCode, answer
}
