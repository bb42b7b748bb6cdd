package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"sealfront/crypto"
	"sealfront/proxy/command"
	"sealfront/proxy/instance"
	"sealfront/proxy/proxytest"
	"sealfront/proxy/tools"
)

// What is needed to get an object back is its stored bytes, its envelope, the bucket's ARN and the key service: neither
// proxy nor store. A wrong file gives nothing but a true prefix; package tools tests each fault of a file.
func TestOpenNeedsTheKeyServiceAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := proxytest.StartEmbedded(t, dir)
	client, bucket := p.Client(t), p.Env["SEALFRONT_BUCKET"]
	proxytest.MakeBucket(t, client, "general")
	body := proxytest.RandomBytes(3*crypto.SegmentSize - 1000)
	whole := slices.Concat(proxytest.RandomBytes(5*proxytest.MiB), proxytest.RandomBytes(100_000))
	for _, b := range []string{bucket, "general"} {
		if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + b + "/one", Body: string(body)}); a.StatusCode != 200 {
			t.Fatal(a.StatusCode, a.Text)
		}
	}
	if a := p.Do(&proxytest.Request{Method: "PUT", Path: "/" + bucket + "/empty"}); a.StatusCode != 200 {
		t.Fatal(a.StatusCode, a.Text)
	}
	p.FullUpload(client, bucket, "parts", whole[:5*proxytest.MiB], whole[5*proxytest.MiB:])
	d := &proxytest.Damager{T: t, Dir: dir, Bucket: bucket}
	proxytest.StoredMetadata(t, d.File("one")) // or skip
	record := "arn:aws:s3express:us-west-2:123456789012:bucket/" + bucket

	// The machine of the recovery: the key service's data, and the files.
	machine := t.TempDir()
	if err := os.CopyFS(filepath.Join(machine, "kms"), os.DirFS(filepath.Join(dir, "kms"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(machine, "kms", "root.key"), 0o600); err != nil { // CopyFS knows no such modes
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "data.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(machine, "data.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	config := proxytest.WriteConfig(t, "kms: {kind: embedded}\ndata: "+machine+"\n")
	external := proxytest.WriteConfig(t,
		`kms: {endpoint: "`+p.Env["SEALFRONT_KMS_ENDPOINT"]+`", region: us-west-2, service_key: "`+serviceKeyOf(t, data)+
			`", access_key: `+p.Env["AWS_ACCESS_KEY_ID"]+`, secret_key: "`+p.Env["AWS_SECRET_ACCESS_KEY"]+"\"}\n")

	open := func(bucket, key, arn, file, envelope string, where ...string) (string, string, int) {
		args := append([]string{"open", "--bucket", bucket, "--key", key, "--envelope", envelope, file}, where...)
		if arn != "" {
			args = append(args, "--arn", arn)
		}
		return proxytest.Subcommand(t, args...)
	}
	in := func(bucket string) *proxytest.Damager { return &proxytest.Damager{T: t, Dir: dir, Bucket: bucket} }
	for _, c := range []struct {
		name, bucket, key, arn string
		want                   []byte
		where                  []string
	}{
		{"with the bucket's record", bucket, "one", "", body, []string{"--data", dir}},
		{"with the ARN", bucket, "one", record, body, []string{"--data", machine}},
		{"with a configuration of the key service", bucket, "parts", record, whole, []string{"--config", config}},
		{"with a key service elsewhere", bucket, "parts", record, whole, []string{"--config", external}},
		{"an empty object", bucket, "empty", record, nil, []string{"--config", config}},
		{"a general purpose bucket", "general", "one", "arn:aws:s3:::general", body, []string{"--config", config}},
		{
			"a key that is named", bucket, "one", record, body,
			[]string{"--config", config, "--kms-key", p.Env["SEALFRONT_KMS_KEY"]},
		},
	} {
		x := in(c.bucket)
		out, errs, status := open(c.bucket, c.key, c.arn, x.File(c.key), x.EnvelopeText(c.key), c.where...)
		if status != command.StatusOK || out != string(c.want) {
			t.Errorf("%s: status %d, %d bytes, want %d; %s", c.name, status, len(out), len(c.want), errs)
		}
	}

	stored, err := os.ReadFile(d.File("one"))
	if err != nil {
		t.Fatal(err)
	}
	one := d.EnvelopeText("one")
	const segment = crypto.SealedSegmentSize
	for _, c := range []struct {
		name               string
		key, arn, envelope string
		file               []byte
		released           int // bytes of plaintext
		status             int
		more               []string
	}{
		{
			"a flipped byte in the second segment", "one", record, one, proxytest.FlipAt(segment + 9)(bytes.Clone(stored)),
			crypto.SegmentSize, command.StatusError, nil,
		},
		{
			"a flipped byte in the padding", "one", record, one, proxytest.FlipAt(len(body) + 48)(bytes.Clone(stored)),
			len(body), command.StatusOK, nil,
		},
		{"another KMS key", "one", record, one, stored, 0, command.StatusError, []string{"--kms-key", serviceKeyOf(t, data)}},
		{"no ARN of a bucket", "one", "arn:aws:kms:::x", one, stored, 0, command.StatusUsage, nil},
	} {
		file := filepath.Join(t.TempDir(), "raw")
		if err := os.WriteFile(file, c.file, 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{"open", "--config", config, "--key", c.key, "--arn", c.arn, "--envelope", c.envelope, file},
			c.more...)
		out, errs, status := proxytest.Subcommand(t, args...)
		if status != c.status || out != string(body[:c.released]) || errs == "" {
			t.Errorf("%s: status %d, %d bytes, want %d and %d; %q", c.name, status, len(out), c.status, c.released, errs)
		}
	}

	var v tools.Inspection
	out, errs, status := proxytest.Subcommand(t, "inspect", "--data", dir, "s3://"+bucket+"/parts")
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != command.StatusOK {
		t.Fatalf("inspect: status %d, %v %s", status, err, errs)
	}
	if !v.Verifies || !v.Envelope.Multipart || v.Envelope.KMSKey != p.Env["SEALFRONT_KMS_KEY"] || len(v.Parts) != 2 ||
		v.Parts[1].Length != 100_000 ||
		v.Parts[1].Offset != 5*proxytest.MiB || v.Parts[1].Segments != 2 || v.Sizes.Plain != int64(len(whole)) ||
		v.Sizes.Stored != crypto.StoredLength(int64(len(whole))) || v.Checksum == nil {
		t.Errorf("inspect: %s", out)
	}
	d.Bytes("parts", proxytest.FlipAt(-40))
	out, _, status = proxytest.Subcommand(t, "inspect", "--data", dir, "s3://"+bucket+"/parts")
	v = tools.Inspection{}
	if err := json.Unmarshal([]byte(out), &v); err != nil || status != command.StatusError || v.Verifies ||
		v.Damage == nil || v.Damage.Kind != "trailer" || v.Envelope == nil {
		t.Errorf("inspect of a damaged object: status %d %s", status, out)
	}

	// Proxy and store are gone: what is left are the files, what the store kept beside them, and the key service.
	type kept struct{ bucket, key, arn, file, envelope string }
	var objects []kept
	for _, o := range []kept{
		{bucket, "one", record, "", one}, {"general", "one", "arn:aws:s3:::general", "", in("general").EnvelopeText("one")},
	} {
		stored, err := os.ReadFile(in(o.bucket).File(o.key))
		if err != nil {
			t.Fatal(err)
		}
		o.file = filepath.Join(machine, o.bucket)
		if err := os.WriteFile(o.file, stored, 0o600); err != nil {
			t.Fatal(err)
		}
		objects = append(objects, o)
	}
	p.Stop()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		out, errs, status := open(o.bucket, o.key, o.arn, o.file, o.envelope, "--config", config)
		if status != command.StatusOK || out != string(body) {
			t.Errorf("%s without proxy and store: status %d, %d bytes, want %d; %s", o.bucket, status, len(out), len(body), errs)
		}
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the tool made the data directory again")
	}
}

// serviceKeyOf reads the service key's ARN from data.json.
func serviceKeyOf(t *testing.T, data []byte) string {
	t.Helper()
	var d instance.Data
	if err := json.Unmarshal(data, &d); err != nil || d.ServiceKey == "" {
		t.Fatal(err)
	}
	return d.ServiceKey
}
