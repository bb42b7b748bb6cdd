package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A lab is the programs of a run, which end with it: they listen on loopback ports and keep what they make below one
// directory.
type lab struct {
	dir   string
	tools string // where programs are looked for besides PATH
	// latency is how much later than it sends it everything that a store sends arrives.
	latency time.Duration
	say     func(format string, args ...any)

	cert, key, pair string // PEM files; pair holds both
	access, secret  string // of every store and proxy
	storeAddress    string
	mu              sync.Mutex
	running         []*process
	built           map[string]string
	sealfronts      int
	delays          []*delay
}

// A process is a started program.
type process struct {
	*exec.Cmd
	name  string
	ended chan struct{}
	log   string // file
}

func newLab(tools string, say func(string, ...any)) (*lab, error) {
	dir, err := os.MkdirTemp("", "sealfront-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{
		dir: dir, tools: tools, say: say, access: "AKIABENCH" + strings.ToUpper(rand.Text()[:8]),
		secret: rand.Text() + rand.Text()[:8], built: map[string]string{},
	}
	if err := l.makeCertificate(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// close ends the programs and removes what they made.
func (l *lab) close() {
	for i := len(l.running) - 1; i >= 0; i-- {
		l.running[i].stop()
	}
	for _, d := range l.delays {
		d.close()
	}
	_ = os.RemoveAll(l.dir)
}

// stop ends a target's programs.
func (l *lab) stop(t *target) {
	for _, p := range l.running {
		if slices.Contains(t.processes, p.Process.Pid) {
			p.stop()
		}
	}
}

const stopTimeout = 20 * time.Second

func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.Process.Kill()
		<-p.ended
	}
}

// makeCertificate makes the one certificate that all TLS ends of the run show.
func (l *lab) makeCertificate() error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "sealfront bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(7 * 24 * time.Hour), IsCA: true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:              []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &private.PublicKey, private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	l.cert, l.key, l.pair = filepath.Join(l.dir, "public.crt"), filepath.Join(l.dir, "private.key"),
		filepath.Join(l.dir, "pair.pem")
	return errors.Join(os.WriteFile(l.cert, cert, 0o600), os.WriteFile(l.key, key, 0o600),
		os.WriteFile(l.pair, append(cert, key...), 0o600))
}

// build makes a program of this module.
func (l *lab) build(ctx context.Context, pkg string) (string, error) {
	if file := l.built[pkg]; file != "" {
		return file, nil
	}
	file := filepath.Join(l.dir, "bin-"+strings.ReplaceAll(pkg, "/", "-"))
	out, err := exec.CommandContext(ctx, "go", "build", "-o", file, pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	l.built[pkg] = file
	return file, nil
}

// find looks for a program that isn't ours, first among the tools; "" when it is absent.
func (l *lab) find(name string) string {
	if l.tools != "" {
		if file := filepath.Join(l.tools, "bin", name); isFile(file) {
			return file
		}
	}
	if file, err := exec.LookPath(name); err == nil {
		return file
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} { // where servers are, and not in everybody's PATH
		if file := filepath.Join(dir, name); isFile(file) {
			return file
		}
	}
	return ""
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// start starts a program. line, if not nil, is given each line of its output and reports when it is ready; without it
// the program is ready when address takes connections.
func (l *lab) start(
	ctx context.Context, name, address string, line func(string) bool, env []string, program string, args ...string,
) (*process, error) {
	p := &process{
		Cmd: exec.Command(program, args...), name: name, ended: make(chan struct{}),
		log: filepath.Join(l.dir, name+".log"),
	}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	p.Env, p.Stderr, p.Stdout, p.Dir = append(os.Environ(), env...), log, log, l.dir
	ready := make(chan struct{})
	if line != nil {
		p.Stdout = nil
		out, err := p.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := p.Start(); err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		go func() {
			isReady := false
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if !isReady && line(lines.Text()) {
					isReady = true
					close(ready)
				}
			}
			_ = p.Wait()
			close(p.ended)
		}()
	} else {
		if err := p.Start(); err != nil {
			return nil, fmt.Errorf("start %s: %w", name, err)
		}
		go func() {
			_ = p.Wait()
			close(p.ended)
		}()
		go awaitListener(address, ready, p.ended)
	}
	l.mu.Lock()
	l.running = append(l.running, p)
	l.mu.Unlock()
	select {
	case <-ready:
		return p, nil
	case <-p.ended:
		err = errors.New("it ended")
	case <-ctx.Done():
		err = ctx.Err()
	case <-time.After(time.Minute):
		err = errors.New("it was not ready in time")
	}
	p.stop()
	text, _ := os.ReadFile(p.log)
	return nil, fmt.Errorf("start %s: %w\n%s", name, err, text[max(0, len(text)-2000):])
}

func awaitListener(address string, ready, ended chan struct{}) {
	for {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			_ = c.Close()
			close(ready)
			return
		}
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// delayed is where a store at address is reached so that its answers come later by the lab's latency.
func (l *lab) delayed(address string) (string, error) {
	if l.latency == 0 {
		return address, nil
	}
	d, err := startDelay(address, l.latency)
	if err != nil {
		return "", err
	}
	l.delays = append(l.delays, d)
	return d.address, nil
}
