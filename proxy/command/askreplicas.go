package command

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sealfront/proxy/instance"
)

// healthTimeout is how long a replica has to answer whether it is ready.
const healthTimeout = 5 * time.Second

func healthCommand() command {
	return command{
		name: "health", summary: "ask replicas whether they are ready",
		synopsis: []string{"sealfront health [--ca FILE] [URL]"},
		description: []string{
			"Requests /readyz at the admin address, URL, by default http://127.0.0.1:9090, at every address that its host " +
				"name stands for: of a headless Service of Kubernetes, all replicas. For each a line says its address and its " +
				"answer. It needs no configuration and no token: for a container's HEALTHCHECK, and helm test.",
		},
		operands: [2]int{0, 1},
		examples: []example{
			{"In a container", "sealfront health"},
			{"All replicas in Kubernetes", "sealfront health http://sealfront-metrics.prod.svc:9090"},
		},
		failure: "a replica isn't ready or doesn't answer within five seconds, or the name stands for no address",
		prepare: prepareHealth,
	}
}

func prepareHealth(v *invocation) action {
	ca := v.String("ca", "", "PEM `FILE` with the authority of admin.cert; default the system's authorities")
	return func(ctx context.Context, operands []string) error {
		address := "http://127.0.0.1:9090"
		if len(operands) > 0 {
			address = operands[0]
		}
		u, err := url.Parse(strings.TrimSuffix(address, "/"))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Path != "" {
			return usagef("%q is not a URL of an admin address, such as http://127.0.0.1:9090", address)
		}
		encryption := &tls.Config{MinVersion: tls.VersionTLS12}
		if *ca != "" {
			if encryption.RootCAs, err = instance.ReadPool(*ca); err != nil {
				return fmt.Errorf("read --ca: %w", err)
			}
		}
		return askReplicas(ctx, u, encryption, v.stdout)
	}
}

// askReplicas asks each address of a URL's host, and returns an error unless all are ready.
func askReplicas(ctx context.Context, u *url.URL, encryption *tls.Config, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 2*healthTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, u.Hostname())
	if err != nil {
		return fmt.Errorf("find the replicas: %w", err)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	answers := make([]error, len(addresses))
	asked := make(chan struct{})
	for i, a := range addresses {
		go func() {
			answers[i] = askReplica(ctx, u, net.JoinHostPort(a, port), encryption)
			asked <- struct{}{}
		}()
	}
	for range addresses {
		<-asked
	}
	var unready int
	for i, a := range addresses {
		answer := "ready"
		if answers[i] != nil {
			unready++
			answer = answers[i].Error()
		}
		fmt.Fprintf(w, "%s: %s\n", net.JoinHostPort(a, port), answer)
	}
	if unready > 0 {
		return fmt.Errorf("of %d replicas, %d are not ready", len(addresses), unready)
	}
	return nil
}

// askReplica asks the replica at an address, whichever other addresses its name has.
func askReplica(ctx context.Context, u *url.URL, address string, encryption *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	transport := &http.Transport{
		TLSClientConfig: encryption, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, address)
		},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath("readyz").String(), nil)
	if err != nil {
		return err
	}
	answer, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%d: %s", answer.StatusCode, strings.Join(strings.Fields(string(text)), " "))
	}
	return nil
}
