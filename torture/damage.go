package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// damage flips bytes of a stored part. cdds verify must name it and exit with
// 1, and the API must show it as damaged from then on. The bytes are put back
// for the comparison.
func damage(ctx context.Context, r *round) error {
	artifacts, err := everything[struct {
		ID, Name string
		Damaged  any
	}](ctx, r.client, "/artifacts?limit=100")
	if err != nil || len(artifacts) == 0 {
		return errors.Join(err, errors.New("there is no artifact to damage"))
	}
	victim := artifacts[r.random.IntN(len(artifacts))]
	restore, err := r.flip(victim.Name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, r.binary, "verify", "--data", r.dir, "--database", r.metaDSN, "--artifacts", "file://"+r.artifacts)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(out, []byte(victim.Name)) {
		r.stick("cdds verify does not find damaged %s: %v: %s", victim.Name, err, out)
	}
	err = r.client.call(ctx, "GET", "/artifacts/"+victim.ID, "", nil, &victim)
	if err == nil && (victim.Damaged == nil || victim.Damaged == false) {
		r.stick("the API does not show that %s is damaged", victim.Name)
	}
	return errors.Join(err, restore())
}

// flip turns some bytes in the middle of a stored file over, and returns how to
// turn them back.
func (r *round) flip(name string) (func() error, error) {
	for _, f := range r.stored() {
		if filepath.Base(f.key) != name {
			continue
		}
		path := filepath.Join(r.artifacts, filepath.FromSlash(f.key))
		whole, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("damage a part: %w", err)
		}
		bad := bytes.Clone(whole)
		for at := len(bad) / 2; at < min(len(bad), len(bad)/2+8); at++ {
			bad[at] ^= 0xff
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			return nil, fmt.Errorf("damage a part: %w", err)
		}
		return func() error { return os.WriteFile(path, whole, 0o600) }, nil
	}
	return nil, fmt.Errorf("%s is not in the storage", name)
}
