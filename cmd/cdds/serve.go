package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"cdds/api"
	"cdds/console"
	"cdds/control"
	"cdds/queue"
	"cdds/scheduler"
	"cdds/source"
	"cdds/store"
	"cdds/telemetry"
	"cdds/worker"
)

// maxScrub is the fastest check of stored artifacts, in MiB per second: faster
// than any storage.
const maxScrub = 1 << 20

// serveCommand runs the service.
type serveCommand struct {
	dataFlags
	sourceFlags
	limitFlags
	storageFlags
	linkFlags
	listenFlags
	sessionFlags
	signOnFlags
	telemetryFlags
	stopFlags
	Role       []string      `help:"What this node does: api, scheduler, worker, or all; several with commas." default:"all" env:"CDDS_ROLE" enum:"all,api,scheduler,worker"`
	Workers    int           `help:"Runs that this node carries out at the same time." default:"2" env:"CDDS_WORKERS"`
	RangeLeast int64         `name:"range-records" help:"Least records that a split run is cut into ranges for, which workers share; 0: 50,000, and what gives about three parts." default:"0" env:"CDDS_RANGE_RECORDS" placeholder:"N"`
	SweepEvery time.Duration `help:"How often stored files are looked for that no artifact names." default:"1h" env:"CDDS_SWEEP_EVERY"`
	Scrub      int64         `name:"scrub-rate" help:"Speed at which stored artifacts are checked in the background, in MiB per second; 0 turns it off." default:"8" env:"CDDS_SCRUB_RATE"`
	Verbose    bool          `help:"Log more." short:"v" env:"CDDS_VERBOSE"`
}

// does reports whether this node has a role.
func (c *serveCommand) does(role string) bool {
	for _, r := range c.Role {
		if r == role || r == "all" {
			return true
		}
	}
	return false
}

// Run builds the service top to bottom and runs it until ctx ends.
func (c *serveCommand) Run(ctx context.Context, std streams) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	node := nodeName()
	probe, log, end, err := c.telemetry(ctx, std.Err, node, c.Verbose, c.Workers)
	if err != nil {
		return err
	}
	defer end()
	if err := c.checkFiles(log); err != nil {
		return err
	}
	sessions, err := c.sessions()
	if err != nil {
		return err
	}
	signOn, err := c.signOn()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, c.dataFlags, true)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	unlock, err := c.lockData(st)
	if err != nil {
		return err
	}
	defer unlock()
	sources, err := c.registry(c.limitFlags, c.Data, probe, log)
	if err != nil {
		return err
	}
	defer func() { err = closing(sources, err) }()
	// Those of tenants are opened when they are needed: a mistake in one of them
	// must not keep the others' tenants waiting.
	if _, err := sources.Named(ctx, ""); err != nil {
		return err
	}
	files, err := openStorage(ctx, c.artifacts(c.Data))
	if err != nil {
		return err
	}
	defer func() { err = closing(files.bucket, err) }()
	links, err := c.links(ctx, files)
	if err != nil {
		return err
	}

	self := newPresence(st, node, c.roles(), c.Workers, log)
	tasks, err := c.buildQueue(st, sources, files, self, probe, log)
	if err != nil {
		return err
	}
	ctl := control.New(control.Config{Store: st, Queue: tasks, Bucket: files.bucket, Uploads: files.uploads, Log: log, Sessions: sessions, SignOnLimit: c.SessionLimit, Probe: probe})
	if st.Dialect() == store.SQLite {
		if err := takeBackAll(ctx, st, ctl, log); err != nil {
			return err
		}
	}
	return c.work(ctx, service{st: st, sources: sources, files: files, links: links, tasks: tasks, ctl: ctl, signOn: signOn, node: node, self: self, probe: probe, log: log, std: std})
}

// service is the built graph.
type service struct {
	st      *store.Store
	sources *source.Registry
	files   *storage
	links   linker
	tasks   *queue.Queue
	ctl     *control.Control
	signOn  *api.SignOn
	node    string
	self    *presence
	probe   *telemetry.Probe
	log     *slog.Logger
	std     streams
}

// buildQueue wires the queue and the worker, which need each other: the queue
// calls the worker, and the worker enqueues next attempts.
func (c *serveCommand) buildQueue(st *store.Store, sources *source.Registry, files *storage, self *presence, probe *telemetry.Probe, log *slog.Logger) (*queue.Queue, error) {
	engine := files.engine()
	engine.LeastRecords = c.RangeLeast
	var tasks *queue.Queue
	w := worker.New(worker.Config{
		Store: st, Sources: sources, Engine: engine,
		Node: self.now().Name, Version: version, Retention: c.Retention, Now: utcNow, Log: log, Probe: probe, EncodeJob: api.EncodeJob,
		Enqueue: func(ctx context.Context, tx *sql.Tx, runID string, attempt int, at time.Time) error {
			return tasks.Enqueue(ctx, tx, queue.Task{RunID: runID, Attempt: attempt}, at)
		},
		CallHelp: func(ctx context.Context, tx *sql.Tx, runID string, at time.Time) error {
			return tasks.Enqueue(ctx, tx, queue.Task{RunID: runID, Help: true}, at)
		},
		HelpWaits: func(ctx context.Context) (bool, error) { return tasks.HelpWaits(ctx) },
		Stopping:  func(ctx context.Context) bool { return errors.Is(context.Cause(ctx), queue.ErrStopping) },
	})
	cfg := queue.Config{DB: st.DB(), Postgres: st.Dialect() == store.Postgres, Workers: c.Workers, Log: log, Now: utcNow}
	if cfg.Postgres && c.does("worker") {
		cfg.ListenDSN = c.database()
	}
	var err error
	tasks, err = queue.Open(cfg, self.counted(func(ctx context.Context, t queue.Task) error {
		if t.Help {
			return w.Help(ctx)
		}
		return w.Do(ctx, t.RunID, t.Attempt)
	}))
	return tasks, err
}

