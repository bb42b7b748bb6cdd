package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// checksumWays are how an SDK is asked for a checksum.
var checksumWays = []string{"header", "trailer", "composite", "full", "copy", "append"}

// TestChecksumsOfSDKs has each SDK use each algorithm by each way. What an SDK can't make itself is its lack; what it
// can must work, and be refused only where no such checksum exists.
func TestChecksumsOfSDKs(t *testing.T) {
	if testing.Short() {
		t.Skip("the SDKs take some seconds")
	}
	t.Parallel()
	p := proxytest.StartEmbedded(t, t.TempDir())
	proxytest.MakeBucket(t, p.Client(t), "sums")
	names := make([]string, len(proxytest.Algorithms))
	for i := range proxytest.Algorithms {
		names[i] = proxytest.Algorithms[i].Name
	}
	j := &journey{p: p}
	env := []string{"SUMS_BUCKET=sums", "SUMS_ALGORITHMS=" + strings.Join(names, " ")}
	for sdk, run := range map[string]func(t *testing.T) string{
		"go": func(t *testing.T) string { return checksumsOfGo(t, p, names) },
		"boto3": func(t *testing.T) string {
			python := proxytest.ProgramPath(t, "python3")
			if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
				proxytest.MissingPython(t, "python3 has no boto3")
			}
			out, errs, err := j.command(t, env, python, filepath.Join(scripts, "boto3_checksums.py"))
			if err != nil {
				t.Fatal(err, errs)
			}
			return out
		},
		"js": func(t *testing.T) string {
			node, tools := proxytest.ProgramPath(t, "node"), os.Getenv("SEALFRONT_TOOLS")
			if _, err := os.Stat(filepath.Join(tools, "node_modules", "@aws-sdk", "client-s3")); tools == "" || err != nil {
				proxytest.Missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
			}
			env := append(slices.Clone(env), "NODE_EXTRA_CA_CERTS="+p.Env["AWS_CA_BUNDLE"])
			out, errs, err := j.command(t, env, node, filepath.Join(scripts, "js_checksums.cjs"))
			if err != nil {
				t.Fatal(err, errs)
			}
			return out
		},
	} {
		t.Run(sdk, func(t *testing.T) { checkChecksums(t, sdk, run(t)) })
	}
}

