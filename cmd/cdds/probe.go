package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"cdds"
)

// probeTime is how long the service may take to answer a probe.
const probeTime = 5 * time.Second

// probeCommand asks the service whether it is well. Images without a shell have
// nothing else to ask with. It takes the settings of serve, so that it finds the
// service without being told.
type probeCommand struct {
	Listen  string `help:"Address that the service listens on." default:"127.0.0.1:8080" env:"CDDS_LISTEN"`
	TLSCert string `help:"PEM file with the service's certificate: ask by HTTPS." name:"tls-cert" env:"CDDS_TLS_CERT" placeholder:"FILE" type:"path"`
	Ready   bool   `help:"Ask whether it can work (/readyz), not only whether it lives (/healthz)."`
}

// Run asks, and fails unless the answer is good.
func (c *probeCommand) Run(ctx context.Context) (err error) {
	target, client, err := c.target()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fmt.Errorf("ask the service: %w", err)
	}
	answer, err := client.Do(request)
	if err != nil {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The service does not answer.", Hint: "Look whether cdds serve runs, and what its log says.", Err: err}
	}
	defer func() { err = closing(answer.Body, err) }()
	if answer.StatusCode/100 != 2 {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: fmt.Sprintf("The service answers %s to %s.", answer.Status, target), Hint: "cdds doctor says what is wrong."}
	}
	return nil
}

// target returns what to ask, and with what. A service that listens on all
// addresses is asked on the loopback one.
func (c *probeCommand) target() (string, *http.Client, error) {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "The address of the service cannot be read.", Hint: "Write --listen as 127.0.0.1:8080 or :8080.", Err: err}
	}
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	// A proxy of the environment would be asked for an address of this machine.
	transport, scheme := &http.Transport{DisableKeepAlives: true}, "http://"
	if c.TLSCert != "" {
		scheme = "https://"
		if transport.TLSClientConfig, err = trustOnly(c.TLSCert); err != nil {
			return "", nil, err
		}
	}
	return scheme + net.JoinHostPort(host, port) + path, &http.Client{Transport: transport}, nil
}

// trustOnly returns the settings of a client that believes the certificate in a
// file and no other, whoever has signed it.
func trustOnly(path string) (*tls.Config, error) {
	unusable := &cdds.Error{Code: cdds.CodeInvalid, Message: "The service's certificate cannot be read.", Hint: "Look at --tls-cert."}
	text, err := os.ReadFile(path)
	if err != nil {
		unusable.Err = err
		return nil, unusable
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, unusable
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		unusable.Err = err
		return nil, unusable
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	switch {
	case len(leaf.DNSNames) > 0:
		config.ServerName = strings.Replace(leaf.DNSNames[0], "*.", "any.", 1)
	case len(leaf.IPAddresses) > 0:
		config.ServerName = leaf.IPAddresses[0].String()
	}
	return config, nil
}
