package drills_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
)

// stepTime bounds a step of a drill.
const stepTime = 5 * time.Minute

// A desk is where a program works: a folder with its settings, its data, and what it needs to find the proxy.
type desk struct {
	t       *testing.T
	i       *installation
	p       *program
	dir     string
	markers []string // what the program is given to store
	env     []string // of the scripts
	as      *syscall.Credential
}

// newDesk prepares the folder of a program: `tree` is what it is to keep, with `sums` of its files, and its settings
// are files of their own. Its environment has what the settings export, and what scripts need besides.
func newDesk(t *testing.T, i *installation, p *program) *desk {
	t.Helper()
	dir, err := os.MkdirTemp("", "drill") //nolint:usetesting // other users enter it, and names of sockets must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	d := &desk{t: t, i: i, p: p, dir: dir}
	write(t, dir, "tmp/.keep", "") // what programs leave there goes with the folder
	d.fill()
	_, port, _ := strings.Cut(i.address, ":")
	zonal := i.bucket == zonalName
	host, endpoint := "localhost", "https://localhost:"+port
	if zonal { // below a name, SDKs look for directory buckets at names of their own, which don't resolve here
		endpoint = "https://" + i.address
	}
	site := site{
		Endpoint: endpoint, Host: host, Port: port, Bucket: i.bucket, AccessKey: accessKey,
		Secret: secretKey, CA: filepath.Join(dir, "ca.pem"), Region: region, Dir: dir, Directory: zonal,
		Domain: "s3.localhost:" + port,
	}
	d.env = append(os.Environ(), "BUCKET="+site.Bucket, "ENDPOINT="+site.Endpoint, "HOST="+site.Host, "PORT="+site.Port,
		"CA="+site.CA, "HOME="+dir, "TMPDIR="+filepath.Join(dir, "tmp"), "MARKER="+d.markers[0],
		"TOOLS="+os.Getenv("SEALFRONT_TOOLS"),
		"PATH="+os.Getenv("SEALFRONT_TOOLS")+"/bin:"+os.Getenv("PATH"), "FREE="+proxytest.Loopback(t), "TZ=UTC",
		"LC_ALL=C.UTF-8")
	for _, s := range p.settings {
		text := s.render(site)
		write(t, dir, s.file, text)
	}
	if p.drill.user != "" && os.Getuid() == 0 {
		d.become(p.drill.user)
	}
	return d
}

// fill makes the data: sizes around those of segments and parts, with bytes that nothing can compress, and text that
// is looked for.
func (d *desk) fill() {
	var sums strings.Builder
	for n, name := range []string{"empty", "one", "dir/text", "dir/sub/segment", "dir/sub/größe & +.bin", "large"} {
		marker := fmt.Sprintf("the plain secret of %s, number %d", strings.ReplaceAll(d.p.name, "'", ""), n)
		content := proxytest.RandomBytes([]int{0, 1, 300, 65536, 65537, 11 << 20}[n])
		switch {
		case len(content) >= 300:
			copy(content[len(content)/2:], marker)
			d.markers = append(d.markers, marker, string(content[:32]))
		}
		write(d.t, d.dir, filepath.Join("tree", name), string(content))
		fmt.Fprintf(&sums, "%x  tree/%s\n", sha256.Sum256(content), name)
	}
	write(d.t, d.dir, "sums", sums.String())
}

// become makes another user own the folder and run the scripts.
func (d *desk) become(name string) {
	u, err := user.Lookup(name)
	if err != nil {
		proxytest.Missing(d.t, err.Error())
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	d.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	err = filepath.WalkDir(d.dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Lchown(path, int(uid), int(gid))
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// run runs a script, which must succeed, and returns what it printed.
func (d *desk) run(step, script string) string {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), stepTime)
	defer cancel()
	out, err := d.try(ctx, script)
	if err != nil {
		d.t.Fatalf("%s: %s: %v\n%s", d.p.name, step, err, out[max(0, len(out)-8000):])
	}
	return out
}

// prologue gives scripts the settings that the page exports, and ends the servers that a step has started.
const prologue = `set -euo pipefail
trap 'set +e; [ -z "$(jobs -p)" ] || { kill $(jobs -p); wait; }' EXIT
until_true() { for _ in $(seq 1200); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.1; done; echo "in vain: $*"; return 1; }
[ ! -f "$CA_NOW" ] || cp "$CA_NOW" ca.pem
[ ! -f environment ] || . ./environment
`

func (d *desk) try(ctx context.Context, script string) (string, error) {
	shell := []string{"bash", "-c", prologue + script}
	if d.p.drill.readsCA {
		shell = append([]string{"unshare", "-m", "bash", "-c", ownTrust, "trust"}, shell...)
	}
	cmd := exec.CommandContext(ctx, shell[0], shell[1:]...)
	cmd.Dir = d.dir
	cmd.Env = append(d.env, "CA_NOW="+d.i.ca())
	// A group of its own, so that nothing of it outlives the step.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: d.as}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	return string(out), err
}

// ownTrust gives a script a view of the file system in which the system trusts the authority, as update-ca-certificates
// would.
const ownTrust = `cat /etc/ssl/certs/ca-certificates.crt "$CA_NOW" > trusted
mount --bind trusted /etc/ssl/certs/ca-certificates.crt && exec "$@"
`

// refusalTime bounds the attempts of a program that is refused: some try again for hours.
const refusalTime = 2 * time.Minute

// mustBeRefused checks that the program can't do its work, and that the proxy refused it for this header.
func (d *desk) mustBeRefused(header string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), refusalTime)
	defer cancel()
	refused := func() bool {
		return strings.Contains(d.i.proxy.log.String(), `"code":"NotImplemented"`) &&
			strings.Contains(d.i.proxy.log.String(), fmt.Sprintf(`"header":%q`, header))
	}
	go func() {
		defer cancel()
		for ctx.Err() == nil && !refused() {
			time.Sleep(50 * time.Millisecond)
		}
	}()
	out, err := d.try(ctx, d.p.drill.write)
	if err == nil || !refused() {
		d.t.Errorf("%s: %v, want a refusal for %s\n%s", d.p.name, err, header, out[max(0, len(out)-4000):])
	}
}

// goModule is a script that prints the version of the module that a program was built from.
func goModule(name string) string {
	return "go version -m $(type -P " + name + `) | awk '$1 == "mod" { print substr($3, 2) }'`
}

// trusting trusts an authority.
func trusting(t *testing.T, file string) *tls.Config {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return &tls.Config{RootCAs: pool}
}
