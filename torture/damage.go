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
// 1, and the API must show it as damaged from then on.
func damage(ctx context.Context, r *round) error {
	artifacts, err := everything[artifactAnswer](ctx, r.client, "/artifacts?limit=100")
	if err != nil || len(artifacts) == 0 {
		return errors.Join(err, errors.New("there is no artifact to damage"))
	}
	victim := artifacts[r.random.IntN(len(artifacts))]
	if err := r.flip(victim.Name); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, r.binary, "verify", "--data", r.dir).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 || !bytes.Contains(out, []byte(victim.Name)) {
		r.stick("cdds verify does not find damaged %s: %v: %s", victim.Name, err, out)
	}
	if err := r.client.call(ctx, "GET", "/artifacts/"+victim.ID, "", nil, &victim); err != nil {
		return fmt.Errorf("look at a damaged artifact: %w", err)
	}
	if !victim.damaged() {
		r.stick("the API does not show that %s is damaged", victim.Name)
	}
	return nil
}

// flip turns some bytes in the middle of a stored file over.
func (r *round) flip(name string) error {
	files, err := r.stored()
	if err != nil {
		return err
	}
	for _, f := range files {
		if filepath.Base(f.key) != name {
			continue
		}
		path := filepath.Join(r.artifacts, filepath.FromSlash(f.key))
		content, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("damage a part: %w", err)
		}
		for at := len(content) / 2; at < min(len(content), len(content)/2+8); at++ {
			content[at] ^= 0xff
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return fmt.Errorf("damage a part: %w", err)
		}
		return nil
	}
	return fmt.Errorf("%s is not in the storage", name)
}
