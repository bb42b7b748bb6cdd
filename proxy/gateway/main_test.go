package gateway_test

import (
	"testing"

	"sealfront/proxy/proxytest"
)

// The tests of this package start the program within their process, in front of versitygw over files: what stores hold
// is looked at, and damaged.
func TestMain(m *testing.M) { proxytest.Main(m, proxytest.OverFiles) }
