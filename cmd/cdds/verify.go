package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"cdds"
	"cdds/control"
	"cdds/store"
)

// verifyCommand compares all stored artifacts with their checksums. It may run
// beside the service: it reads files, and writes one short mark for each.
type verifyCommand struct {
	dataFlags
	Artifacts string `help:"Artifact storage, as for serve." env:"CDDS_ARTIFACTS" placeholder:"URL"`
	outputFlags
}

// verifyBatch is how many artifacts are looked up at a time.
const verifyBatch = 100

// verifyReport is the outcome, as JSON prints it.
type verifyReport struct {
	Checked    int64           `json:"checked"`
	Bytes      int64           `json:"bytes"`
	Damaged    []verifyFinding `json:"damaged"`
	Unreadable []verifyFinding `json:"unreadable"`
}

// verifyFinding is one artifact with which something is wrong.
type verifyFinding struct {
	ID     string `json:"id"`
	RunID  string `json:"runId"`
	Tenant string `json:"tenant"`
	Title  string `json:"title"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// verifier is one pass over all artifacts.
type verifier struct {
	st      *store.Store
	ctl     *control.Control
	tenants map[string]string // names by id
	total   int64             // bytes
	shown   int64             // percentage that was told last
	told    io.Writer
	report  verifyReport
}

// Run verifies all artifacts and fails when one is damaged or unreadable.
func (c *verifyCommand) Run(ctx context.Context, std streams) (err error) {
	st, err := openExisting(ctx, c.dataFlags)
	if err != nil {
		return err
	}
	defer func() { err = closing(st, err) }()
	if err := st.Ready(ctx); err != nil {
		return err
	}
	location := storageFlags{Artifacts: c.Artifacts}.artifacts(c.Data)
	if err := storageExists(location); err != nil {
		return err
	}
	files, err := openStorage(ctx, location)
	if err != nil {
		return err
	}
	defer func() { err = closing(files.bucket, err) }()
	// Of a bucket that is not there, each file would look lost.
	if err := files.ready(ctx); err != nil {
		return err
	}
	v := verifier{
		st: st, told: std.Err, tenants: map[string]string{}, report: verifyReport{Damaged: []verifyFinding{}, Unreadable: []verifyFinding{}},
		ctl: control.New(control.Config{Store: st, Bucket: files.bucket, Log: slog.New(slog.DiscardHandler)}),
	}
	if err := v.all(ctx); err != nil {
		return err
	}
	if err := v.print(std.Out, c.Output); err != nil {
		return err
	}
	if len(v.report.Damaged)+len(v.report.Unreadable) > 0 {
		return errors.New("not all artifacts are as they were stored; the lines above say what to do")
	}
	return nil
}

// storageExists refuses a folder that is not there: it is mistyped or not
// mounted, and must not make all artifacts look lost.
func storageExists(location string) error {
	folder, err := folderOf(location)
	if err != nil {
		return err
	}
	if folder == "" {
		return nil
	}
	if _, err := os.Stat(folder); err != nil {
		return &cdds.Error{Code: cdds.CodeNotFound, Message: "There is no artifact storage at " + folder + ".",
			Hint: "Look at --artifacts, and whether its disk is mounted. If the files are lost, make the folder and verify again: that marks them.", Err: err}
	}
	return nil
}

// all checks every artifact of all tenants that has not expired.
func (v *verifier) all(ctx context.Context) error {
	tenants, err := v.st.Tenants(ctx)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		use, err := v.st.StorageUse(ctx, t.ID)
		if err != nil {
			return err
		}
		v.tenants[t.ID] = t.Name
		v.total += use.Bytes
	}
	for last := ""; ; {
		batch, err := v.st.ArtifactsAfter(ctx, last, verifyBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, a := range batch {
			if err := v.one(ctx, a); err != nil {
				return err
			}
			last = a.ID
		}
	}
}

// one checks an artifact and marks what was found. One that cannot be read is
// not marked: that says more about the storage than about the file.
func (v *verifier) one(ctx context.Context, a cdds.Artifact) error {
	now := utcNow()
	damage, err := v.ctl.CheckArtifact(ctx, a, nil)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("verify the artifacts: %w", context.Cause(ctx))
	case err != nil:
		v.report.Unreadable = append(v.report.Unreadable, v.finding(a, err.Error(), "Look at the storage and its disk, then verify again."))
	case damage != "":
		v.report.Damaged = append(v.report.Damaged, v.finding(a, damage, "Export it again: retry run "+a.RunID+" in History."))
	}
	if err == nil {
		if err := v.ctl.MarkChecked(ctx, a, damage, now); err != nil {
			return err
		}
	}
	v.report.Checked++
	v.report.Bytes += a.Size
	v.tell()
	return nil
}

func (v *verifier) finding(a cdds.Artifact, reason, remedy string) verifyFinding {
	return verifyFinding{ID: a.ID, RunID: a.RunID, Tenant: v.tenants[a.TenantID], Title: a.Title, Name: a.Name, Reason: reason, Remedy: remedy}
}

// tell prints a line for each tenth of the bytes.
func (v *verifier) tell() {
	if v.total == 0 {
		return
	}
	const tenth = 10
	percent := min(100*v.report.Bytes/v.total, 100)
	if percent >= v.shown+tenth {
		v.shown = percent - percent%tenth
		fmt.Fprintf(v.told, "cdds: %3d%%, %d artifacts checked\n", percent, v.report.Checked)
	}
}

// print writes the findings and the sum, or JSON.
func (v *verifier) print(w io.Writer, output string) error {
	r := v.report
	if output == "json" {
		return json.NewEncoder(w).Encode(r)
	}
	if err := printFindings(w, "DAMAGED   ", r.Damaged); err != nil {
		return err
	}
	if err := printFindings(w, "UNREADABLE", r.Unreadable); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "%d artifacts checked, %d bytes: %d as they were stored, %d damaged, %d unreadable.\n",
		r.Checked, r.Bytes, r.Checked-int64(len(r.Damaged)+len(r.Unreadable)), len(r.Damaged), len(r.Unreadable))
	return err
}

// printFindings writes two lines for each: what is wrong, and what to do.
func printFindings(w io.Writer, mark string, found []verifyFinding) error {
	for _, f := range found {
		_, err := fmt.Fprintf(w, "%s %s of %q (tenant %s): %s\n           %s\n", mark, f.Name, f.Title, f.Tenant, f.Reason, f.Remedy)
		if err != nil {
			return err
		}
	}
	return nil
}
