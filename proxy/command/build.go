package command

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// A build describes how the program was built. Go records it: a build needs no flags for it.
type build struct {
	Version  string // of the module: a tag, or one made of the revision's date and hash; or development
	Revision string // of the source; empty when it isn't known
	Date     string // of the revision
	Changed  bool   // the source was not that of the revision
	Tags     string // build tags
}

// unknownRevision says why: Go records the revision in "go build" within a checkout.
const unknownRevision = "unknown: made by go run, by go build -buildvcs=false, or outside of a checkout"

func buildOf(info *debug.BuildInfo) build {
	b := build{Version: info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		case "-tags":
			b.Tags = s.Value
		}
	}
	if b.Version == "(devel)" {
		b.Version = ""
	}
	b.Version = cmp.Or(b.Version, "development")
	return b
}

func thisBuild() build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return build{Version: "unknown"}
	}
	return buildOf(info)
}

// version is that of the module, with the revision that the program was built from.
func version() string {
	b := thisBuild()
	if b.Revision == "" {
		return b.Version
	}
	return b.Version + " " + b.Revision[:min(12, len(b.Revision))]
}

func (b build) write(w io.Writer) error {
	changed := ""
	if b.Changed {
		changed = ", changed"
	}
	_, err := fmt.Fprintf(w, "sealfront %s\nrevision  %s%s\ndate      %s\ngo        %s %s/%s\ntags      %s\n",
		b.Version, cmp.Or(b.Revision, unknownRevision), changed, cmp.Or(b.Date, "unknown"), runtime.Version(), runtime.GOOS,
		runtime.GOARCH, cmp.Or(b.Tags, "none"))
	return err
}
