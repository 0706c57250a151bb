package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"cdds"
	"cdds/control"
	"cdds/source"
	"cdds/store"
)

const (
	firstExportTime = 10 * time.Minute // a sample takes seconds
	firstExportPoll = 100 * time.Millisecond
)

// firstExport runs one export of all sample interactions with the service's
// own queue and worker, and says how to decrypt what it made.
func (c *demoCommand) firstExport(ctx context.Context, st *store.Store, out demoOutput, std streams) (err error) {
	serve := serveCommand{dataFlags: c.dataFlags, storageFlags: storageFlags{Retention: c.Retention}, Workers: 1, Role: []string{"worker"}}
	unlock, err := serve.lockData(st)
	if err != nil {
		return err
	}
	defer unlock()
	sources := source.NewRegistry(map[string]func(context.Context) (source.Source, error){
		"": func(ctx context.Context) (source.Source, error) { return openSource(ctx, "sqlite:"+out.Source, "", 1) },
	})
	defer func() { err = closing(sources, err) }()
	files, err := openStorage(ctx, serve.artifacts(c.Data))
	if err != nil {
		return err
	}
	defer func() { err = closing(files.bucket, err) }()
	log := newLog(io.Discard, false)
	tasks, err := serve.buildQueue(st, sources, files, newPresence(st, nodeName(), serve.roles(), 1, log), nil, log)
	if err != nil {
		return err
	}
	ctl := control.New(control.Config{Store: st, Queue: tasks, Bucket: files.bucket, Log: log})
	job, err := c.firstJob(ctx, st, ctl)
	if err != nil {
		return err
	}
	if err := tasks.Start(ctx); err != nil {
		return err
	}
	run, err := awaitRun(ctx, st, job)
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := errors.Join(err, tasks.Stop(stopping)); err != nil {
		return err
	}
	return c.explain(ctx, st, files, run, out, std)
}

// firstJob saves a job that runs once, now.
func (c *demoCommand) firstJob(ctx context.Context, st *store.Store, ctl *control.Control) (cdds.Job, error) {
	users, err := st.UsersNamed(ctx, demoUser, demoTenant)
	if err != nil {
		return cdds.Job{}, err
	}
	if len(users) != 1 {
		return cdds.Job{}, errors.New("the sample user is not there")
	}
	return ctl.CreateJob(ctx, control.Caller{User: users[0]}, cdds.JobSpec{
		Title: "All interactions of the sample", Source: cdds.SourceContactHistory, Type: cdds.TypeInteraction,
		Schedule: cdds.Schedule{Kind: cdds.Once}, Timeframe: cdds.Timeframe{Kind: cdds.FrameAll, By: cdds.ByStartDate},
	}, control.Once{}, utcNow())
}

// awaitRun waits until the job's run has ended.
func awaitRun(ctx context.Context, st *store.Store, job cdds.Job) (cdds.Run, error) {
	ctx, cancel := context.WithTimeout(ctx, firstExportTime)
	defer cancel()
	tick := time.NewTicker(firstExportPoll)
	defer tick.Stop()
	for {
		row, err := st.JobRow(ctx, job.TenantID, job.ID)
		if err != nil {
			return cdds.Run{}, err
		}
		if row.LatestRun != nil && row.LatestRun.State.Final() {
			return *row.LatestRun, nil
		}
		select {
		case <-ctx.Done():
			return cdds.Run{}, fmt.Errorf("wait for the first export: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// explain prints what was made and the commands that open it.
func (c *demoCommand) explain(ctx context.Context, st *store.Store, files *storage, run cdds.Run, out demoOutput, std streams) error {
	if run.State != cdds.RunFinished {
		message := "the first export ended as " + run.State.Title()
		if run.Failure != nil {
			message += ": " + run.Failure.Message
		}
		return errors.New(message)
	}
	artifacts, err := st.ArtifactsOfRun(ctx, run.ID)
	if err != nil {
		return err
	}
	for _, a := range artifacts {
		path := filepath.Join(files.folder, filepath.FromSlash(a.Key))
		_, err := fmt.Fprintf(std.Err, "\nA first export is done: %d records, %d bytes, encrypted to the sample certificate:\n  %s\n"+
			"Decrypt it with CDDS:\n  ./bin/cdds decrypt --key %s --out %s %s\n"+
			"or with any S/MIME tool:\n  openssl cms -decrypt -binary -inform DER -in %s -inkey %s -out sample.zip && unzip sample.zip\n\n",
			run.Progress.Records, a.Size, path, out.Key, filepath.Join(c.Data, "decrypted"), path, path, out.Key)
		if err != nil {
			return err
		}
	}
	return nil
}
