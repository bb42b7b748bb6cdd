package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealfront/proxy/proxytest"
	"sealfront/sigv4"
)

func embeddedService(t *testing.T) proxytest.Service {
	t.Helper()
	endpoint, err := proxytest.SharedStore()
	if err != nil {
		t.Fatal(err)
	}
	return proxytest.Service{Endpoint: endpoint, AccessKey: "storekey", SecretKey: "storesecret"}
}

