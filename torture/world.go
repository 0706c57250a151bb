package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"cdds/pgtest"
)

// The user of the campaign. The password opens a service that lives on the
// loopback interface for as long as the campaign.
const (
	username = "torture"
	password = "correct horse battery staple"
)

// The time limits, before patience stretches them.
const (
	startLimit  = 30 * time.Second
	callLimit   = 90 * time.Second
	stopLimit   = 10 * time.Second // what the service promises for SIGTERM
	cancelLimit = 5 * time.Second  // what it promises for a cancel
	endLimit    = 4 * time.Minute  // for all runs of a round to end
	cleanLimit  = 45 * time.Second // for the sweep, and for tasks of ended runs
	sweepEvery  = 2 * time.Second
)

// readTime is how long the proxy lets the reading of an export take, up to
// twice of it, so that there is something to hit.
const readTime = 1500 * time.Millisecond

// world is the service with everything around it.
type world struct {
	stage     stage
	dir       string
	artifacts string
	binary    string
	factor    float64 // patience
	clock     *clock
	history   *history
	proxy     *proxy
	meta      *metadata
	metaDSN   string
	server    *pgtest.Server // of the metadata; nil with SQLite
	disk      *disk          // nil where artifacts are in an ordinary folder
	nodes     []*node
	client    *client
	turn      atomic.Int64 // which node answers next
	key       *rsa.PrivateKey
	keyFile   string
	total     int64 // bytes that the source sends for an export of everything
	parts     int   // files that it becomes when it is split
}

// bound stretches a time limit.
func (w *world) bound(d time.Duration) time.Duration {
	return time.Duration(float64(d) * w.factor)
}

// newWorld installs and starts the service of a stage. The world must be closed
// also where there is an error.
func newWorld(ctx context.Context, c *campaign, s stage) (*world, error) {
	w := &world{stage: s, dir: filepath.Join(c.dir, s.name), binary: c.binary, factor: max(c.Patience, 1)}
	w.artifacts = filepath.Join(w.dir, "artifacts")
	if err := os.MkdirAll(w.artifacts, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	steps := []func(context.Context) error{w.openDisk, func(ctx context.Context) error { return w.openSource(ctx, c.Interactions) },
		w.openMetadata, w.addUser, w.startNodes, w.importCertificate, w.calibrate}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return w, err
		}
	}
	return w, nil
}

// openDisk mounts the small disk.
func (w *world) openDisk(context.Context) (err error) {
	if w.stage.disk {
		w.disk, err = mountDisk(w.artifacts)
	}
	return err
}

// openSource starts the source's server, with the proxy before it.
func (w *world) openSource(ctx context.Context, interactions int) (err error) {
	if w.clock, err = newClock(filepath.Join(w.dir, "clock")); err != nil {
		return err
	}
	if w.history, err = newHistory(ctx, interactions); err != nil {
		return err
	}
	w.proxy, err = newProxy(ctx, fmt.Sprintf("127.0.0.1:%d", w.history.server.Port()))
	return err
}

// openMetadata makes the metadata database, with the service's own command.
func (w *world) openMetadata(ctx context.Context) (err error) {
	w.metaDSN = "sqlite:" + filepath.Join(w.dir, "cdds.db")
	if w.stage.postgres {
		if w.server, err = pgtest.Open(); err != nil {
			return err
		}
		if w.metaDSN, err = w.server.NewDatabase(); err != nil {
			return err
		}
	}
	if err := w.command(ctx, "", "migrate"); err != nil {
		return err
	}
	w.meta, err = openMetadata(w.metaDSN)
	return err
}

// command runs one of the service's other commands.
func (w *world) command(ctx context.Context, stdin string, args ...string) error {
	args = append(args, "--data", w.dir, "--database", w.metaDSN)
	cmd := exec.CommandContext(ctx, w.binary, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cdds %s: %w: %s", args[0], err, out)
	}
	return nil
}

