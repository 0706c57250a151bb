package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cdds"
)

// All that is compared here goes by the database's clock: it is the one clock
// that all nodes see. Whose own clock is wrong, or is set, neither looks silent
// nor makes others look so. A database whose clock is set forward shows nodes as
// silent until their next beat, and a row that was removed then comes back with
// it; nothing else depends on these rows.

const nodeColumns = `n.name, n.roles, n.version, n.address, n.workers, n.working, n.started_at, n.seen_at`

// Beat is what a node says of itself every few seconds.
type Beat struct {
	cdds.Node               // without StartedAt and SeenAt, which the database's clock gives
	Since     time.Duration // how long the node has been running, by its steady clock
}

// PutNode writes a node's row. It is one statement and a transaction by itself.
func (s *Store) PutNode(ctx context.Context, b Beat) error {
	now := "(" + s.dialect.clock() + ")"
	_, err := exec(ctx, s.write, "write the node's row", `
		INSERT INTO nodes (name, roles, version, address, workers, working, state, started_at, seen_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, `+now+` - $8, `+now+`)
		ON CONFLICT (name) DO UPDATE SET address = excluded.address, working = excluded.working, state = excluded.state, seen_at = excluded.seen_at`,
		b.Name, strings.Join(b.Roles, ","), b.Version, b.Address, b.Workers, b.Working, string(b.State), b.Since.Microseconds())
	return err
}

// ForgetNodes removes the rows of nodes that stopped in order an hour ago, or
// have been silent for a week, and returns how many these were.
func (s *Store) ForgetNodes(ctx context.Context) (int64, error) {
	now := "(" + s.dialect.clock() + ")"
	return exec(ctx, s.write, "forget old nodes", `DELETE FROM nodes WHERE (state = 'gone' AND seen_at < `+now+` - $1) OR seen_at < `+now+` - $2`,
		cdds.NodeGoneKept.Microseconds(), cdds.NodeSilentKept.Microseconds())
}

// NodeQuery asks for a page of the nodes. Empty filters let all pass. Sort keys:
// name (default), version, state, working, startedAt, seenAt.
type NodeQuery struct {
	Text   string // part of the name, in any case
	Roles  []string
	States []cdds.NodeState
	Paging
}

// Nodes returns a page of the nodes. They belong to the deployment and to no
// tenant, and their rows say nothing of one.
func (s *Store) Nodes(ctx context.Context, q NodeQuery) (Page[cdds.Node], error) {
	f := &filter{}
	f.and("n.name <> ''")
	state := s.nodeState()
	states := make([]string, len(q.States))
	for i, one := range q.States {
		states[i] = string(one)
	}
	f.in(state, states)
	if len(q.Roles) > 0 {
		either := make([]string, len(q.Roles))
		for i, role := range q.Roles {
			either[i] = `(',' || n.roles || ',') LIKE ` + f.arg("%,"+role+",%")
		}
		f.and("(" + strings.Join(either, " OR ") + ")")
	}
	f.search(q.Text, "lower(n.name)", "lower(n.name)")
	return page(ctx, s.from, listing[cdds.Node]{
		what:    "nodes",
		columns: nodeColumns + ", " + state,
		from:    "nodes n",
		counted: "nodes n",
		filter:  f,
		keys: []sortKey{{"name", "n.name", false}, {"version", "n.version", false}, {"state", state, false}, {"working", "n.working", true},
			{"startedAt", "n.started_at", true}, {"seenAt", "n.seen_at", true}},
		sort: "name",
		id:   sortKey{"name", "n.name", false},
		scan: scanNode,
	}, q.Paging)
}

// nodeState is the state of a row as it is shown: one that has not been heard of
// for too long is silent, unless it stopped in order.
func (s *Store) nodeState() string {
	return fmt.Sprintf(`CASE WHEN n.state <> 'gone' AND n.seen_at < (%s) - %d THEN 'silent' ELSE n.state END`,
		s.dialect.clock(), cdds.NodeSilentAfter.Microseconds())
}

func scanNode(row scanner) (cdds.Node, error) {
	var n cdds.Node
	var roles string
	err := row.Scan(&n.Name, &roles, &n.Version, &n.Address, &n.Workers, &n.Working, (*instant)(&n.StartedAt), (*instant)(&n.SeenAt), &n.State)
	n.Roles = strings.Split(roles, ",")
	return n, err
}
