package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"

	"sealfront/proxy/socket"
)

// minio starts a MinIO, with TLS where secure is set, and with a key of its own where encrypted is. The endpoint is
// where it is reached.
func (l *lab) minio(ctx context.Context, name string, secure, encrypted bool) (p *process, endpoint string, err error) {
	program := l.find("minio")
	if program == "" {
		return nil, "", errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return nil, "", err
	}
	dir, certs, scheme := filepath.Join(l.dir, name), filepath.Join(l.dir, name+"-certs"), "http"
	if err := errors.Join(os.Mkdir(dir, 0o700), os.Mkdir(certs, 0o700)); err != nil {
		return nil, "", err
	}
	env := []string{
		"MINIO_ROOT_USER=" + l.access, "MINIO_ROOT_PASSWORD=" + l.secret, "MINIO_BROWSER=off",
		"MINIO_REGION=" + storeRegion,
	}
	if secure {
		scheme = "https"
		if err := errors.Join(os.Symlink(l.cert, filepath.Join(certs, "public.crt")),
			os.Symlink(l.key, filepath.Join(certs, "private.key"))); err != nil {
			return nil, "", err
		}
	}
	if encrypted {
		key := make([]byte, 32)
		rand.Read(key)
		env = append(env, "MINIO_KMS_SECRET_KEY=bench:"+base64.StdEncoding.EncodeToString(key))
	}
	p, err = l.start(ctx, name, address, nil, env, program, "server", dir, "--address", address, "--certs-dir", certs)
	if err != nil {
		return nil, "", err
	}
	address, err = l.delayed(address)
	return p, scheme + "://" + address, err
}

func startMinIO(ctx context.Context, l *lab) (*target, error) {
	p, endpoint, err := l.minio(ctx, "minio", true, false)
	if err != nil {
		return nil, err
	}
	return l.storeAlone(ctx, "minio", endpoint, p)
}

func startMinIOKMS(ctx context.Context, l *lab) (*target, error) {
	p, endpoint, err := l.minio(ctx, "minio-kms", true, true)
	if err != nil {
		return nil, err
	}
	t, err := l.storeAlone(ctx, "minio-kms", endpoint, p)
	if err == nil {
		t.put = [][2]string{
			{"X-Amz-Server-Side-Encryption", "aws:kms"}, {"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "bench"},
		}
	}
	return t, err
}

func startMinIOBehind(ctx context.Context, l *lab) (*target, error) {
	p, endpoint, err := l.minio(ctx, "minio-behind", false, false)
	if err != nil {
		return nil, err
	}
	return l.sealfrontBefore(ctx, "minio-sealfront", endpoint, p)
}

// versitygw starts one over a directory, with TLS where secure is set. The endpoint is where it is reached.
func (l *lab) versitygw(ctx context.Context, name string, secure bool) (p *process, endpoint string, err error) {
	program := l.find("versitygw")
	if program == "" {
		return nil, "", errAbsent
	}
	address, err := socket.UnusedAddress()
	if err != nil {
		return nil, "", err
	}
	dir, scheme := filepath.Join(l.dir, name), "http"
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, "", err
	}
	args := []string{
		"--port", address, "--access", l.access, "--secret", l.secret, "--region", storeRegion, "--quiet",
		"--keep-alive",
	}
	if secure {
		scheme = "https"
		args = append(args, "--cert", l.cert, "--key", l.key)
	}
	p, err = l.start(ctx, name, address, nil, nil, program, append(args, "posix", dir)...)
	if err != nil {
		return nil, "", err
	}
	address, err = l.delayed(address)
	return p, scheme + "://" + address, err
}

func startVersitygw(ctx context.Context, l *lab) (*target, error) {
	p, endpoint, err := l.versitygw(ctx, "versitygw", true)
	if err != nil {
		return nil, err
	}
	return l.storeAlone(ctx, "versitygw", endpoint, p)
}

func startVersitygwBehind(ctx context.Context, l *lab) (*target, error) {
	p, endpoint, err := l.versitygw(ctx, "versitygw-behind", false)
	if err != nil {
		return nil, err
	}
	return l.sealfrontBefore(ctx, "versitygw-sealfront", endpoint, p)
}

// storeAlone is a store that clients call without a proxy.
func (l *lab) storeAlone(ctx context.Context, name, endpoint string, p *process) (*target, error) {
	t, err := l.store(name, endpoint, plainBucket)
	if err != nil {
		return nil, err
	}
	t.processes = []int{p.Process.Pid}
	return t, t.makeBucketPatiently(ctx)
}

// sealfrontBefore starts a Sealfront in front of a store of its own, whose CPU and memory count, too.
func (l *lab) sealfrontBefore(ctx context.Context, name, endpoint string, p *process) (*target, error) {
	plain, err := l.store(name+"'s store", endpoint, plainBucket)
	if err == nil {
		err = plain.makeBucketPatiently(ctx)
	}
	if err != nil {
		return nil, err
	}
	program, err := l.build(ctx, "sealfront/proxy")
	if err != nil {
		return nil, err
	}
	return l.startSealfront(ctx, name, program, backend{
		kind: "s3", endpoint: endpoint, extra: []int{p.Process.Pid},
	}, true)
}
