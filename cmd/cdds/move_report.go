package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gocloud.dev/gcerrors"

	"cdds"
	"cdds/control"
	"cdds/queue"
	"cdds/store"
)

// moveReport says what was moved, or would be, as JSON prints it.
type moveReport struct {
	Moved      bool             `json:"moved"`
	Database   string           `json:"database"`
	Artifacts  string           `json:"artifacts"`
	Tables     map[string]int64 `json:"tables"` // rows
	Files      filesReport      `json:"files"`
	Damaged    []verifyFinding  `json:"damaged"`
	Running    bool             `json:"running"` // the old service; told by a check alone
	Hindrances []string         `json:"hindrances"`
}

func newMoveReport() moveReport {
	return moveReport{Tables: map[string]int64{}, Damaged: []verifyFinding{}, Hindrances: []string{}}
}

// add notes the tables.
func (r *moveReport) add(tables []store.TableRows) {
	for _, t := range tables {
		r.Tables[t.Table] = t.Rows
	}
}

// verdict is an error where something in the report asks for attention.
func (r *moveReport) verdict() error {
	switch {
	case len(r.Hindrances) > 0:
		return errors.New("the installation cannot be moved yet; the lines above say why")
	case len(r.Damaged) > 0 && r.Moved:
		return errors.New("the installation is moved; some of its artifacts were not whole and are marked, and the lines above say what to do")
	case len(r.Damaged) > 0:
		return errors.New("some artifacts are not whole; the move goes on without them and marks them")
	}
	return nil
}

// write writes the report as JSON or as text.
func (r *moveReport) write(w io.Writer, output string) error {
	if output == "json" {
		return json.NewEncoder(w).Encode(r)
	}
	for _, h := range r.Hindrances {
		if _, err := fmt.Fprintln(w, "IN THE WAY ", h); err != nil {
			return err
		}
	}
	if err := printFindings(w, "DAMAGED   ", r.Damaged); err != nil {
		return err
	}
	rows := int64(0)
	for _, n := range r.Tables {
		rows += n
	}
	text := ""
	switch {
	case r.Moved:
		text = fmt.Sprintf("Moved %d rows of %d tables to %s.\n", rows, len(r.Tables), r.Database)
	case len(r.Tables) > 0:
		text = fmt.Sprintf("%d rows of %d tables are to be moved to %s.\n", rows, len(r.Tables), r.Database)
	}
	_, err := io.WriteString(w, text+r.Files.text(r.Artifacts))
	return err
}

// text says how the files went, or would go, to a storage.
func (f filesReport) text(storage string) string {
	switch {
	case f.Stay:
		return "The artifacts stay in " + storage + ".\n"
	case f.ToCopy > 0:
		return fmt.Sprintf("%d files (%d bytes) are to be copied to %s.\n", f.ToCopy, f.Bytes, storage)
	}
	return fmt.Sprintf("%d files (%d bytes) were copied to %s, %d were there.\n", f.Copied, f.Bytes, storage, f.Present)
}

// check says what would be moved and what is in the way, and changes nothing.
func (m *move) check(ctx context.Context) (err error) {
	defer func() { err = m.close(err) }()
	mark, err := readMark(m.old.database)
	if err != nil {
		return err
	}
	if mark != nil && mark.Complete {
		m.hinder(mark.refusal(m.old.database))
	}
	unlock, err := lockFolder(m.old.folder)
	if m.report.Running = cdds.CodeOf(err) == cdds.CodeConflict; err == nil {
		unlock()
	} else if !m.report.Running {
		return err
	}
	if err := m.openSource(ctx); err != nil {
		m.hinder(err)
	} else if err := m.checkSource(ctx); err != nil {
		return err
	}
	if m.target, err = store.Open(ctx, m.flags.Database); err != nil {
		m.hinder(err)
	} else if err := m.occupied(ctx); err != nil {
		m.hinder(err)
	} else if err := m.target.Ready(ctx); cdds.CodeOf(err) == cdds.CodeConflict {
		m.hinder(err) // a newer version; an older one is brought to this one
	}
	if err := m.report.write(m.std.Out, m.flags.Output); err != nil {
		return err
	}
	if m.report.Running {
		fmt.Fprintln(m.std.Err, "cdds: the service runs; it has to be stopped for the move, and not before")
	}
	return m.report.verdict()
}

// hinder notes what is in the way.
func (m *move) hinder(err error) {
	if err == nil {
		return
	}
	text := err.Error()
	var e *cdds.Error
	if errors.As(err, &e) {
		text = e.Message + " " + e.Hint
	}
	m.report.Hindrances = append(m.report.Hindrances, redact(text))
}

// checkSource reads all rows, and looks for all files.
func (m *move) checkSource(ctx context.Context) error {
	tables, hindrances, err := m.source.Unmovable(ctx, queue.TablePrefix)
	if err != nil {
		return err
	}
	m.report.add(tables)
	m.report.Hindrances = append(m.report.Hindrances, hindrances...)
	if m.stay {
		return nil
	}
	if err := storageExists(m.old.artifacts); err != nil {
		m.hinder(err)
		return nil
	}
	return m.checkFiles(ctx)
}

// checkFiles counts the files that would be copied, by their sizes. What they
// hold is looked at when they are copied.
func (m *move) checkFiles(ctx context.Context) (err error) {
	from, err := openStorage(ctx, m.old.artifacts)
	if err != nil {
		return err
	}
	defer func() { err = closing(from.bucket, err) }()
	f := fileMove{tenants: map[string]string{}}
	for last := ""; ; {
		batch, err := m.source.ArtifactsAfter(ctx, last, verifyBatch)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			m.report.Damaged = f.findings()
			return nil
		}
		for _, a := range batch {
			last = a.ID
			stored, err := from.bucket.Attributes(ctx, a.Key)
			switch {
			case gcerrors.Code(err) == gcerrors.NotFound:
				f.damaged = append(f.damaged, control.DamagedArtifact{Artifact: a, Damage: control.Missing})
			case err != nil:
				return fmt.Errorf("look for a stored file: %w", err)
			case stored.Size != a.Size:
				f.damaged = append(f.damaged, control.DamagedArtifact{Artifact: a, Damage: fmt.Sprintf("The file has %d bytes; %d were stored.", stored.Size, a.Size)})
			default:
				m.report.Files.ToCopy++
				m.report.Files.Bytes += a.Size
			}
		}
	}
}