// work runs the parts that the node's roles ask for, until ctx ends or one of
// them fails; windDown stops them.
func (c *serveCommand) work(ctx context.Context, s service) error {
	s.log.Info("node begins", "node", s.node, "version", version, "roles", strings.Join(c.roles(), ","), "workers", s.self.now().Workers)
	group, serving := errgroup.WithContext(context.WithoutCancel(ctx))
	l := life{asked: ctx}
	l.serving, l.quit = context.WithCancel(serving)
	defer l.quit()
	l.working, l.retire = context.WithCancel(l.serving)
	defer context.AfterFunc(ctx, l.retire)()
	if c.does("worker") {
		if err := s.tasks.Start(ctx); err != nil {
			return err
		}
	}
	group.Go(func() error {
		s.self.keep(l.serving, l.retire)
		return nil
	})
	if c.does("scheduler") {
		c.schedule(l.working, group, s)
	}
	if c.does("api") {
		group.Go(func() error {
			s.ctl.KeepRefusals(l.serving, utcNow)
			return nil
		})
		group.Go(func() error {
			defer func() { s.ctl.EndRefusals(l.serving, utcNow()) }()
			return c.listen(l.serving, s)
		})
	}
	if c.Metrics != "" {
		group.Go(func() error { return c.serveMetrics(l.serving, s) })
	}
	group.Go(func() error { return c.windDown(l, s) })
	err := group.Wait()
	s.self.leave(ctx)
	s.log.Info("stopped")
	return err
}

// schedule runs the loops of a scheduler until ctx ends.
func (c *serveCommand) schedule(ctx context.Context, group *errgroup.Group, s service) {
	group.Go(func() error {
		clock := scheduler.New(s.st, s.ctl, s.log)
		clock.SweepEvery(c.SweepEvery)
		clock.Tell(s.probe)
		clock.Run(ctx, utcNow)
		return nil
	})
	group.Go(func() error {
		tellHeads(ctx, s)
		return nil
	})
	if c.Scrub > 0 {
		group.Go(func() error {
			scheduler.NewScrub(scheduler.ScrubConfig{Store: s.st, Control: s.ctl, Node: s.node, Rate: min(c.Scrub, maxScrub) << 20, Now: utcNow, Log: s.log}).Run(ctx)
			return nil
		})
	}
}

// faces puts the API and the console behind one address.
func (c *serveCommand) faces(ctx context.Context, s service) (http.Handler, error) {
	pages, err := console.Handler()
	if err != nil {
		return nil, err
	}
	services := api.Handler(ctx, api.Config{
		Store: s.st, Control: s.ctl, Bucket: s.files.bucket, Link: s.links, Sources: s.sources, Version: version, Retention: c.Retention,
		SecureCookies: c.secure(), Limits: c.bounds(), SignOn: s.signOn, Now: utcNow, Log: s.log, Checks: s.checks(), Probe: s.probe,
	})
	mux := http.NewServeMux()
	mux.Handle("/", pages)
	for _, path := range []string{"/api/", "/healthz", "/readyz"} {
		mux.Handle(path, services)
	}
	return c.door(mux)
}

// lockData locks the data folder where the database lies in it.
func (c *serveCommand) lockData(st *store.Store) (func(), error) {
	if st.Dialect() != store.SQLite {
		return func() {}, nil
	}
	return lockFolder(c.Data)
}

// takeBackAll gives all runs in progress, and their ranges, to their next attempt at once. With
// an embedded database and its lock held there is no other worker: whoever had
// them is dead.
func takeBackAll(ctx context.Context, st *store.Store, ctl *control.Control, log *slog.Logger) error {
	const limit = 1000
	if err := ctl.LoseRanges(ctx, "The service stopped suddenly while the run was in progress."); err != nil {
		return err
	}
	runs, err := st.RunsInProgress(ctx, limit)
	if err != nil {
		return err
	}
	for _, run := range runs {
		if _, err := ctl.TakeBack(ctx, run, "The service stopped suddenly while the run was in progress.", utcNow()); err != nil {
			return err
		}
		log.Warn("run taken back after a sudden stop", "run", run.ID, "tenant", run.TenantID, "attempt", run.Attempt)
	}
	return nil
}

// utcNow is the service's clock, in the precision that the store keeps.
func utcNow() time.Time { return systemNow().UTC().Truncate(time.Microsecond) }

// nodeName names this process: the host and a random suffix.
func nodeName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return fmt.Sprintf("%s-%d", host, os.Getpid())
	}
	return host + "-" + hex.EncodeToString(b[:])
}
