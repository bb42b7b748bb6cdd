package main

import (
	"os"
	"path/filepath"
	"testing"
)

func journeyOfJS(t *testing.T, j *journey) {
	node := programPath(t, "node")
	tools := os.Getenv("SEALFRONT_TOOLS")
	if _, err := os.Stat(filepath.Join(tools, "node_modules", "@aws-sdk", "client-s3")); tools == "" || err != nil {
		missing(t, "@aws-sdk/client-s3 is not in $SEALFRONT_TOOLS/node_modules")
	}
	j.script(t, []string{"NODE_EXTRA_CA_CERTS=" + j.p.env["AWS_CA_BUNDLE"]}, node, "js_journey.cjs")
}
