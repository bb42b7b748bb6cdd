package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
	"sealfront/proxy/keyserver"
	"sealfront/proxy/supervisor"
)

var keyConfigFile = entry{
	"FILE",
	"the configuration of the key service: YAML, described in OPERATING.md, \"The key service\". Paths in it are " +
		"relative to it, and secrets may be in files and in the environment",
}

func kmsCommand() command {
	return command{
		name: "kms", summary: "serve KMS's protocol, for sites without AWS",
		synopsis: []string{"sealfront kms --config FILE"},
		description: []string{
			"A key service that speaks the protocol of AWS KMS, so that AWS SDKs, 'aws kms' and Sealfront call it as they " +
				"call KMS. Any number of replicas may serve the same records, which lie sealed in a bucket of an S3 store; one " +
				"may have them in a folder. LOSING THE RECORDS, OR THE ROOT THAT THEY ARE SEALED UNDER, IS LOSING ALL KEYS, and " +
				"every object under them: back both up, apart from each other (kms backup).",
			"When requests are accepted it writes lines to stdout that a shell can evaluate, then '# ready'; logs go to " +
				"stderr. Identities, roles, issuers and the certificate are read again when their files change, and at SIGHUP, " +
				"which opens the audit log again, too. SIGTERM drains.",
		},
		examples:    []example{{"In production", "sealfront kms --config /etc/sealfront/kms.yaml"}},
		failure:     "the store or a root can't be reached, or an address can't be listened on: a retry may succeed",
		files:       []entry{keyConfigFile},
		environment: []entry{awsChain, godebugFIPS}, seals: true, prepare: prepareKMS,
	}
}

func prepareKMS(v *invocation) action {
	file := v.String("config", "", "configuration `FILE` of the key service; required")
	return func(ctx context.Context, _ []string) error {
		if *file == "" {
			return usagef("kms needs --config FILE\n%s", v.command.usage())
		}
		c, sources, err := config.LoadKeyServiceWatched(*file)
		if err != nil {
			return configError(err)
		}
		return v.serveKeys(ctx, c, *file, config.NewWatcher(sources))
	}
}

// serveKeys runs the key service until ctx ends, then drains.
func (v *invocation) serveKeys(
	ctx context.Context, c *config.KeyService, file string, watcher *config.Watcher,
) (err error) {
	log, _, err := instance.NewLogger(config.Log{Level: c.Log.Level, Format: c.Log.Format}, v.stderr)
	if err != nil {
		return err
	}
	defer func() { _ = log.Sync() }()
	manager := supervisor.New(supervisor.Options{Log: log})
	defer func() {
		if err != nil {
			manager.Status("ended: " + err.Error())
		}
	}()
	manager.Status("starting")
	site, err := keyserver.Open(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	site.Metrics.Info(buildInfo())
	l, err := keyserver.Listen(c)
	if err != nil {
		return err
	}
	defer l.Close()
	background, stop := context.WithCancel(ctx)
	defer stop()
	hangUp, ignore := v.hangUps()
	defer ignore()
	status := keyStatus(l)
	return site.Serve(ctx, l, version(), func() error {
		if err := exportKeys(v.stdout, l); err != nil {
			return err
		}
		log.Info("ready", zap.String("status", status))
		manager.Ready(status)
		go manager.Follow(background, func(context.Context) error { return nil }, func() string { return status })
		var one sync.Mutex // a reload at a time
		reload := func() {
			one.Lock()
			defer one.Unlock()
			manager.Reloading()
			site.Reload(func() (*config.KeyService, error) {
				c, sources, err := config.LoadKeyServiceWatched(file)
				watcher.Loaded(sources)
				return c, err
			})
			manager.Ready(status)
		}
		go followHangUps(background, hangUp, reload)
		go watcher.Watch(background, c.ReloadEvery, reload)
		return nil
	}, func(within time.Duration) { manager.Stopping("draining", within+drainGrace) })
}

// followHangUps calls reload for each SIGHUP until ctx ends.
func followHangUps(ctx context.Context, hangUp <-chan os.Signal, reload func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangUp:
			reload()
		}
	}
}

func keyStatus(l keyserver.Listeners) string {
	var b strings.Builder
	b.WriteString("serving")
	for _, one := range []struct {
		name string
		ln   net.Listener
	}{{"https", l.HTTPS}, {"http", l.HTTP}, {"admin", l.Admin}} {
		if one.ln != nil {
			fmt.Fprintf(&b, ", %s %s", one.name, one.ln.Addr())
		}
	}
	return b.String()
}

// exportKeys writes the lines that a shell can evaluate, and "# ready".
func exportKeys(w io.Writer, l keyserver.Listeners) error {
	var b strings.Builder
	add := func(name, scheme string, ln net.Listener) bool {
		if ln == nil {
			return false
		}
		b.WriteString(exportedVariable{name, scheme + "://" + reachable(ln.Addr())}.shell() + "\n")
		return true
	}
	if !add("SEALFRONT_KMS_ENDPOINT", "https", l.HTTPS) {
		add("SEALFRONT_KMS_ENDPOINT", "http", l.HTTP)
	}
	add("SEALFRONT_ADMIN", "http", l.Admin)
	_, err := io.WriteString(w, b.String()+"# ready\n")
	return err
}
