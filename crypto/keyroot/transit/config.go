package transit

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"sealfront/crypto/keyroot"
)

// Config says where OpenBao or Vault is, which key of Transit is the root, and how one logs in. Address, Key and one
// way to log in are required.
type Config struct {
	Address   string // https://HOST[:PORT]; http:// is for the loopback interface alone
	Namespace string // of the mounts below; default none
	Mount     string // path of the Transit engine; default transit
	Key       string // name of the Transit key, which must exist
	// Cluster is the operator's word for the cluster, and part of the root's identity: two roots whose mounts and keys
	// have the same names are told apart by it. It stays the same when the address changes. Default none.
	Cluster string

	// One of these is set.
	Token      keyroot.Secret // a file that is replaced, such as an agent's sink, counts from the next login on
	AppRole    *AppRole
	Kubernetes *Kubernetes

	CA         string // PEM file, in place of the system's certificate authorities
	Cert       string // PEM file: the certificate to show, with CertKey
	CertKey    string // PEM file
	ServerName string // what the server's certificate must say; default the address' host

	Timeout time.Duration // of a call; default 5 s
	// Warn receives what an operator must hear of and no caller does: refused logins and renewals. It is called by one
	// goroutine at a time and holds no secrets. Default: dropped.
	Warn func(text string)
}

// AppRole logs in with a role id and a secret id.
type AppRole struct {
	Mount    string // default approle
	RoleID   string
	SecretID keyroot.Secret // none for roles with bind_secret_id=false
}

// Kubernetes logs in with the token of a pod's service account.
type Kubernetes struct {
	Mount   string // default kubernetes
	Role    string
	JWTFile string // default /var/run/secrets/kubernetes.io/serviceaccount/token; read at each login
}

const (
	defaultTimeout = 5 * time.Second
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// withDefaults returns c with its defaults filled in, and mounts without slashes around them.
func (c Config) withDefaults() Config {
	c.Address = strings.TrimRight(c.Address, "/")
	c.Namespace = strings.Trim(c.Namespace, "/")
	c.Mount = orDefault(c.Mount, "transit")
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.Warn == nil {
		c.Warn = func(string) {}
	}
	if c.AppRole != nil {
		a := *c.AppRole
		a.Mount = orDefault(a.Mount, "approle")
		c.AppRole = &a
	}
	if c.Kubernetes != nil {
		k := *c.Kubernetes
		k.Mount = orDefault(k.Mount, "kubernetes")
		if k.JWTFile == "" {
			k.JWTFile = serviceAccount
		}
		c.Kubernetes = &k
	}
	return c
}

func orDefault(mount, usual string) string {
	if mount = strings.Trim(mount, "/"); mount == "" {
		return usual
	}
	return mount
}

// Faults returns everything that is wrong with c, in the words of a configuration file. It reads no file.
func (c Config) Faults() keyroot.Faults {
	var f keyroot.Faults
	c.checkAddress(&f)
	for _, name := range []struct{ path, value string }{
		{"namespace", c.Namespace}, {"mount", c.Mount},
	} {
		if !isPath(name.value) {
			f.Add(name.path, "%q is not a path such as team/transit", name.value)
		}
	}
	if c.Key == "" || strings.Contains(c.Key, "/") || !isPath(c.Key) {
		f.Add("key", "%q is not the name of a Transit key", c.Key)
	}
	if c.Cluster != "" && (strings.ContainsAny(c.Cluster, "@/") || !isPath(c.Cluster)) {
		f.Add("cluster", "%q may have letters, digits, and - _ . alone", c.Cluster)
	}
	if n := len(c.identity()); n > maxIdentity {
		f.Add("key", "cluster, namespace, mount and key are too long together: %d bytes, at most %d", n, maxIdentity)
	}
	c.checkLogin(&f)
	if (c.Cert == "") != (c.CertKey == "") {
		f.Add("cert", "cert and cert_key belong together")
	}
	if c.Timeout < 0 {
		f.Add("timeout", "must not be negative")
	}
	return f
}

func (c Config) checkAddress(f *keyroot.Faults) {
	u, err := url.Parse(c.Address)
	switch {
	case c.Address == "":
		f.Add("address", "must be set, such as https://bao.example.com:8200")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		f.Add("address", "%q is not a URL such as https://bao.example.com:8200", c.Address)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		f.Add("address", "must have a scheme, a host and a port only")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		f.Add("address", "must be https://: tokens and data keys cross the wire; "+
			"http:// is allowed to 127.0.0.1, ::1 and localhost")
	case u.Scheme == "http" && c.CA+c.Cert+c.ServerName != "":
		f.Add("address", "is http://, so that ca, cert and server_name mean nothing")
	}
}

func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

func (c Config) checkLogin(f *keyroot.Faults) {
	ways := 0
	if c.Token.Set() {
		ways++
		c.Token.Check(f, "token", true)
	}
	if a := c.AppRole; a != nil {
		ways++
		if a.RoleID == "" {
			f.Add("approle.role_id", "must be set")
		}
		a.SecretID.Check(f, "approle.secret_id", false)
		if !isPath(a.Mount) {
			f.Add("approle.mount", "%q is not a path such as approle", a.Mount)
		}
	}
	if k := c.Kubernetes; k != nil {
		ways++
		if k.Role == "" {
			f.Add("kubernetes.role", "must be set")
		}
		if !isPath(k.Mount) {
			f.Add("kubernetes.mount", "%q is not a path such as kubernetes", k.Mount)
		}
	}
	if ways != 1 {
		f.Add("token", "one way to log in must be set: token (or token_file, token_env), approle or kubernetes; %d are",
			ways)
	}
}

// isPath reports whether s can stand in a request's path as it is: no segment is empty or made of dots.
func isPath(s string) bool {
	if s = strings.Trim(s, "/"); s == "" {
		return true
	}
	for segment := range strings.SplitSeq(s, "/") {
		if strings.Trim(segment, ".") == "" {
			return false
		}
		for _, c := range []byte(segment) {
			if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.') {
				return false
			}
		}
	}
	return true
}

const maxIdentity = 200 // bytes, Root's word

// identity is transit:[CLUSTER@][NAMESPACE/]MOUNT/KEY.
func (c Config) identity() string {
	c = c.withDefaults()
	where := c.Mount + "/" + c.Key
	if c.Namespace != "" {
		where = c.Namespace + "/" + where
	}
	if c.Cluster != "" {
		where = c.Cluster + "@" + where
	}
	return "transit:" + where
}

// login returns what is sent to log in: a path and a body. With a token there is none.
func (c Config) login() (path string, body map[string]string, err error) {
	switch {
	case c.AppRole != nil:
		body = map[string]string{"role_id": c.AppRole.RoleID}
		if c.AppRole.SecretID.Set() {
			secret, err := c.AppRole.SecretID.Read()
			if err != nil {
				return "", nil, fmt.Errorf("read the secret id of AppRole: %w", err)
			}
			body["secret_id"] = secret
		}
		return "auth/" + c.AppRole.Mount + "/login", body, nil
	case c.Kubernetes != nil:
		jwt, err := keyroot.Secret{File: c.Kubernetes.JWTFile}.Read()
		if err != nil {
			return "", nil, fmt.Errorf("read the service account's token: %w", err)
		}
		return "auth/" + c.Kubernetes.Mount + "/login", map[string]string{"role": c.Kubernetes.Role, "jwt": jwt}, nil
	}
	return "", nil, nil
}
