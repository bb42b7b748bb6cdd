package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"sealfront/proxy/socket"
)

// errAbsent is the error of programs that aren't installed.
var errAbsent = errors.New("is not installed")

// A rival is something that Sealfront is compared with. start returns errAbsent where its program isn't there.
type rival struct {
	name  string
	what  string // a line for the report
	start func(ctx context.Context, l *lab) (*target, error)
}

// rivals are all that a comparison knows, in the order of reports.
var rivals = []rival{
	{"direct", "the store itself, without TLS", startDirect},
	{"nginx", "TLS in, plain out, nothing buffered, connections to the store kept", startNginx},
	{"haproxy", "TLS in, plain out, connections to the store kept", startHAProxy},
	{"bareproxy", "bench/bareproxy: fasthttp that looks at nothing", startBareproxy},
	{"minio", "MinIO with TLS and without encryption, on disk: a store without a proxy", startMinIO},
	{"minio-kms", "MinIO with TLS and SSE-KMS of its built-in single key, on disk", startMinIOKMS},
	{"minio-sealfront", "Sealfront in front of MinIO without encryption, on disk; both count", startMinIOBehind},
	{"versitygw", "versitygw with TLS, on disk: a store without a proxy", startVersitygw},
	{"versitygw-sealfront", "Sealfront in front of versitygw, on disk; both count", startVersitygwBehind},
	{"rclone-crypt", "rclone serve s3 over a crypt remote, over the same store", startRclone},
}

func startDirect(_ context.Context, l *lab) (*target, error) {
	return l.store("direct", "http://"+l.storeAddress, plainBucket)
}

// front is a reverse proxy in front of the common store: clients sign for the store.
func (l *lab) front(name, address string, p *process) (*target, error) {
	t, err := l.store(name, "https://"+address, plainBucket)
	if err == nil {
		t.processes = []int{p.Process.Pid}
	}
	return t, err
}

const nginxConfiguration = `daemon off;
worker_processes auto;
pid %[1]s/nginx.pid;
error_log stderr warn;
%[6]sevents { worker_connections 8192; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path %[1]s; proxy_temp_path %[1]s;
  fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
  upstream store { server %[2]s; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen %[3]s ssl;
    ssl_certificate %[4]s; ssl_certificate_key %[5]s; ssl_protocols TLSv1.3;
    keepalive_requests 1000000000; keepalive_timeout 600;
    client_body_buffer_size 64k;
    location / {
      proxy_pass http://store;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_request_buffering off;
      proxy_buffering off; proxy_buffer_size 64k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
    }
  }
}
`

func startNginx(ctx context.Context, l *lab) (*target, error) {
	program := l.find("nginx")
	if program == "" {
		return nil, errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(l.dir, "nginx")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // otherwise its workers couldn't enter the run's directory
	}
	text := fmt.Sprintf(nginxConfiguration, dir, l.storeAddress, address, l.cert, l.key, user)
	file := filepath.Join(dir, "nginx.conf")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		return nil, err
	}
	p, err := l.start(ctx, "nginx", address, nil, nil, program, "-p", dir, "-e", "stderr", "-c", file)
	if err != nil {
		return nil, err
	}
	return l.front("nginx", address, p)
}

const haproxyConfiguration = `global
  maxconn 8192
defaults
  mode http
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
frontend clients
  bind %[1]s ssl crt %[2]s ssl-min-ver TLSv1.3
  default_backend store
backend store
  http-reuse always
  server store %[3]s
`

func startHAProxy(ctx context.Context, l *lab) (*target, error) {
	program := l.find("haproxy")
	if program == "" {
		return nil, errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(l.dir, "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, haproxyConfiguration, address, l.pair, l.storeAddress),
		0o600); err != nil {
		return nil, err
	}
	p, err := l.start(ctx, "haproxy", address, nil, nil, program, "-db", "-f", file)
	if err != nil {
		return nil, err
	}
	return l.front("haproxy", address, p)
}

func startBareproxy(ctx context.Context, l *lab) (*target, error) {
	program, err := l.build(ctx, "sealfront/bench/bareproxy")
	if err != nil {
		return nil, err
	}
	address := ""
	p, err := l.start(ctx, "bareproxy", "", func(line string) (ok bool) {
		address, ok = strings.CutPrefix(line, "listening on ")
		return ok
	}, nil, program, "-listen", "127.0.0.1:0", "-cert", l.cert, "-key", l.key, "-store", l.storeAddress)
	if err != nil {
		return nil, err
	}
	return l.front("bareproxy", address, p)
}

func startRclone(ctx context.Context, l *lab) (*target, error) {
	program := l.find("rclone")
	if program == "" {
		return nil, errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return nil, err
	}
	obscured, err := exec.CommandContext(ctx, program, "obscure", "a password of the bench").Output()
	if err != nil {
		return nil, fmt.Errorf("rclone obscure: %w", err)
	}
	back, err := l.store("rclone's store", "http://"+l.storeAddress, "rclone")
	if err == nil {
		err = back.makeBucket(ctx, "")
	}
	if err != nil {
		return nil, err
	}
	env := []string{
		"RCLONE_CONFIG=" + filepath.Join(l.dir, "rclone.conf"), "RCLONE_CACHE_DIR=" +
			filepath.Join(l.dir, "rclone-cache"),
		"RCLONE_CONFIG_STORE_TYPE=s3", "RCLONE_CONFIG_STORE_PROVIDER=Other", "RCLONE_CONFIG_STORE_ENDPOINT=http://" +
			l.storeAddress, "RCLONE_CONFIG_STORE_REGION=" + storeRegion,
		"RCLONE_CONFIG_STORE_ACCESS_KEY_ID=" + l.access, "RCLONE_CONFIG_STORE_SECRET_ACCESS_KEY=" + l.secret,
		"RCLONE_CONFIG_STORE_DIRECTORY_MARKERS=true",
		"RCLONE_CONFIG_SEALED_TYPE=crypt", "RCLONE_CONFIG_SEALED_REMOTE=store:rclone",
		"RCLONE_CONFIG_SEALED_PASSWORD=" + strings.TrimSpace(string(obscured)),
	}
	p, err := l.start(ctx, "rclone", address, nil, env, program, "serve", "s3", "sealed:", "--addr", address, "--cert",
		l.cert, "--key", l.key, "--auth-key", l.access+","+l.secret)
	if err != nil {
		return nil, err
	}
	t, err := l.front("rclone-crypt", address, p)
	if err != nil {
		return nil, err
	}
	return t, t.makeBucketPatiently(ctx)
}
