package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"sealfront/bench/conformance"
	"sealfront/proxy/socket"
	"sealfront/sigv4"
)

// An examinee is a server that the conformance suite is run at. start returns errAbsent where it isn't installed, and
// its version otherwise.
type examinee struct {
	name  string
	start func(ctx context.Context, l *lab) (s conformance.Settings, version string, err error)
}

var examinees = []examinee{
	{"sealfront", func(ctx context.Context, l *lab) (conformance.Settings, string, error) {
		return l.examinedSealfront(ctx, "")
	}},
	{"sealfront-strict", func(ctx context.Context, l *lab) (conformance.Settings, string, error) {
		return l.examinedSealfront(ctx, "strict: {createsession_key: true}\ncompat: {listobjects_v1: false}\n")
	}},
	{"moto", startExaminedMoto},
	{"versitygw", func(ctx context.Context, l *lab) (conformance.Settings, string, error) {
		_, endpoint, err := l.versitygw(ctx, "examined-versitygw", true)
		return l.plainExaminee(endpoint), l.versionOf("versitygw", "--version"), err
	}},
	{"minio", func(ctx context.Context, l *lab) (conformance.Settings, string, error) {
		_, endpoint, err := l.minio(ctx, "examined-minio", true, false)
		return l.plainExaminee(endpoint), l.versionOf("minio", "-v"), err
	}},
	{"rclone", startExaminedRclone},
}

func examineeNames() (names []string) {
	for _, x := range examinees {
		names = append(names, x.name)
	}
	return names
}

// noKey is the ARN of a key for servers that have no key service: their rows on it are skipped or fail.
const noKey = "arn:aws:kms:" + storeRegion + ":123456789012:key/11111111-2222-4333-8444-555555555555"

// plainExaminee is a server with one identity and without a key service.
func (l *lab) plainExaminee(endpoint string) conformance.Settings {
	return conformance.Settings{
		Endpoint: endpoint, Addressing: "path", Bucket: "conformance--local-az1--x-s3", Key: noKey, Region: storeRegion,
		CA: l.cert, Credentials: sigv4.Credentials{AccessKeyID: l.access, SecretAccessKey: l.secret}, StatelessKeys: true,
	}
}

var (
	aVersion = regexp.MustCompile(`v?\d+(\.\d+)+`)
	ofCommit = regexp.MustCompile(`-(\d{4})(\d\d)(\d\d)\d{6}-[0-9a-f]{12}$`)
)

// versionOf asks a program for its version; "" when it has none to show.
func (l *lab) versionOf(name string, args ...string) string {
	program := l.find(name)
	if program == "" {
		return ""
	}
	// Built by go install: the module's version, of which a commit's is shown by its day.
	out, _ := exec.Command("go", "version", "-m", program).Output()
	for line := range strings.Lines(string(out)) {
		if words := strings.Fields(line); len(words) > 2 && words[0] == "mod" {
			if day := ofCommit.FindStringSubmatch(words[2]); day != nil {
				return "of " + day[1] + "-" + day[2] + "-" + day[3]
			}
			return words[2]
		}
	}
	out, _ = exec.Command(program, args...).CombinedOutput()
	return aVersion.FindString(string(out))
}

// examinedSealfront starts a program with all identities that the suite knows, over its embedded store; and another
// one, whose embedded key service it uses, since that is where its address is exported.
func (l *lab) examinedSealfront(ctx context.Context, more string) (s conformance.Settings, version string, err error) {
	program, err := l.build(ctx, "sealfront/proxy")
	if err != nil {
		return s, "", err
	}
	l.sealfronts++
	dir := filepath.Join(l.dir, fmt.Sprintf("examined-%d", l.sealfronts))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return s, "", err
	}
	start := func(name string, args ...string) (map[string]string, error) {
		exports := map[string]string{}
		_, err := l.start(ctx, fmt.Sprintf("%s-%d", name, l.sealfronts), "", func(line string) bool {
			key, value, _ := strings.Cut(strings.TrimPrefix(line, "export "), "=")
			exports[key] = strings.Trim(value, "'")
			return line == "# ready"
		}, nil, program, args...)
		return exports, err
	}
	keys, err := start("keys", "--data", filepath.Join(dir, "keys"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
	if err != nil {
		return s, "", err
	}
	s = conformance.Settings{
		Addressing: "path", Bucket: "conformance--local-az1--x-s3", Region: keys["AWS_REGION"], CA: l.cert,
		KMSEndpoint: keys["SEALFRONT_KMS_ENDPOINT"], EmbeddedKeys: true, Lacks: "versioning",
		Credentials: sigv4.Credentials{
			AccessKeyID: keys["AWS_ACCESS_KEY_ID"], SecretAccessKey: keys["AWS_SECRET_ACCESS_KEY"],
		},
	}
	var identities string
	identities, s.Limited = conformance.Identities(s.Credentials)
	service, err := s.MakeKey()
	if err != nil {
		return s, "", err
	}
	if s.Key, err = s.MakeKey(); err != nil {
		return s, "", err
	}
	text := fmt.Sprintf(`listen: {https: "127.0.0.1:0", http: "127.0.0.1:0", admin: "127.0.0.1:0"}
tls: {cert: %q, key: %q}
data: data
store: {kind: embedded}
kms: {endpoint: %q, region: %q, access_key: %q, secret_key: %q, service_key: %q}
%s%s`, l.cert, l.key, s.KMSEndpoint, s.Region, s.Credentials.AccessKeyID, s.Credentials.SecretAccessKey, service,
		identities, more)
	file := filepath.Join(dir, "sealfront.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return s, "", err
	}
	exports, err := start("examined", "serve", "--config", file)
	s.Endpoint, s.HTTPEndpoint, s.Admin = exports["AWS_ENDPOINT_URL"], exports["SEALFRONT_HTTP_URL"],
		exports["SEALFRONT_ADMIN"]
	return s, "", err
}

// startExaminedMoto starts moto's server, which has a key service as well and takes any credentials.
func startExaminedMoto(ctx context.Context, l *lab) (s conformance.Settings, version string, err error) {
	python := l.find("python3")
	if python == "" {
		return s, "", errAbsent
	}
	out, err := exec.CommandContext(ctx, python, "-c", "import moto.server; print(moto.__version__)").Output()
	if err != nil {
		return s, "", errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return s, "", err
	}
	host, port, _ := net.SplitHostPort(address)
	if _, err := l.start(ctx, "examined-moto", address, nil, nil, python, "-m", "moto.server", "-H", host, "-p",
		port); err != nil {
		return s, "", err
	}
	s = l.plainExaminee("http://" + address)
	s.KMSEndpoint = s.Endpoint
	s.Key, err = s.MakeKey()
	return s, strings.TrimSpace(string(out)), err
}

// startExaminedRclone starts rclone's S3 server over a folder.
func startExaminedRclone(ctx context.Context, l *lab) (s conformance.Settings, version string, err error) {
	program := l.find("rclone")
	if program == "" {
		return s, "", errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return s, "", err
	}
	dir := filepath.Join(l.dir, "examined-rclone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return s, "", err
	}
	_, err = l.start(ctx, "examined-rclone", address, nil, []string{"RCLONE_CONFIG=" + filepath.Join(l.dir, "none.conf")},
		program, "serve", "s3", dir, "--addr", address, "--cert", l.cert, "--key", l.key, "--auth-key", l.access+","+l.secret)
	return l.plainExaminee("https://" + address), l.versionOf("rclone", "version"), err
}
