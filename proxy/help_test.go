package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestHelpIsTheManual(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		var out bytes.Buffer
		if err := run(t.Context(), args, &out, &out); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		text := out.String()
		for _, want := range []string{"# Commands", "sealfront audit verify", "sealfront migrate", "sealfront config schema", "# Signals", "SIGHUP", "/readyz", "sealfront config check FILE"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q doesn't say %q", args, want)
			}
		}
		if strings.Contains(text, "//\t") || strings.Contains(text, "depguard") {
			t.Errorf("%q shows the source: %.300s", args, text)
		}
	}
}