// checkChecksums reads what an SDK has done and prints it as a table.
func checkChecksums(t *testing.T, sdk, report string) {
	outcome := make(map[string]string)
	for line := range strings.Lines(report) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if len(f) == 3 {
			outcome[f[0]+" "+f[1]] = f[2]
		}
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\t%s\n", sdk, strings.Join(checksumWays, "\t"))
	worked := 0
	for i := range proxytest.Algorithms {
		g, name := &proxytest.Algorithms[i], proxytest.Algorithms[i].Name
		fmt.Fprint(w, name)
		for _, way := range checksumWays {
			got, ok := outcome[name+" "+way]
			absent := way == "full" && !g.Full || way == "composite" && name == "CRC64NVME"
			switch {
			case !ok:
				t.Errorf("%s %s: no outcome", name, way)
			case got == "ok" && absent:
				t.Errorf("%s %s: there is no such checksum", name, way)
			case got == "ok":
				worked++
			case got == "lacks", strings.HasPrefix(got, "refused:") && absent:
			default:
				t.Errorf("%s %s: %s", name, way, got)
			}
			got, _, _ = strings.Cut(got, ":")
			fmt.Fprintf(w, "\t%s", got)
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	t.Logf("\n%s", b.String())
	if worked < 20 {
		t.Errorf("only %d pairs worked", worked)
	}
}

// checksumsOfGo is the Go SDK's report.
func checksumsOfGo(t *testing.T, p *proxytest.Program, names []string) string {
	ctx := t.Context()
	encrypted := p.Client(t)
	plain := p.Client(t, func(o *s3.Options) { o.BaseEndpoint = aws.String(p.Env["SEALFRONT_HTTP_URL"]) })
	sums, directory := aws.String("sums"), aws.String(p.Env["SEALFRONT_BUCKET"])
	read := func(bucket, key *string, body []byte) error {
		out, err := encrypted.GetObject(ctx,
			&s3.GetObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled})
		if err != nil {
			return err
		}
		defer func() { _ = out.Body.Close() }()
		if got, err := io.ReadAll(out.Body); err != nil || !bytes.Equal(got, body) {
			return fmt.Errorf("%w: %d bytes, %w", errWrong, len(got), err)
		}
		return nil
	}
	var b strings.Builder
	for _, name := range names {
		algorithm, key := types.ChecksumAlgorithm(name), aws.String("go"+name)
		put := func(s3client *s3.Client, body io.Reader) error {
			_, err := s3client.PutObject(ctx,
				&s3.PutObjectInput{Bucket: sums, Key: key, Body: body, ContentLength: aws.Int64(5), ChecksumAlgorithm: algorithm})
			return errors.Join(err, readUnless(err, func() error { return read(sums, key, []byte("hello")) }))
		}
		for _, way := range checksumWays {
			var err error
			switch way {
			case "header":
				err = put(plain, strings.NewReader("hello"))
			case "trailer":
				err = put(encrypted, struct{ io.Reader }{strings.NewReader("hello")})
			case "composite":
				err = partsOfGo(ctx, encrypted, sums, key, algorithm, types.ChecksumTypeComposite, read)
			case "full":
				err = partsOfGo(ctx, encrypted, sums, key, algorithm, types.ChecksumTypeFullObject, read)
			case "copy":
				_, err = encrypted.PutObject(ctx,
					&s3.PutObjectInput{Bucket: sums, Key: aws.String("seed"), Body: strings.NewReader("hello")})
				if err == nil {
					_, err = encrypted.CopyObject(ctx,
						&s3.CopyObjectInput{Bucket: sums, Key: key, CopySource: aws.String("sums/seed"), ChecksumAlgorithm: algorithm})
				}
			case "append":
				for i, body := range []string{"hello", " more"} {
					in := &s3.PutObjectInput{Bucket: directory, Key: key, Body: strings.NewReader(body), ChecksumAlgorithm: algorithm}
					if i == 1 {
						in.WriteOffsetBytes = aws.Int64(5)
					}
					if err == nil {
						_, err = encrypted.PutObject(ctx, in)
					}
				}
				err = errors.Join(err, readUnless(err, func() error { return read(directory, key, []byte("hello more")) }))
			}
			var api smithy.APIError
			switch {
			case err == nil:
				fmt.Fprintln(&b, name, way, "ok")
			case errors.As(err, &api) && api.ErrorCode() == "InvalidRequest":
				fmt.Fprintln(&b, name, way, "refused:", api.ErrorMessage())
			case errors.As(err, &api), errors.Is(err, errWrong):
				fmt.Fprintln(&b, name, way, "failed:", strings.ReplaceAll(err.Error(), "\n", " "))
			default:
				fmt.Fprintln(&b, name, way, "lacks")
			}
		}
	}
	return b.String()
}

var errWrong = errors.New("another body")

func readUnless(err error, read func() error) error {
	if err != nil {
		return nil
	}
	return read()
}

// partsOfGo makes an object of two parts with checksums of this type.
func partsOfGo(
	ctx context.Context, c *s3.Client, bucket, key *string, algorithm types.ChecksumAlgorithm, kind types.ChecksumType,
	read func(bucket, key *string, body []byte) error,
) error {
	made, err := c.CreateMultipartUpload(ctx,
		&s3.CreateMultipartUploadInput{Bucket: bucket, Key: key, ChecksumAlgorithm: algorithm, ChecksumType: kind})
	if err != nil {
		return err
	}
	bodies := [][]byte{bytes.Repeat([]byte("1"), 5*proxytest.MiB), []byte("2")}
	var done []types.CompletedPart
	for i, body := range bodies {
		part, err := c.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: bucket, Key: key, UploadId: made.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(body),
			ChecksumAlgorithm: algorithm,
		})
		if err != nil {
			return err
		}
		completed := types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: part.ETag}
		from, to := reflect.ValueOf(part).Elem(), reflect.ValueOf(&completed).Elem()
		for f := range from.NumField() { // the checksum, whichever it is
			if name := from.Type().Field(f).Name; strings.HasPrefix(name, "Checksum") && to.FieldByName(name).IsValid() {
				to.FieldByName(name).Set(from.Field(f))
			}
		}
		done = append(done, completed)
	}
	_, err = c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: bucket, Key: key, UploadId: made.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done},
	})
	if err != nil {
		return err
	}
	return read(bucket, key, bytes.Join(bodies, nil))
}
