package main

import (
	"testing"

	"sealfront/proxy/proxytest"
)

// An installation is the program over a store and a key service. start skips the test when a program is missing.
type installation struct {
	name  string
	start func(t *testing.T) *proxytest.Program
}

var installations = []installation{
	{"everything embedded", func(t *testing.T) *proxytest.Program { return proxytest.StartEmbedded(t, t.TempDir()) }},
	{"versitygw and KMS of moto", func(t *testing.T) *proxytest.Program {
		return proxytest.StartOn(t, proxytest.StartVersitygw(t), proxytest.StartMoto(t))
	}},
	{"MinIO and keyservice", func(t *testing.T) *proxytest.Program {
		return proxytest.StartOn(t, proxytest.StartMinIO(t), proxytest.StartLocalKMS(t))
	}},
}
