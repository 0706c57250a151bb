package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"gocloud.dev/blob"

	"cdds"
	"cdds/control"
	"cdds/export"
	"cdds/store"
)

// fileMove copies the files that the metadata names from one storage to
// another. It may run beside the service that it copies from, and may be
// repeated: what has arrived is not copied again.
type fileMove struct {
	st      *store.Store
	from    *storage
	engine  *export.Engine   // of the storage that the files go to
	judge   *control.Control // says what is wrong with a file of the old storage
	known   *knownFiles
	tenants map[string]string // names by id
	total   int64             // bytes
	shown   int64             // percentage that was told last
	passed  int64             // bytes of the artifacts that were looked at
	told    io.Writer
	count   filesReport
	damaged []control.DamagedArtifact
}

// filesReport says how the files went.
type filesReport struct {
	Stay    bool  `json:"stay"` // they are left where they are
	ToCopy  int64 `json:"toCopy"`
	Copied  int64 `json:"copied"`
	Present int64 `json:"present"` // were there already, whole
	Bytes   int64 `json:"bytes"`   // of those that were, or are to be, copied
}

// moveFiles copies all files of the metadata in st.
func moveFiles(ctx context.Context, st *store.Store, from, to *storage, known *knownFiles, told io.Writer) (*fileMove, error) {
	f := &fileMove{st: st, from: from, known: known, told: told, tenants: map[string]string{},
		engine: to.engine(),
		judge:  control.New(control.Config{Store: st, Bucket: from.bucket, Log: slog.New(slog.DiscardHandler)}),
	}
	tenants, err := st.Tenants(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		use, err := st.StorageUse(ctx, t.ID)
		if err != nil {
			return nil, err
		}
		f.tenants[t.ID] = t.Name
		f.total += use.Bytes
	}
	if err := f.artifacts(ctx); err != nil {
		return nil, err
	}
	return f, f.unfinished(ctx)
}

// artifacts copies the files of all artifacts that have not expired.
func (f *fileMove) artifacts(ctx context.Context) error {
	for last := ""; ; {
		batch, err := f.st.ArtifactsAfter(ctx, last, verifyBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, a := range batch {
			whole, err := f.bring(ctx, export.Bringing{Key: a.Key, Size: a.Size, SHA256: a.SHA256})
			if err == nil && !whole {
				err = f.missed(ctx, a)
			}
			if err != nil {
				return err
			}
			last = a.ID
			f.passed += a.Size
			f.tell()
		}
	}
}

// bring copies one file and remembers it.
func (f *fileMove) bring(ctx context.Context, b export.Bringing) (whole bool, err error) {
	b.From, b.Known = f.from.bucket, f.known.has(b.Key, b.SHA256)
	copied, whole, err := f.engine.Bring(ctx, b)
	if err != nil || !whole {
		return false, err
	}
	f.count.Bytes += copied
	if copied > 0 {
		f.count.Copied++
	} else {
		f.count.Present++
	}
	if b.Known || b.SHA256 == "" {
		return true, nil
	}
	return true, f.known.add(b.Key, b.SHA256)
}

// missed notes what is wrong with an artifact whose file cannot be copied as it
// was stored, unless it has expired meanwhile.
func (f *fileMove) missed(ctx context.Context, a cdds.Artifact) error {
	now, err := f.st.Artifact(ctx, a.TenantID, a.ID)
	if cdds.CodeOf(err) == cdds.CodeNotFound || err == nil && !now.ExpiredAt.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	damage, err := f.judge.CheckArtifact(ctx, a, nil)
	if err != nil {
		return err
	}
	if damage == "" {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The file " + a.Key + " was not copied whole, though it is whole.", Hint: "Run the same command again: it goes on where it was."}
	}
	f.damaged = append(f.damaged, control.DamagedArtifact{Artifact: a, Damage: damage})
	return nil
}

// unfinished copies what runs in progress have stored so far, so that they go on
// behind it. What does not arrive is exported anew.
func (f *fileMove) unfinished(ctx context.Context) error {
	for last := ""; ; {
		batch, err := f.st.UnfinishedRuns(ctx, last, verifyBatch)
		if err != nil || len(batch) == 0 {
			return err
		}
		for _, run := range batch {
			if run.State == cdds.RunInProgress {
				if err := f.parts(ctx, run); err != nil {
					return err
				}
			}
			last = run.ID
		}
	}
}

// parts copies all files of a run, compared with its checkpoints where these
// name them.
func (f *fileMove) parts(ctx context.Context, run cdds.Run) error {
	kept, err := f.st.Checkpoints(ctx, run.ID)
	if err != nil {
		return err
	}
	sums := map[string]export.Artifact{}
	for _, row := range kept {
		var c export.Checkpoint
		if json.Unmarshal(row.Body, &c) == nil { // what no worker can read either is no part
			sums[c.Artifact.Key] = c.Artifact
		}
	}
	for list := f.from.bucket.List(&blob.ListOptions{Prefix: cdds.RunPrefix(run.TenantID, run.ID)}); ; {
		object, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("list the files of run %s: %w", run.ID, err)
		}
		if strings.HasSuffix(object.Key, ".tmp") { // a file that was being written when its worker died
			continue
		}
		whole, err := f.bring(ctx, export.Bringing{Key: object.Key, Size: object.Size, SHA256: sums[object.Key].SHA256})
		if err != nil {
			return err
		}
		if !whole {
			fmt.Fprintf(f.told, "cdds: %s is damaged or gone and is exported anew\n", object.Key)
		}
	}
}

