package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"cdds"
	"cdds/door"
)

// listenFlags are the settings of the service's side of the network.
type listenFlags struct {
	Listen           string        `help:"Address to listen on." default:"127.0.0.1:8080" env:"CDDS_LISTEN"`
	TLSCert          string        `help:"PEM file with the service's certificate and its chain: serve HTTPS. Read again when it changes, and at SIGHUP." name:"tls-cert" env:"CDDS_TLS_CERT" placeholder:"FILE" type:"path"`
	TLSKey           string        `help:"PEM file with the key of --tls-cert." name:"tls-key" env:"CDDS_TLS_KEY" placeholder:"FILE" type:"path"`
	RedirectHTTP     string        `help:"Address on which plain HTTP is sent to HTTPS, such as :80." name:"redirect-http" env:"CDDS_REDIRECT_HTTP" placeholder:"ADDRESS"`
	Secure           bool          `help:"The service stands behind a proxy that speaks TLS: mark cookies Secure, and send HSTS." env:"CDDS_SECURE_COOKIES"`
	TrustedProxy     []string      `help:"Proxies whose X-Forwarded-For is believed: addresses or networks, with commas." env:"CDDS_TRUSTED_PROXY" placeholder:"NETWORK"`
	UserRate         float64       `help:"Requests of a user in a second, in the long run; 20 seconds' worth may come at once. 0: no limit." default:"50" env:"CDDS_USER_RATE"`
	AddressRate      float64       `help:"The same for requests without a valid sign-in, by address." default:"20" env:"CDDS_ADDRESS_RATE"`
	Downloads        int           `help:"Downloads at a time." default:"64" env:"CDDS_DOWNLOADS"`
	DownloadsPerUser int           `help:"Downloads of a user at a time." default:"8" env:"CDDS_DOWNLOADS_PER_USER"`
	DownloadStall    time.Duration `help:"How long a download waits for a client that takes nothing." default:"1m" env:"CDDS_DOWNLOAD_STALL"`
}

const (
	headerTime   = 10 * time.Second // for a request's line and headers
	bodyTime     = 30 * time.Second // for its body
	answerTime   = 5 * time.Minute  // for an answer that is no download and no event stream
	idleTime     = 2 * time.Minute  // between two requests of a connection
	maxHeaders   = 64 << 10         // bytes
	tlsLookEvery = 10 * time.Second // at the files of the certificate
)

// secure reports whether browsers come by TLS.
func (f listenFlags) secure() bool { return f.Secure || f.TLSCert != "" }

// inTheClear reports whether passwords would come to this address over a network
// that others may listen to.
func (f listenFlags) inTheClear(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return !f.secure() && !(ok && tcp.IP.IsLoopback())
}

// bounds are what one client may ask for.
func (f listenFlags) bounds() door.Limits {
	return door.Limits{
		Users: door.NewRate(f.UserRate), Addresses: door.NewRate(f.AddressRate),
		Downloads: door.NewSlots(f.Downloads, f.DownloadsPerUser), Stall: f.DownloadStall,
	}
}

// check refuses settings that make no sense.
func (f listenFlags) check() error {
	invalid := func(message, hint string) error {
		return &cdds.Error{Code: cdds.CodeInvalid, Message: message, Hint: hint}
	}
	switch {
	case (f.TLSCert == "") != (f.TLSKey == ""):
		return invalid("The TLS certificate and its key come together.", "Give both --tls-cert and --tls-key, or neither.")
	case f.RedirectHTTP != "" && f.TLSCert == "":
		return invalid("Without TLS there is nothing to send plain HTTP to.", "Give --tls-cert and --tls-key, or leave --redirect-http out.")
	case f.UserRate < 0 || f.AddressRate < 0 || f.Downloads < 1 || f.DownloadsPerUser < 1 || f.DownloadStall < time.Second:
		return invalid("A limit of the service is below what makes sense.", "The rates are 0 or more, downloads at least 1, --download-stall at least 1s.")
	}
	return nil
}

// door puts what all requests pass in front of the API and the console.
func (f listenFlags) door(faces http.Handler) (http.Handler, error) {
	proxies, err := door.ParseProxies(f.TrustedProxy)
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "A trusted proxy cannot be read.", Hint: "Write --trusted-proxy as 10.0.0.1 or 10.0.0.0/8.", Err: err}
	}
	compressed, err := door.Compress(faces)
	if err != nil {
		return nil, err
	}
	return proxies.Handler(door.Headers(door.Prompt(compressed, bodyTime), f.secure())), nil
}

// server returns an HTTP server with time limits that no slow client passes.
func server(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeaders, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// bind takes an address; flag is the one to change where that fails.
func bind(ctx context.Context, address, flag string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeUnavailable, Message: "The service cannot listen on " + address + ".", Hint: "Give another address with " + flag + ".", Err: err}
	}
	return listener, nil
}

// listen serves HTTP or HTTPS until ctx ends.
func (c *serveCommand) listen(ctx context.Context, s service) error {
	if err := c.check(); err != nil {
		return err
	}
	handler, err := c.faces(ctx, s)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	front, scheme := server(handler, s.log), "http://"
	if c.TLSCert != "" {
		scheme = "https://"
		if front.TLSConfig, err = c.identity(ctx, group, s.log); err != nil {
			return err
		}
	}
	listener, err := bind(ctx, c.Listen, "--listen")
	if err != nil {
		return err
	}
	if c.RedirectHTTP != "" {
		plain, err := bind(ctx, c.RedirectHTTP, "--redirect-http")
		if err != nil {
			return closing(listener, err)
		}
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return fmt.Errorf("read the address of the listener: %w", err)
		}
		s.log.Info("sending plain HTTP to HTTPS", "address", plain.Addr().String())
		group.Go(func() error { return serveUntil(ctx, server(door.Headers(door.Redirect(port), false), s.log), plain) })
	}
	if c.inTheClear(listener.Addr()) {
		s.log.Warn("passwords and sessions cross the network unencrypted", "address", listener.Addr().String(),
			"hint", "give --tls-cert and --tls-key, or --secure behind a proxy that speaks TLS")
	}
	s.self.listens(listener.Addr().String())
	s.log.Info("listening", "url", scheme+listener.Addr().String(), "node", s.node, "version", version, "roles", strings.Join(c.Role, ","))
	group.Go(func() error { return serveUntil(ctx, front, listener) })
	return group.Wait()
}

// identity reads the service's certificate and has it read again when it
// changes, until ctx ends.
func (c *serveCommand) identity(ctx context.Context, group *errgroup.Group, log *slog.Logger) (*tls.Config, error) {
	identity, err := door.OpenIdentity(c.TLSCert, c.TLSKey, log)
	if err != nil {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: "HTTPS cannot be served.", Hint: "Look at --tls-cert and --tls-key.", Err: err}
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	group.Go(func() error {
		defer signal.Stop(hangups)
		identity.Watch(ctx, tlsLookEvery, hangups)
		return nil
	})
	return identity.Config(), nil
}

// serveUntil serves until ctx ends, and lets requests in flight end for a while.
func serveUntil(ctx context.Context, server *http.Server, listener net.Listener) error {
	var group errgroup.Group
	group.Go(func() error {
		<-ctx.Done()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		if err := server.Shutdown(bounded); err != nil {
			return server.Close()
		}
		return nil
	})
	serve := server.Serve
	if server.TLSConfig != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
	}
	if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve HTTP: %w", err)
	}
	return group.Wait()
}
