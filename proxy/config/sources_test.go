package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"sealfront/proxy/config"
)

// A change that follows the reading of a file is found, whenever it is made: before the watching began, while a reload
// is being carried out, and in a file that a refused configuration names.
func TestNoChangeIsMissed(t *testing.T) {
	dir := installation(t, right)
	file := filepath.Join(dir, "c.yaml")
	set := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	const every = time.Second
	synctest.Test(t, func(t *testing.T) {
		_, sources, err := config.LoadWatched(file)
		if err != nil {
			t.Fatal(err)
		}
		w := config.NewWatcher(sources)
		var (
			mu      sync.Mutex
			reloads int
			last    error
			during  = func() {}
		)
		set("secret", "changed before it is watched\n")
		ctx, stop := context.WithCancel(t.Context())
		go w.Watch(ctx, every, func() {
			mu.Lock()
			defer mu.Unlock()
			reloads++
			_, sources, err := config.LoadWatched(file)
			last = err
			during()
			during = func() {}
			w.Loaded(sources)
		})
		// reloaded waits and checks how often there was a reload, and how the last one ended.
		reloaded := func(what string, times int, fault string) {
			t.Helper()
			mu.Lock()
			reloads = 0
			mu.Unlock()
			time.Sleep(10 * every)
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			got := ""
			if last != nil {
				got = last.Error()
			}
			if reloads != times || (got == "") != (fault == "") || !strings.Contains(got, fault) {
				t.Errorf("%s: %d reloads, not %d: %v", what, reloads, times, last)
			}
		}
		reloaded("a secret, before it is watched", 1, "")
		reloaded("nothing", 0, "")

		set("cert.pem", "renewed")
		mu.Lock()
		during = func() {
			set("cert.pem", "renewed again")
			set("identities.yaml", strings.Replace(identities, "s2", "s3", 1))
		}
		mu.Unlock()
		reloaded("changes during a reload", 2, "")

		set("c.yaml", strings.Replace(right, "token_file: token", "token_file: token2", 1))
		reloaded("a configuration that names a missing file", 1, "admin.token_file")
		set("token2", "now it is there\n")
		reloaded("the file that was missing", 1, "")
		set("token", "of no use any more\n")
		reloaded("a file that isn't named any more", 0, "")

		set("c.yaml", "listen: [")
		reloaded("a file that can't be parsed", 1, "file")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		reloaded("no file", 1, "read the configuration")
		set("c.yaml", right)
		reloaded("the file is back", 1, "")

		// Something else each time that it is read: nothing is loaded before it has settled.
		writing, written := context.WithCancel(ctx)
		go func() {
			for i := 0; writing.Err() == nil; i++ {
				time.Sleep(every / 2)
				set("secret", strings.Repeat("s", i+1))
				time.Sleep(every / 2)
			}
		}()
		reloaded("a file that is being written", 0, "")
		written()
		reloaded("the written file", 1, "")
		stop()
		synctest.Wait()
		set("secret", "afterwards")
		reloaded("after the end", 0, "")
	})
}

// A secret may come from a pipe, which can be read once.
func TestAPipeIsReadOnce(t *testing.T) {
	dir := installation(t, right)
	pipe := filepath.Join(dir, "token")
	if err := errors.Join(os.Remove(pipe), syscall.Mkfifo(pipe, 0o600)); err != nil {
		t.Fatal(err)
	}
	go func() {
		if err := os.WriteFile(pipe, []byte("of the pipe\n"), 0); err != nil {
			t.Error(err)
		}
	}()
	c, sources, err := config.LoadWatched(filepath.Join(dir, "c.yaml"))
	if err != nil || c.Admin.Token != "of the pipe" {
		t.Fatal(c, err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		config.NewWatcher(sources).Watch(ctx, time.Second, func() { t.Error("a reload") })
	})
}
