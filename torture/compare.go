package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cdds/cms"
	"cdds/export"
)

// compare compares what all runs of the round have made with the database.
func (r *round) compare(ctx context.Context) error {
	for _, j := range r.jobs {
		r.compareOccurrences(j)
		for _, run := range j.runs {
			r.runs++
			if run.State != "finished" {
				if run.Artifacts > 0 {
					r.stick("run %s is %s and has %d artifacts", run.ID, run.State, run.Artifacts)
				}
				continue
			}
			if err := r.compareRun(ctx, run); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareOccurrences compares the runs of an hourly job with the hours: each
// has one run, and those that a clock which ran ahead has started follow
// without a gap.
func (r *round) compareOccurrences(j *job) {
	if !j.hourly {
		if len(j.runs) > 1 {
			r.double(len(j.runs)-1, "a job that runs once has %d runs", len(j.runs))
		}
		return
	}
	r.clock.mark()
	times := map[time.Time]int{}
	last := r.clock.now().Add(-scheduling)
	for _, run := range j.runs {
		at := run.ScheduledFor.UTC()
		if at.After(r.clock.highest) {
			r.double(1, "the occurrence of %s was started before its time", at)
		}
		times[at]++
		if at.After(last) {
			last = at
		}
	}
	for at := j.created.UTC().Truncate(time.Hour).Add(time.Hour); !at.After(last); at = at.Add(time.Hour) {
		switch n := times[at]; {
		case n == 0:
			r.lose(1, "the occurrence of %s has no run", at)
		case n > 1:
			r.double(n-1, "the occurrence of %s has %d runs", at, n)
		}
		delete(times, at)
	}
	for at, n := range times {
		r.double(n, "there is a run for %s, which is no occurrence", at)
	}
}

// compareRun compares a run's records with those of its window.
func (r *round) compareRun(ctx context.Context, run runAnswer) error {
	if run.Window.End == nil {
		r.stick("finished run %s has no window", run.ID)
		return nil
	}
	want, err := r.history.expected(ctx, run.Job.Type, run.Window.Start, run.Window.End)
	if err != nil {
		return err
	}
	got := multiset{}
	artifacts, err := everything[artifactAnswer](ctx, r.client, "/artifacts?sort=name&limit=100&run="+run.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(artifacts, artifactAnswer.damaged) {
		return nil // the service says itself that it cannot be read
	}
	for _, a := range artifacts {
		if err := r.open(ctx, a, got); err != nil {
			r.lose(1, "artifact %s cannot be opened: %v", a.Name, err)
		}
	}
	for _, n := range got {
		r.records += n
	}
	lost, doubled := want.differ(got)
	if lost > 0 {
		r.lose(lost, "run %s lacks %d records of its window", run.ID, lost)
	}
	if doubled > 0 {
		r.double(doubled, "run %s has %d records too many", run.ID, doubled)
	}
	return nil
}

// opensslEvery is how many artifacts are opened by our own code for each that
// openssl opens.
const opensslEvery = 10

// open downloads an artifact, checks its size and its SHA-256, decrypts it and
// adds its records.
func (r *round) open(ctx context.Context, a artifactAnswer, into multiset) error {
	var content bytes.Buffer
	if err := r.client.call(ctx, "GET", "/artifacts/"+a.ID+"/content", "", nil, &content); err != nil {
		return fmt.Errorf("download: %w", err)
	}
	sum := sha256.Sum256(content.Bytes())
	if int64(content.Len()) != a.Size || hex.EncodeToString(sum[:]) != a.SHA256 {
		return errors.New("its size or its SHA-256 is not the one that the service names")
	}
	var plain io.Reader
	var err error
	if r.random.IntN(opensslEvery) == 0 {
		plain, err = r.openssl(ctx, content.Bytes())
	} else {
		plain, err = cms.Decrypt(&content, nil, r.key)
	}
	if err != nil {
		return fmt.Errorf("decrypt: %w", err)
	}
	err = export.ReadZip(plain, func(name string, lines io.Reader) error { return addRecords(name, lines, into) })
	if err != nil {
		return fmt.Errorf("read the zip: %w", err)
	}
	if _, err := io.Copy(io.Discard, plain); err != nil { // the message is known to be whole at its end
		return fmt.Errorf("read the message to its end: %w", err)
	}
	return nil
}

// openssl decrypts with openssl.
func (r *round) openssl(ctx context.Context, content []byte) (io.Reader, error) {
	file := filepath.Join(r.dir, "artifact.p7m")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return nil, err
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, "openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", file, "-inkey", r.keyFile)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("openssl: %w: %s", err, errs.String())
	}
	return &out, nil
}

// record is what identifies a line of any kind.
type record struct {
	IxnID, ID, ContactID string
	Text                 string
	Content              []byte
	Attributes           []struct{ Name, Value string }
}

// addRecords adds the records of a file. Its name says of which kind they are.
func addRecords(name string, from io.Reader, into multiset) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 1<<20), 16<<20)
	for lines.Scan() {
		var one record
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			return fmt.Errorf("a line of %s is no record: %w", name, err)
		}
		switch {
		case strings.HasPrefix(name, "Interaction-Attachment-"):
			into[newDigest("attachment", one.ID, hash(one.Content))]++
		case strings.HasPrefix(name, "Interaction-"):
			into[newDigest("interaction", one.IxnID, hash([]byte(one.Text)))]++
		case strings.HasPrefix(name, "Contact-"):
			var text strings.Builder
			for _, a := range one.Attributes {
				text.WriteString(a.Name + "=" + a.Value + ";")
			}
			into[newDigest("contact", one.ContactID, hash([]byte(text.String())))]++
		default:
			return fmt.Errorf("a file has the strange name %s", name)
		}
	}
	return lines.Err()
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