// addUser adds the user.
func (w *world) addUser(ctx context.Context) error {
	return w.command(ctx, password, "user", "add", username, "--tenant", "torture", "--tenant-id", "101", "--role", "administrator", "--password-stdin")
}

// startNodes makes the nodes and starts them.
func (w *world) startNodes(ctx context.Context) (err error) {
	for i := range w.stage.nodes {
		w.nodes = append(w.nodes, &node{
			binary: w.binary, log: filepath.Join(w.dir, fmt.Sprintf("node-%d.log", i+1)),
			env: []string{"CDDS_CLOCK_OFFSET_FILE=" + w.clock.file, "CDDS_SOURCE_CLOCK_OFFSET_FILE=" + w.clock.source},
			args: []string{"serve", "--listen", "127.0.0.1:0", "--data", w.dir, "--database", w.metaDSN, "--source", w.history.readerDSN(w.proxy.port()),
				"--artifacts", "file://" + w.artifacts, "--role", "api,scheduler,worker", "--sweep-every", sweepEvery.String()},
		})
	}
	if w.client, err = newClient(w.base, password, w.bound(callLimit)); err != nil {
		return err
	}
	return w.start(ctx)
}

// start starts all nodes that do not run.
func (w *world) start(ctx context.Context) error {
	for _, n := range w.nodes {
		if n.alive() {
			continue
		}
		if err := n.start(ctx, w.bound(startLimit)); err != nil {
			return err
		}
	}
	return nil
}

// base is where the next call goes: to each living node in turn.
func (w *world) base() string {
	turn := int(w.turn.Add(1))
	for i := range w.nodes {
		if n := w.nodes[(turn+i)%len(w.nodes)]; n.alive() {
			return n.url()
		}
	}
	return ""
}

// importCertificate makes the user's key and imports its certificate.
func (w *world) importCertificate(ctx context.Context) (err error) {
	if w.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: username}, KeyUsage: x509.KeyUsageKeyEncipherment,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(2, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &w.key.PublicKey, w.key)
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(w.key)
	if err != nil {
		return fmt.Errorf("encode the key: %w", err)
	}
	w.keyFile = filepath.Join(w.dir, "key.pem")
	if err := os.WriteFile(w.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600); err != nil {
		return fmt.Errorf("write the key: %w", err)
	}
	return w.client.call(ctx, "PUT", "/me/certificate", "", der, nil)
}

// calibrate exports everything once, without a fault, and notes how much the
// source sends for that.
func (w *world) calibrate(ctx context.Context) error {
	r := &round{world: w, fault: fault{name: "none"}, stage: w.stage.name, random: seeded(0), plain: true}
	if err := r.play(ctx); err != nil {
		return err
	}
	if len(r.notes) > 0 {
		return fmt.Errorf("an export without any fault: %s", strings.Join(r.notes, "; "))
	}
	w.total, w.parts = w.proxy.passed.Load(), max(r.jobs[0].runs[0].Artifacts, 1)
	return nil
}

// pace lets the proxy take a time to send an export; zero is at once.
func (w *world) pace(length time.Duration) {
	w.proxy.pace.Store(0)
	if length > 0 {
		w.proxy.pace.Store(int64(float64(w.total) / length.Seconds()))
	}
}

// logs returns the ends of the nodes' logs.
func (w *world) logs() string {
	var all strings.Builder
	for _, n := range w.nodes {
		fmt.Fprintf(&all, "%s:\n%s\n", n.log, n.tail(30))
	}
	return all.String()
}

// close kills the nodes and removes the servers.
func (w *world) close() error {
	var errs []error
	for _, n := range w.nodes {
		n.kill()
	}
	if w.meta != nil {
		errs = append(errs, w.meta.close())
	}
	if w.proxy != nil {
		errs = append(errs, w.proxy.close())
	}
	if w.history != nil {
		errs = append(errs, w.history.close())
	}
	if w.server != nil {
		errs = append(errs, w.server.Close())
	}
	if w.disk != nil {
		errs = append(errs, w.disk.unmount())
	}
	return errors.Join(errs...)
}
