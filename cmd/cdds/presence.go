package main

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cdds"
	"cdds/queue"
	"cdds/store"
)

// beatTime is how long one beat may take.
const beatTime = 5 * time.Second

// presence keeps this process's row in the list of nodes, and notices when a
// newer version has migrated the metadata. It is safe for concurrent use.
type presence struct {
	st      *store.Store
	log     *slog.Logger
	began   time.Time // by the steady clock
	working atomic.Int64
	changed chan struct{} // has one element when there is news to write at once

	mu   sync.Mutex
	node cdds.Node
}

// newPresence returns the presence of a node that is up.
func newPresence(st *store.Store, name string, roles []string, workers int, log *slog.Logger) *presence {
	node := cdds.Node{Name: name, Roles: roles, Version: version, State: cdds.NodeUp}
	if node.Does(cdds.NodeWorker) {
		node.Workers = workers
	}
	return &presence{st: st, log: log, began: time.Now(), changed: make(chan struct{}, 1), node: node}
}

// counted counts the tasks that are at work.
func (p *presence) counted(work func(context.Context, queue.Task) error) func(context.Context, queue.Task) error {
	return func(ctx context.Context, t queue.Task) error {
		p.working.Add(1)
		defer p.working.Add(-1)
		return work(ctx, t)
	}
}

// listens says where the node's API can be reached.
func (p *presence) listens(address string) {
	p.change(func(n *cdds.Node) { n.Address = address })
}

// becomes changes the node's state. One that is outdated stays so until it is
// gone: why it takes no more work is what people have to know.
func (p *presence) becomes(state cdds.NodeState) {
	p.change(func(n *cdds.Node) {
		if n.State != cdds.NodeOutdated {
			n.State = state
		}
	})
}

// change changes the row and has it written at once.
func (p *presence) change(what func(*cdds.Node)) {
	p.mu.Lock()
	what(&p.node)
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default: // news is waiting already, and is read when it is written
	}
}

// now is the node as it is now.
func (p *presence) now() cdds.Node {
	p.mu.Lock()
	defer p.mu.Unlock()
	node := p.node
	node.Working = int(p.working.Load())
	return node
}

// ready returns nil while the node takes work.
func (p *presence) ready(context.Context) error {
	switch p.now().State {
	case cdds.NodeUp:
		return nil
	case cdds.NodeOutdated:
		return &cdds.Error{Code: cdds.CodeUnavailable, Message: "A newer version has migrated the metadata database; this node takes no more work.",
			Hint: "Replace it by the newer version."}
	}
	return &cdds.Error{Code: cdds.CodeUnavailable, Message: "This node is being stopped.", Hint: "Ask another node."}
}

// keep writes the row every few seconds until ctx ends. retire is called when
// the metadata turns out to be of a newer version.
func (p *presence) keep(ctx context.Context, retire func()) {
	tick := time.NewTicker(cdds.NodeBeatEvery)
	defer tick.Stop()
	for {
		p.beat(ctx)
		p.lookAtSchema(ctx, retire)
		select {
		case <-ctx.Done():
			return
		case <-p.changed:
		case <-tick.C:
		}
	}
}

// beat writes the row. What it cannot write is written by the next beat.
func (p *presence) beat(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	err := p.st.PutNode(bounded, store.Beat{Node: p.now(), Since: time.Since(p.began)})
	if err != nil && ctx.Err() == nil {
		p.log.Warn("the node could not report to the list of nodes; it tries again", "error", err)
	}
}

// lookAtSchema takes the node out of work when its statements may no longer fit
// the schema. A database that does not answer says nothing about it.
func (p *presence) lookAtSchema(ctx context.Context, retire func()) {
	if p.now().State != cdds.NodeUp {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, beatTime)
	defer cancel()
	if err := p.st.Ready(bounded); cdds.CodeOf(err) == cdds.CodeConflict {
		p.log.Error("a newer version has migrated the metadata database: this node is not ready any more and takes no more work", "error", err,
			"hint", "replace this node by the newer version; runs under way end or are handed on")
		p.becomes(cdds.NodeOutdated)
		retire()
	}
}

// leave says that the node stopped in order. It is called when nothing of it is
// at work any more, also where ctx has ended.
func (p *presence) leave(ctx context.Context) {
	p.mu.Lock()
	p.node.State = cdds.NodeGone
	p.mu.Unlock()
	p.beat(context.WithoutCancel(ctx))
}
