package command

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"io"

	"sealfront/proxy/config"
	"sealfront/proxy/instance"
)

// installationFlags are the flags by which a tool finds the installation it works on.
type installationFlags struct{ file, data string }

func (w *installationFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&w.file, "config", "", "configuration `FILE` of the installation")
	flags.StringVar(&w.data, "data", "",
		"`DIR` of an installation with embedded store and key service; default, without --config, ./sealfront-data")
}

func (w *installationFlags) load() (*config.Config, error) {
	if w.file != "" && w.data != "" {
		return nil, usagef("--config excludes --data")
	}
	c, err := (*config.Config)(nil), error(nil)
	if w.file != "" {
		c, err = config.Load(w.file)
	} else {
		c, err = embeddedConfig(w.data, "", "", "", "")
	}
	if err != nil {
		return nil, configError(err)
	}
	return c, nil
}

// embeddedConfig is config.Embedded for the region that is named, or the one that the data directory was last served
// for.
func embeddedConfig(data, region, https, http, admin string) (*config.Config, error) {
	c, err := config.Embedded(data, region, https, http, admin)
	if err != nil || region != "" {
		return c, err
	}
	c.Region = cmp.Or(instance.LastRegion(c.Data), c.Region)
	return c, nil
}

// configError makes a configuration that can't be read exit status 2, as one with faults is.
func configError(err error) error {
	var faults config.Faults
	if errors.As(err, &faults) {
		return err
	}
	return usageError{err}
}

// writeJSON writes a document of two-space indents.
func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// loadKMS is load for a tool that needs the key service only: faults of all other settings are ignored.
func (w *installationFlags) loadKMS() (*config.Config, error) {
	if w.file == "" || w.data != "" {
		return w.load()
	}
	c, err := config.LoadOnly(w.file, "file", "kms", "region", "account", "data")
	if err != nil {
		return nil, configError(err)
	}
	if c.KMS.Kind == "embedded" && c.Data == "" {
		return nil, usagef("data: must be set: the embedded key service has its keys there")
	}
	return c, nil
}
