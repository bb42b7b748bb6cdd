package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sealfront/proxy/proxytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var updateMatrix = flag.Bool("update-matrix", false,
	"write the table of stores and clients into deploy/COMPATIBILITY.md")

// A matrixStore is a store that the program is put in front of. Those of moto and of Sealfront itself come with the key
// service that fits.
type matrixStore struct {
	name      string
	start     func(t *testing.T) *proxytest.Program
	directory bool // made of directory buckets, so there are no others
}

var matrixStores = []matrixStore{
	{name: "embedded", start: func(t *testing.T) *proxytest.Program { return proxytest.StartEmbedded(t, t.TempDir()) }},
	{name: "versitygw", start: func(t *testing.T) *proxytest.Program {
		return proxytest.StartOn(t, proxytest.StartVersitygw(t), proxytest.StartLocalKMS(t))
	}},
	{name: "MinIO", start: func(t *testing.T) *proxytest.Program {
		return proxytest.StartOn(t, proxytest.StartMinIO(t), proxytest.StartLocalKMS(t))
	}},
	{name: "rclone serve s3", start: func(t *testing.T) *proxytest.Program {
		return proxytest.StartOn(t, startRclone(t), proxytest.StartLocalKMS(t))
	}},
	{name: "moto", start: func(t *testing.T) *proxytest.Program {
		s := proxytest.StartMoto(t)
		return proxytest.StartOn(t,
			s, s)
	}},
	{name: "Sealfront", directory: true, start: func(t *testing.T) *proxytest.Program {
		inner := proxytest.StartConfigured(t, t.TempDir(), "")
		return startOuter(t, inner,
			"  access_key: AKIAIOSFODNN7EXAMPLE\n  secret_key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n")
	}},
}

func startRclone(t *testing.T) proxytest.Service {
	t.Helper()
	path := proxytest.ProgramPath(t, "rclone")
	s := proxytest.Service{Endpoint: "http://" + proxytest.Loopback(t), AccessKey: "store", SecretKey: "store-secret"}
	address := strings.TrimPrefix(s.Endpoint, "http://")
	proxytest.StartServer(t, address, []string{"RCLONE_CONFIG=/dev/null"}, path, "serve", "s3", "--addr", address,
		"--auth-key", s.AccessKey+","+s.SecretKey, t.TempDir())
	return s
}

// A job is a client's natural work on one bucket: it uploads a tree whose largest file goes in parts, brings it back
// and compares, reads a range, makes a presigned URL where it can, and deletes everything.
type job struct {
	p         *proxytest.Program
	bucket    string
	directory bool
	tree      string // what to upload; big is in it
	cell      string // for the table, where the job isn't done in full
}

const (
	matrixBig      = "dir/big +ü.bin" // below the tree, in parts
	matrixBigSize  = 11<<20 + 17
	matrixFrom     = 65_530 // a range over the edge of two segments
	matrixRange    = "bytes=65530-65549"
	matrixRangeLen = 20
)

// matrixTree writes the tree of every job.
func matrixTree(t *testing.T) string {
	t.Helper()
	tree := t.TempDir()
	for name, n := range map[string]int{
		"empty": 0, "one byte": 1, "dir/segment": 65536, "dir/sub/more": 65537, "dir/sub/ümläut & ampersand+plus.txt": 300,
		"dir/a=b;c": 262145, matrixBig: matrixBigSize,
	} {
		file := filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, proxytest.RandomBytes(n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

// TestClientsOnStores lets every client do its natural job on every store, in both kinds of buckets, and prints the
// table that deploy/COMPATIBILITY.md keeps. Without SEALFRONT_E2E=require it makes do with the embedded store and the
// clients in Go.
func TestClientsOnStores(t *testing.T) {
	if testing.Short() {
		t.Skip("the clients take minutes")
	}
	all := os.Getenv("SEALFRONT_E2E") == "require"
	tree := matrixTree(t)
	var mu sync.Mutex
	cells := map[string]string{}
	t.Run("stores", func(t *testing.T) {
		for i, store := range matrixStores {
			if i > 0 && !all {
				continue
			}
			t.Run(store.name, func(t *testing.T) {
				p := store.start(t)
				for _, c := range matrixClients {
					if !c.inGo && !all {
						continue
					}
					t.Run(c.name, func(t *testing.T) {
						t.Parallel()
						for _, directory := range []bool{true, false} {
							cell := "failed"
							kind := map[bool]string{true: "directory", false: "general purpose"}[directory]
							t.Run(kind, func(t *testing.T) {
								defer func() {
									mu.Lock()
									defer mu.Unlock()
									cells[store.name+"\n"+c.name+"\n"+kind] = cell
								}()
								if !directory && store.directory {
									cell = "–"
									return
								}
								j := newJob(t, p, directory, tree, c.name)
								c.do(t, j)
								if !t.Failed() && !t.Skipped() {
									cell = cmp.Or(j.cell, "✓")
								}
							})
						}
					})
				}
			})
		}
	})
	table := matrixTable(cells)
	t.Log("\n" + table)
	if *updateMatrix {
		replaceBetween(t, filepath.Join("..", "deploy", "COMPATIBILITY.md"),
			"<!-- matrix: made by SEALFRONT_E2E=require go test ./proxy -run TestClientsOnStores -update-matrix -->\n",
			"<!-- /matrix -->", table)
	}
}

// newJob makes a bucket for a client.
func newJob(t *testing.T, p *proxytest.Program, directory bool, tree, client string) *job {
	t.Helper()
	name := "of-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(client))
	j := &job{p: p, bucket: name, directory: directory, tree: tree}
	in := &s3.CreateBucketInput{Bucket: &j.bucket}
	if directory {
		j.bucket += "--usw2-az1--x-s3"
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{
			Location: &types.LocationInfo{Name: aws.String("usw2-az1"), Type: types.LocationTypeAvailabilityZone},
			Bucket: &types.BucketInfo{
				DataRedundancy: types.DataRedundancySingleAvailabilityZone, Type: types.BucketTypeDirectory,
			},
		}
	}
	if _, err := p.Client(t).CreateBucket(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	return j
}

// matrixTable has a row a client and bucket kind, and a column a store.
func matrixTable(cells map[string]string) string {
	var b strings.Builder
	b.WriteString("| client | buckets |")
	for _, s := range matrixStores {
		b.WriteString(" " + s.name + " |")
	}
	b.WriteString("\n| --- | --- |" + strings.Repeat(" --- |", len(matrixStores)) + "\n")
	for _, c := range matrixClients {
		for _, kind := range []string{"directory", "general purpose"} {
			fmt.Fprintf(&b, "| %s | %s |", c.name, kind)
			for _, s := range matrixStores {
				cell, ok := cells[s.name+"\n"+c.name+"\n"+kind]
				if !ok {
					cell = "not tried"
				}
				b.WriteString(" " + cell + " |")
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// replaceBetween replaces what stands in a file between two lines.
func replaceBetween(t *testing.T, file, start, end, text string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := bytes.Cut(old, []byte(start))
	_, after, ok2 := bytes.Cut(rest, []byte(end))
	if !ok || !ok2 {
		t.Fatalf("%s has no place between %q and %q", file, start, end)
	}
	if err := os.WriteFile(file, bytes.Join([][]byte{before, []byte(start), []byte(text), []byte(end), after}, nil),
		0o644); err != nil {
		t.Fatal(err)
	}
}