// tell prints a line for each tenth of the bytes.
func (f *fileMove) tell() {
	const tenth = 10
	if f.total == 0 {
		return
	}
	if percent := min(100*f.passed/f.total, 100); percent >= f.shown+tenth {
		f.shown = percent - percent%tenth
		fmt.Fprintf(f.told, "cdds: %3d%%, %d files copied, %d were there\n", percent, f.count.Copied, f.count.Present)
	}
}

// findings lists the damaged artifacts for people.
func (f *fileMove) findings() []verifyFinding {
	v := verifier{tenants: f.tenants}
	found := []verifyFinding{}
	for _, d := range f.damaged {
		found = append(found, v.finding(d.Artifact, d.Damage, "Export it again: retry run "+d.Artifact.RunID+" in History."))
	}
	return found
}

// knownFiles remembers which files were found whole at the other storage, in a
// file beside the metadata, so that the move itself, during which the service
// stands still, does not read them all again. It takes 16 bytes of memory or so
// for each.
type knownFiles struct {
	file *os.File
	sums map[uint64]struct{}
}

// knownPath is where the list lies while an installation is being moved.
func knownPath(database string) string { return database + ".copied" }

// openKnown opens the list for a storage, and begins a new one where it was
// made for another.
func openKnown(database, location string) (k *knownFiles, err error) {
	file, err := os.OpenFile(knownPath(database), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the list of copied files: %w", err)
	}
	defer func() {
		if err != nil {
			err = closing(file, err)
		}
	}()
	k = &knownFiles{file: file, sums: map[uint64]struct{}{}}
	sum := sha256.Sum256([]byte(location))
	head := "cdds files copied to " + hex.EncodeToString(sum[:])
	lines := bufio.NewScanner(file)
	if lines.Scan() && lines.Text() == head {
		for lines.Scan() {
			k.sums[lineSum(lines.Text())] = struct{}{}
		}
		// A line that was cut off must not swallow the next one.
		head = ""
	} else if err := file.Truncate(0); err != nil {
		return nil, fmt.Errorf("begin the list of copied files: %w", err)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list of copied files: %w", err)
	}
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		return nil, fmt.Errorf("read the list of copied files: %w", err)
	}
	_, err = file.WriteString(head + "\n")
	return k, err
}

func lineSum(line string) uint64 {
	sum := sha256.Sum256([]byte(line))
	return binary.LittleEndian.Uint64(sum[:])
}

func (k *knownFiles) has(key, sum string) bool {
	_, known := k.sums[lineSum(key+" "+sum)]
	return known
}

func (k *knownFiles) add(key, sum string) error {
	line := key + " " + sum
	k.sums[lineSum(line)] = struct{}{}
	if _, err := k.file.WriteString(line + "\n"); err != nil {
		return fmt.Errorf("note a copied file: %w", err)
	}
	return nil
}

// Close closes the list.
func (k *knownFiles) Close() error { return k.file.Close() }
