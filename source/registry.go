package source

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"cdds"
)

// Registry holds the sources of a deployment by their names, "" being the
// deployment's own. Each is opened when it is first asked for, and kept. It is
// safe for concurrent use.
type Registry struct {
	open map[string]func(ctx context.Context) (Source, error)

	mutex  sync.Mutex
	opened map[string]Source
}

// NewRegistry returns a Registry of sources that the given functions open. A
// function that fails is called again when its source is asked for again: a
// setting may have been mended meanwhile.
func NewRegistry(open map[string]func(ctx context.Context) (Source, error)) *Registry {
	return &Registry{open: open, opened: map[string]Source{}}
}

// Names lists the names of all sources, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.open)) }

// Has reports whether there is a source of that name.
func (r *Registry) Has(name string) bool { return r.open[name] != nil }

// Named returns the source of that name. CodeInvalid where there is none, so
// that runs which need it fail at once.
func (r *Registry) Named(ctx context.Context, name string) (Source, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if s := r.opened[name]; s != nil {
		return s, nil
	}
	open := r.open[name]
	if open == nil {
		return nil, &cdds.Error{Code: cdds.CodeInvalid, Message: fmt.Sprintf("The settings of this service have no source named %q.", name),
			Hint: "The operator adds it under sources and starts the service again, or gives the tenant another source with cdds tenant edit."}
	}
	s, err := open(ctx)
	if err != nil {
		return nil, err
	}
	r.opened[name] = s
	return s, nil
}

// Answers returns nil when a source takes a connection and begins a
// transaction, and why not otherwise. Quiet hours and ceilings do not matter.
func (r *Registry) Answers(ctx context.Context, name string) error {
	s, err := r.Named(ctx, name)
	if err != nil {
		return err
	}
	if g, guarded := s.(*Guard); guarded {
		s = g.Source
	}
	snapshot, err := s.Snapshot(ctx)
	if err == nil {
		return snapshot.Close()
	}
	if ctx.Err() != nil {
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "The source did not answer in time, or all connections that it allows are in use.",
			Hint: "Look again in a while.", Err: err}
	}
	return err
}

// Close closes the sources that were opened. Nothing may be under way any more.
func (r *Registry) Close() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var errs []error
	for _, s := range r.opened {
		errs = append(errs, s.Close())
	}
	clear(r.opened)
	return errors.Join(errs...)
}
