// Command manifests reads the files for containers and Kubernetes with the
// libraries that Docker, Compose and Kubernetes read them with, and fails on
// what these do not know or warn of: a misspelt key is an error here. It is a
// module of its own, so that none of that is a dependency of the product.
//
// Usage: kustomize build packaging/kubernetes | go run -C .ci/manifests . FOLDER
// FOLDER is the absolute path of packaging/docker.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: manifests FOLDER")
		os.Exit(2)
	}
	one, many := filepath.Join(os.Args[1], "compose.yaml"), filepath.Join(os.Args[1], "compose.nodes.yaml")
	err := errors.Join(kubernetes(os.Stdin), dockerfile(filepath.Join(os.Args[1], "Dockerfile")), compose(one), compose(one, many))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kubernetes reads objects strictly, each as what it says it is.
func kubernetes(from io.Reader) error {
	all, err := io.ReadAll(from)
	if err != nil {
		return fmt.Errorf("read the objects: %w", err)
	}
	for _, text := range bytes.Split(all, []byte("\n---\n")) {
		var kind meta.TypeMeta
		if err := yaml.Unmarshal(text, &kind); err != nil {
			return fmt.Errorf("read an object: %w", err)
		}
		known := map[string]any{
			"v1 ConfigMap": &core.ConfigMap{}, "v1 Service": &core.Service{}, "v1 ServiceAccount": &core.ServiceAccount{},
			"v1 PersistentVolumeClaim": &core.PersistentVolumeClaim{}, "policy/v1 PodDisruptionBudget": &policy.PodDisruptionBudget{},
			"apps/v1 StatefulSet": &apps.StatefulSet{}, "apps/v1 Deployment": &apps.Deployment{}, "networking.k8s.io/v1 NetworkPolicy": &networking.NetworkPolicy{},
		}
		name := kind.APIVersion + " " + kind.Kind
		object, ok := known[name]
		if !ok {
			return fmt.Errorf("%s: this program has no type for it", name)
		}
		if err := yaml.UnmarshalStrict(text, object); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// dockerfile parses a Dockerfile and all of its instructions, with the parser's
// warnings and the linter's as errors.
func dockerfile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("parse the Dockerfile: %w", err)
	}
	var found []error
	for _, warning := range parsed.Warnings {
		found = append(found, fmt.Errorf("Dockerfile: %s", warning.Short))
	}
	rules := linter.New(&linter.Config{Warn: func(rule, _, _, message string, _ []parser.Range) {
		found = append(found, fmt.Errorf("Dockerfile: %s: %s", rule, message))
	}})
	if _, _, err := instructions.Parse(parsed.AST, rules); err != nil {
		found = append(found, fmt.Errorf("Dockerfile: %w", err))
	}
	return errors.Join(found...)
}

// compose loads Compose files, the later over the earlier, as Compose does, with a value for what it asks of
// the environment.
func compose(paths ...string) error {
	options, err := cli.NewProjectOptions(paths, cli.WithEnv([]string{"CDDS_SOURCE=postgres://reader@localhost/ucs"}))
	if err != nil {
		return fmt.Errorf("load the Compose files: %w", err)
	}
	if _, err := options.LoadProject(context.Background()); err != nil {
		return fmt.Errorf("load the Compose files: %w", err)
	}
	return nil
}
