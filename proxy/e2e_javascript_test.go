package main

import (
	"os"
	"path/filepath"
	"testing"

	"sealfront/proxy/proxytest"
)

func journeyOfJS(t *testing.T, j *journey) {
	node := proxytest.ProgramPath(t, "node")
	tools := os.Getenv("SEALFRONT_TOOLS")
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "@aws-sdk", "client-s3")); tools == "" || err != nil {
		proxytest.Missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
	}
	j.script(t, []string{"NODE_EXTRA_CA_CERTS=" + j.p.Env["AWS_CA_BUNDLE"]}, node, "js_journey.cjs")
}
