package keyserver_test

import (
	"testing"

	"sealfront/proxy/proxytest"
)

func TestMain(m *testing.M) { proxytest.Main(m, proxytest.InProcess) }
